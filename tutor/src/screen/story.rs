//! What happened: one entry for each event, the one that asked with what was expected instead.

use checks::report::{Event, Failed, NodeReport};

use super::{Paint, WIDTH, columns, counted, cut, wrap};

/// A story that is longer is shown without its middle.
const MOST_EVENTS: usize = 16;
/// Events kept from the beginning of a long story.
const FIRST_EVENTS: usize = 5;
/// And from its end.
const LAST_EVENTS: usize = 5;
/// Different lines kept of what a node printed last.
const LAST_WORDS: usize = 8;
const INDENT: &str = "      ";

/// The story of a failure, without its heading.
pub fn lines(failed: &Failed, paint: Paint) -> Vec<String> {
    let events = &failed.story;
    let widths = Widths::of(events);
    let asked = events.iter().rposition(|event| !event.aside).or(events.len().checked_sub(1));
    let mut lines = Vec::new();
    let mut hidden = 0;
    for (at, (event, is_shown)) in events.iter().zip(shown(events, asked)).enumerate() {
        if !is_shown {
            hidden += 1;
            continue;
        }
        if hidden > 0 {
            lines.push(format!("{INDENT}… {hidden} more …"));
            hidden = 0;
        }
        lines.extend(widths.lines(event));
        if asked == Some(at) {
            append_expected(&mut lines, &failed.expected, widths.text_column(), paint);
        }
    }
    if asked.is_none() {
        append_expected(&mut lines, &failed.expected, widths.text_column(), paint);
    }
    lines
}

/// Which events are shown of a long story: its beginning, its end and the one that asked; of the others rather what the check has
/// done than what it has overheard, and rather that than how its clients came.
fn shown(events: &[Event], asked: Option<usize>) -> Vec<bool> {
    let mut shown = vec![true; events.len()];
    let end = events.len().saturating_sub(LAST_EVENTS);
    let mut others: Vec<_> = (FIRST_EVENTS..end).filter(|at| Some(*at) != asked).collect();
    others.sort_by_key(|at| weight(&events[*at]));
    let too_many = events.len().saturating_sub(MOST_EVENTS);
    others.iter().take(too_many).for_each(|at| shown[*at] = false);
    // To say that one is hidden takes as much room as to show it.
    for at in 1..events.len().saturating_sub(1) {
        shown[at] |= shown[at - 1] && shown[at + 1];
    }
    shown
}

/// What weighs least is hidden first.
fn weight(event: &Event) -> u8 {
    // Whoever connects and reads nothing is what a check is about.
    let is_arrival = event.text == "connect" || event.text.starts_with("register");
    match (is_arrival, event.aside) {
        (true, _) => 0,
        (false, true) => 1,
        (false, false) => 2,
    }
}

/// What a node printed last, without its heading; empty if it printed nothing but that it is ready.
pub fn last_words(node: &NodeReport) -> Vec<String> {
    let silent = node.last_lines.iter().all(|line| line.starts_with("ready "));
    if silent {
        return Vec::new();
    }
    let said = |line: &&String| !line.trim().is_empty() && !line.contains("RUST_BACKTRACE");
    let words = folded(node.last_lines.iter().filter(said).map(|line| tidy(&without_origin(line))));
    let (above, last) = words.split_at(words.len().saturating_sub(LAST_WORDS));
    let before = node.lines_before + above.iter().map(|(_, times)| times).sum::<u64>();
    let above = (before > 0).then(|| format!("{INDENT}… {} before …", counted(before, "line")));
    let last = last.iter().flat_map(|(line, times)| match times {
        1 => hanging(INDENT, line),
        _ => hanging(INDENT, &format!("{line} ({times} times)")),
    });
    above.into_iter().chain(last).collect()
}

/// Equal lines in a row as one, with how often it came.
fn folded(lines: impl Iterator<Item = String>) -> Vec<(String, u64)> {
    let mut words: Vec<(String, u64)> = Vec::new();
    for line in lines {
        match words.last_mut() {
            Some((last, times)) if *last == line => *times += 1,
            _ => words.push((line, 1)),
        }
    }
    words
}

