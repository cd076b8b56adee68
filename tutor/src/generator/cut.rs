//! Renders a marked file as a learner, a course test or the book is to see it.

use super::marks::{Body, Piece, Region};

/// Which of the marked bodies stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// As it stands when steps 1 to k are done; 0 is the starter.
    After(u8),
    /// The whole reference, but for step s.
    Without(u8),
    /// The whole reference, without marks.
    Full,
    /// The starter with its anchors kept, for the book to include.
    Listing,
}

/// Renders parsed pieces.
pub fn render(pieces: &[Piece], cut: Cut) -> String {
    let mut out = String::new();
    write_pieces(&mut out, pieces, cut);
    out
}

fn write_pieces(out: &mut String, pieces: &[Piece], cut: Cut) {
    for piece in pieces {
        match piece {
            Piece::Line(line) => push_line(out, line),
            Piece::Anchor(line) if cut == Cut::Listing => push_line(out, line),
            Piece::Anchor(_) => {}
            Piece::Region(region) => write_region(out, region, cut),
        }
    }
}

fn write_region(out: &mut String, region: &Region, cut: Cut) {
    let keep_anchor = cut == Cut::Listing;
    if keep_anchor {
        push_line(out, &format!("{}// ANCHOR: {}", region.indent, region.name));
    }
    match region.standing(cut) {
        Some(body) => {
            write_hints(out, region, cut);
            body.lines.iter().for_each(|line| push_line(out, &indented(&region.indent, line)));
        }
        None => write_pieces(out, &region.pieces, cut),
    }
    if keep_anchor {
        push_line(out, &format!("{}// ANCHOR_END: {}", region.indent, region.name));
    }
}

impl Region {
    /// The comments `// Step 2.4: …` for each step of the region that is still to be done after `done`, without indentation.
    pub fn hints(&self, done: u8) -> Vec<String> {
        let phase = self.name.split('-').nth(1).unwrap_or_default();
        let mut comments = Vec::new();
        for body in self.befores.iter().filter(|body| body.step > done) {
            let mut lines = body.hint.iter();
            let first = lines.next().map(String::as_str).unwrap_or_default();
            comments.push(format!("// Step {phase}.{}: {first}", body.step).trim_end().to_owned());
            comments.extend(lines.map(|line| format!("// {line}")));
        }
        comments
    }

    /// The body that stands instead of the reference's code, if one does.
    fn standing(&self, cut: Cut) -> Option<&Body> {
        match cut {
            Cut::After(done) => self.befores.iter().find(|body| body.step > done),
            Cut::Listing => self.befores.first(),
            Cut::Without(step) => {
                let standing = self.withouts.iter().chain(&self.befores).find(|body| body.step == step);
                standing.filter(|body| !body.is_as_it_is())
            }
            Cut::Full => None,
        }
    }
}

fn write_hints(out: &mut String, region: &Region, cut: Cut) {
    let done = match cut {
        Cut::After(done) => done,
        Cut::Listing => 0,
        Cut::Without(_) | Cut::Full => return,
    };
    region.hints(done).iter().for_each(|line| push_line(out, &indented(&region.indent, line)));
}

fn indented(indent: &str, line: &str) -> String {
    if line.trim().is_empty() { String::new() } else { format!("{indent}{line}") }
}

