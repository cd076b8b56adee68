//! Finds an item (a function, a type, an `impl`) by its header, trusting rustfmt for indentation.

/// An item's header, and the headers around it.
#[derive(Debug)]
pub struct Item {
    /// Outermost first: `impl Connection`, then `fn run`. Empty for a whole file.
    path: Vec<String>,
}

impl Item {
    /// The function around the anchor `region` in `listing`; else the items that the region holds; else what is around it.
    pub fn around(listing: &str, region: &str) -> Vec<Self> {
        let lines: Vec<&str> = listing.lines().collect();
        let anchor = |line: &&str| line.trim().strip_prefix("// ANCHOR: ") == Some(region);
        let Some(at) = lines.iter().position(anchor) else { return Vec::new() };
        let mut path = Vec::new();
        let mut indent = indent_of(lines[at]);
        for line in lines[..at].iter().rev().filter(|line| !line.trim().is_empty()) {
            if indent_of(line) < indent {
                // Its header stands above, on the same column.
                indent = indent_of(line) + usize::from(is_continued(line));
                path.extend(header(line));
            }
        }
        path.reverse();
        if path.last().is_some_and(|header: &String| header.starts_with("fn ")) {
            return vec![Self { path }];
        }
        let end = format!("// ANCHOR_END: {region}");
        let inside = lines[at + 1..].iter().take_while(|line| !line.contains(&end));
        let inside = inside.filter(|line| indent_of(line) == indent_of(lines[at])).filter_map(|line| header(line));
        let within = |header| Self { path: path.iter().cloned().chain([header]).collect() };
        let items: Vec<_> = inside.map(within).collect();
        if items.is_empty() { vec![Self { path }] } else { items }
    }

    /// `impl Connection, fn run`.
    pub fn name(&self) -> String {
        if self.path.is_empty() { String::from("the whole file") } else { self.path.join(", ") }
    }

    /// The lines of the item of this name in another text.
    pub fn find_in(&self, text: &str) -> Option<String> {
        let lines: Vec<&str> = text.lines().collect();
        let (mut from, mut to) = (0, lines.len());
        for wanted in &self.path {
            let found = from + lines[from..to].iter().position(|line| header(line).as_ref() == Some(wanted))?;
            let indent = indent_of(lines[found]);
            let ends = |line: &&str| {
                indent_of(line) == indent
                    && !is_continued(line)
                    && (line.trim_start().starts_with(['}', ')']) || line.ends_with([';', '}']))
            };
            let length = lines[found..to].iter().position(ends)?;
            (from, to) = (found, found + length + 1);
        }
        Some(lines[from..to].join("\n")).filter(|text| !text.is_empty())
    }
}

/// `fn run` for `    pub async fn run(self) {`.
fn header(line: &str) -> Option<String> {
    let mut words = line
        .split_whitespace()
        .skip_while(|word| word.starts_with("pub") || matches!(*word, "async" | "const" | "unsafe"));
    let kind = words.next()?;
    let rest: Vec<&str> = words.collect();
    let name =
        |text: &str| text.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default().to_owned();
    match kind {
        "fn" | "struct" | "enum" | "trait" | "mod" => Some(format!("{kind} {}", name(rest.first()?))),
        _ if kind == "impl" || kind.starts_with("impl<") => {
            let rest = rest.join(" ");
            Some(format!("impl {}", rest.trim_end_matches('{').trim()))
        }
        _ => None,
    }
}

/// `) -> Ended {`, behind a header that rustfmt has put on several lines.
fn is_continued(line: &str) -> bool {
    line.trim_start().starts_with(')') && line.ends_with('{')
}

fn indent_of(line: &str) -> usize {
    if line.trim().is_empty() { usize::MAX } else { line.len() - line.trim_start().len() }
}

#[cfg(test)]
mod tests {
    use super::Item;

    const REFERENCE: &str = "\
impl Connection {
    /// Runs.
    pub async fn run(self) {
        setup();
        // ANCHOR: step-1-1-run
        echo();
        // ANCHOR_END: step-1-1-run
    }
}
";

    #[test]
    fn an_item_is_found_again_by_its_headers() {
        let [item] = &Item::around(REFERENCE, "step-1-1-run")[..] else { panic!("there is one function") };
        assert_eq!(item.name(), "impl Connection, fn run");
        let mine = "fn run() {\n}\n\nimpl Connection {\n    pub async fn run(self) {\n        mine();\n    }\n}\n";
        assert_eq!(item.find_in(mine).as_deref(), Some("    pub async fn run(self) {\n        mine();\n    }"));
        assert_eq!(item.find_in("fn other() {}\n"), None);
    }

    #[test]
    fn a_header_on_several_lines_is_one() {
        let text = "async fn talk(\n    ws: WebSocket,\n) -> Ended {\n    // ANCHOR: here\n    run()\n    // ANCHOR_END: here\n}\n";
        let [item] = &Item::around(text, "here")[..] else { panic!("there is one function") };
        assert_eq!(item.name(), "fn talk");
        assert_eq!(item.find_in(text).as_deref(), Some(text.trim_end()));
    }

    #[test]
    fn a_region_of_several_items_is_all_of_them() {
        let text = "mod a {\n    // ANCHOR: here\n    fn one() {}\n\n    struct Two;\n    // ANCHOR_END: here\n}\n";
        let names: Vec<_> = Item::around(text, "here").iter().map(Item::name).collect();
        assert_eq!(names, ["mod a, fn one", "mod a, struct Two"]);
        assert!(Item::around(text, "there").is_empty());
    }
}
