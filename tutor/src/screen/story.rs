//! What happened: one line for each event, the last with what was expected instead.

use checks::report::{Event, Failed, NodeReport};

use super::{Paint, WIDTH, columns, cut, wrap};

/// A story that is longer is shown without its middle.
const MOST_EVENTS: usize = 16;
/// Events kept from the beginning of a long story; the end gets the rest.
const FIRST_EVENTS: usize = 5;
/// Lines kept of what a node printed last.
const LAST_WORDS: usize = 8;
const INDENT: &str = "      ";

/// The story of a failure, without its heading.
pub fn lines(failed: &Failed, paint: Paint) -> Vec<String> {
    let events = &failed.story;
    let widths = Widths::of(events);
    let mut lines = Vec::new();
    let hidden = events.len().saturating_sub(MOST_EVENTS);
    for (at, event) in events.iter().enumerate() {
        if hidden > 0 && at == FIRST_EVENTS {
            lines.push(format!("{INDENT}… {hidden} more …"));
        }
        if hidden == 0 || at < FIRST_EVENTS || at >= FIRST_EVENTS + hidden {
            lines.push(widths.line(event));
        }
    }
    append_expected(&mut lines, &failed.expected, widths.text_column(), paint);
    lines
}

/// What a node printed last, without its heading; empty if it printed nothing but that it is ready.
pub fn last_words(node: &NodeReport) -> Vec<String> {
    let silent = node.last_lines.iter().all(|line| line.starts_with("ready "));
    if silent {
        return Vec::new();
    }
    let said = |line: &&String| !line.trim().is_empty() && !line.contains("RUST_BACKTRACE");
    let lines: Vec<&String> = node.last_lines.iter().filter(said).collect();
    let skipped = lines.len().saturating_sub(LAST_WORDS);
    let before = node.lines_before + skipped as u64;
    let above = (before > 0).then(|| format!("{INDENT}… {before} lines before …"));
    let last =
        lines.into_iter().skip(skipped).map(|line| format!("{INDENT}{}", cut(&tidy(line), WIDTH - INDENT.len())));
    above.into_iter().chain(last).collect()
}

struct Widths {
    from: usize,
    to: usize,
}

impl Widths {
    fn of(events: &[Event]) -> Self {
        let widest = |name: fn(&Event) -> &String| events.iter().map(|event| columns(name(event))).max().unwrap_or(0);
        Self { from: widest(|event| &event.from).min(16), to: widest(|event| &event.to).min(16) }
    }

    fn text_column(&self) -> usize {
        INDENT.len() + self.from + 3 + self.to + 3
    }

    fn line(&self, event: &Event) -> String {
        let (from, to) = (cut(&event.from, self.from), cut(&event.to, self.to));
        let line = format!("{INDENT}{from:<0$} → {to:<1$}   {2}", self.from, self.to, tidy(&event.text));
        cut(&line, WIDTH)
    }
}

/// Behind the last line if there is room, else below it.
fn append_expected(lines: &mut Vec<String>, expected: &str, column: usize, paint: Paint) {
    let arrow = format!("← expected {}", tidy(expected));
    if let Some(last) = lines.last_mut()
        && columns(last) + 3 + columns(&arrow) <= WIDTH
    {
        let gap = " ".repeat(3);
        *last = format!("{last}{gap}{}", paint.bold(&arrow));
        return;
    }
    let column = column.min(WIDTH / 2);
    for (at, line) in wrap(&arrow, WIDTH - column - 2).iter().enumerate() {
        let hanging = if at == 0 { "" } else { "  " };
        lines.push(format!("{}{hanging}{}", " ".repeat(column), paint.bold(line)));
    }
}

/// Control characters out of a learner's program stay off the terminal.
fn tidy(text: &str) -> String {
    text.chars()
        .map(|character| if character.is_control() { ' ' } else { character })
        .collect::<String>()
        .trim_end()
        .to_owned()
}