fn push_line(out: &mut String, line: &str) {
    out.push_str(line);
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::{Cut, render};
    use crate::generator::marks::parse;

    const MARKED: &str = "\
fn drop(&mut self) {
    // ANCHOR: step-2-4-release
    // BEFORE 2.3: leave nothing behind
    // BEFORE 2.4: what if a newer
    // connection registered meanwhile?
    //| if true {
    //|     remove();
    //| }
    // WITHOUT 2.4:
    // Why it is so.
    compare();
    // ANCHOR: step-2-5-count
    // BEFORE 2.5: count
    count();
    // ANCHOR_END: step-2-5-count
    // ANCHOR_END: step-2-4-release
}
// ANCHOR: shown
// ANCHOR_END: shown
";

    fn cut(how: Cut) -> String {
        render(&parse(MARKED, "x.rs", 2).expect("the marks are well formed"), how)
    }

    #[test]
    fn the_starter_shows_every_hint_and_the_first_body() {
        let wanted = "fn drop(&mut self) {\n    // Step 2.3: leave nothing behind\n    // Step 2.4: what if a newer\n    \
                      // connection registered meanwhile?\n}\n";
        assert_eq!(cut(Cut::After(0)), wanted);
    }

    #[test]
    fn a_later_cut_takes_the_next_body() {
        let wanted = "fn drop(&mut self) {\n    // Step 2.4: what if a newer\n    // connection registered meanwhile?\n    \
                      if true {\n        remove();\n    }\n}\n";
        assert_eq!(cut(Cut::After(3)), wanted);
        assert_eq!(
            cut(Cut::After(4)),
            "fn drop(&mut self) {\n    // Why it is so.\n    compare();\n    // Step 2.5: count\n}\n"
        );
    }

    #[test]
    fn the_reference_keeps_no_mark_and_without_takes_the_no_op() {
        assert_eq!(cut(Cut::Full), "fn drop(&mut self) {\n    // Why it is so.\n    compare();\n    count();\n}\n");
        assert_eq!(cut(Cut::Without(4)), "fn drop(&mut self) {\n}\n");
        assert_eq!(cut(Cut::Without(5)), "fn drop(&mut self) {\n    // Why it is so.\n    compare();\n}\n");
    }

    #[test]
    fn a_region_may_stay_as_it_is_without_a_step() {
        let text =
            "// ANCHOR: step-2-2-a\n// BEFORE 2.1: b\n// WITHOUT 2.1: as it is\na();\n// ANCHOR_END: step-2-2-a\n";
        let pieces = parse(text, "x.rs", 2).expect("the marks are well formed");
        assert_eq!(render(&pieces, Cut::Without(1)), "a();\n");
        assert_eq!(render(&pieces, Cut::After(0)), "// Step 2.1: b\n");
    }

    #[test]
    fn a_listing_keeps_anchors_and_no_step() {
        let listing = cut(Cut::Listing);
        assert!(
            listing.contains("    // ANCHOR: step-2-4-release\n    // Step 2.3")
                && listing.contains("// ANCHOR: shown")
        );
        assert!(!listing.contains("compare"));
    }

    #[test]
    fn a_mark_behind_a_brace_is_a_mark() {
        let text = "match a {\n    // ANCHOR: step-2-1-b\n    // BEFORE 2.1: c\n    //| _ => {}\n    b => {\n    } // ANCHOR_END: step-2-1-b\n}\n";
        let pieces = parse(text, "x.rs", 2).expect("the marks are well formed");
        assert_eq!(render(&pieces, Cut::Full), "match a {\n    b => {\n    }\n}\n");
        assert_eq!(render(&pieces, Cut::After(0)), "match a {\n    // Step 2.1: c\n    _ => {}\n}\n");
    }

    #[test]
    fn malformed_marks_are_named_by_line() {
        for (text, wanted) in [
            ("// ANCHOR: step-2-1-a\n", "x.rs:1: `step-2-1-a` is never closed"),
            ("// ANCHOR: step-2-1\n// ANCHOR_END: step-2-1\n", "x.rs:1: `step-2-1` needs a slug"),
            ("// ANCHOR: step-3-1-a\n// ANCHOR_END: step-3-1-a\n", "x.rs:1: `step-3-1-a` should be `step-2-K-slug`"),
            ("fn a() {}\n// BEFORE 2.1: b\n", "x.rs:2: BEFORE"),
            ("// ANCHOR: step-2-1-a\nlet a;\n//| b\n", "x.rs:3: BEFORE"),
            ("// ANCHOR: step-2-1-a\n// BEFORE 2.2: b\n// BEFORE 2.1: c\n", "x.rs:1: the BEFOREs"),
            ("// ANCHOR: step-2-1-a\n// ANCHOR_END: step-2-1-b\n", "x.rs:2: `step-2-1-b` ends here, but"),
            ("// ANCHOR_END: step-2-1-b\n", "x.rs:1: `step-2-1-b` ends here and never began"),
        ] {
            let error = parse(text, "x.rs", 2).expect_err(text).to_string();
            assert!(error.starts_with(wanted), "{error}");
        }
    }
}