/// What `tracing` writes, without when and where: `WARN said` for `2026-01-31T12:00:00.000000Z  WARN socket::writer: said`.
fn without_origin(line: &str) -> String {
    let said = || {
        let (time, rest) = line.split_once(' ')?;
        let is_time = time.ends_with('Z') && time.contains('T') && time.starts_with(|c: char| c.is_ascii_digit());
        let (level, rest) = rest.trim_start().split_once(' ')?;
        let (_target, said) = rest.split_once(": ")?;
        (is_time && LEVELS.contains(&level)).then(|| format!("{level} {said}"))
    };
    said().unwrap_or_else(|| line.to_owned())
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

    fn lines(&self, event: &Event) -> Vec<String> {
        let (from, to) = (cut(&event.from, self.from), cut(&event.to, self.to));
        hanging(&format!("{INDENT}{from:<0$} → {to:<1$}   ", self.from, self.to), &tidy(&event.text))
    }
}

/// `text` behind `head`, and what goes beyond the screen two columns further in, below it.
fn hanging(head: &str, text: &str) -> Vec<String> {
    let column = columns(head);
    if column + columns(text) <= WIDTH {
        return vec![format!("{head}{text}")];
    }
    let below = format!("\n{}", " ".repeat(column + 2));
    let lines = wrap(text, WIDTH - column - 2).join(&below);
    format!("{head}{lines}").lines().map(str::to_owned).collect()
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

/// As `tracing` writes them.
const LEVELS: [&str; 5] = ["ERROR", "WARN", "INFO", "DEBUG", "TRACE"];

#[cfg(test)]
mod tests {
    use checks::Observed;
    use checks::report::{Event, Failed, NodeReport};

    use super::{Paint, last_words, lines};

    fn story(texts: impl IntoIterator<Item = String>) -> Failed {
        let event = |text| Event { at_ms: 0, from: String::from("test"), to: String::from("node"), text, aside: false };
        let story = texts.into_iter().map(event).collect();
        Failed { observed: Observed::WrongAnswer, expected: String::from("202"), story, nodes: Vec::new() }
    }

    fn shown(failed: &Failed) -> Vec<String> {
        lines(failed, Paint { colour: false })
    }

    #[test]
    fn what_is_needed_to_do_it_by_hand_is_not_cut() {
        let start = format!("start --token-key {} --heartbeat 60ms", "k".repeat(70));
        let wanted = [
            String::from("      test → node   start --token-key"),
            format!("                      {}", "k".repeat(58)),
            format!("                      {} --heartbeat 60ms   ← expected 202", "k".repeat(12)),
        ];
        assert_eq!(shown(&story([start])), wanted);
    }

    #[test]
    fn more_than_one_event_is_hidden_or_none() {
        let events = |count: usize| story((0..count).map(|at| at.to_string()));
        assert_eq!(shown(&events(17)).len(), 17);
        let long = shown(&events(18));
        assert_eq!((long.len(), long[5].as_str()), (17, "      … 2 more …"));
    }

    #[test]
    fn last_words_are_folded_and_say_neither_when_nor_where() {
        let warned = |at: u32| format!("2026-01-31T12:00:0{at}.000000Z  WARN socket::writer: too slow conn=4");
        let last_lines = (0..8).map(warned).chain([String::from("note: nothing of tracing's"), "x".repeat(80)]);
        let node = NodeReport {
            name: String::from("node"),
            state: String::from("running"),
            todo: None,
            panic: None,
            last_lines: last_lines.collect(),
            lines_before: 1,
        };
        let wanted = [
            String::from("      … 1 line before …"),
            String::from("      WARN too slow conn=4 (8 times)"),
            String::from("      note: nothing of tracing's"),
            format!("      {}", "x".repeat(72)),
            format!("        {}", "x".repeat(8)),
        ];
        assert_eq!(last_words(&node), wanted);
    }
}
