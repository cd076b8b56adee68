//! What happened in a check, in order, bounded so that a terminal can show it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::report::Event;

/// How many events a story keeps; what lies in the middle goes first, since the beginning and the end explain a failure.
const KEPT_EVENTS: usize = 120;
/// How many of them are the beginning.
const KEPT_FIRST: usize = 20;
/// Enough for all the flags of a node, which are needed to do by hand what a check has done; an answer that lists a thousand users
/// is shown by its beginning.
const TEXT_CHARS: usize = 300;
/// How much of a payload is shown.
const PAYLOAD_CHARS: usize = 24;

/// The record of one check. A clone is another pen on the same paper.
#[derive(Debug, Clone)]
pub struct Story {
    began: Instant,
    paper: Arc<Mutex<Paper>>,
}

#[derive(Debug, Default)]
struct Paper {
    lines: Vec<Line>,
    /// What was seen last by a look that is told only if nothing follows it.
    look: Vec<Line>,
    asides: u64,
}

#[derive(Debug)]
struct Line {
    at: Instant,
    from: String,
    to: String,
    text: String,
    kind: Kind,
}

#[derive(Debug, PartialEq, Eq)]
enum Kind {
    /// The check's own conversation.
    Talk,
    /// Overheard, so many times.
    Aside(u64),
    /// Overheard, and not at its end: who tells it has this number.
    Going(u64),
}

/// A line about something that goes on, and is told by how it stands.
#[derive(Debug)]
pub struct Going {
    story: Story,
    number: u64,
}

impl Story {
    /// An empty story that begins now.
    pub fn begin() -> Self {
        Self { began: Instant::now(), paper: Arc::default() }
    }

    /// Adds a line of the check's own conversation: `from → to  text`.
    pub fn record(&self, from: &str, to: &str, text: impl AsRef<str>) {
        let mut paper = self.paper();
        paper.look.clear();
        paper.push(Line::new(from, to, text.as_ref(), Kind::Talk));
    }

    /// What a look has seen, for one that is repeated until it sees what it looks for: told only if nothing of the conversation
    /// follows it, as when the check fails by it.
    pub fn look(&self, lines: &[(&str, &str, &str)]) {
        self.paper().look = lines.iter().map(|(from, to, text)| Line::new(from, to, text, Kind::Talk)).collect();
    }

    /// Adds what is overheard beside the conversation. Said again before the conversation goes on, it is counted.
    pub fn aside(&self, from: &str, to: &str, text: impl AsRef<str>) {
        self.paper().aside(Line::new(from, to, text.as_ref(), Kind::Aside(1)));
    }

    /// Adds a line that is overheard and changes as long as what it tells goes on.
    pub fn going(&self, from: &str, to: &str, text: impl AsRef<str>) -> Going {
        let mut paper = self.paper();
        paper.asides += 1;
        let number = paper.asides;
        paper.push(Line::new(from, to, text.as_ref(), Kind::Going(number)));
        Going { story: self.clone(), number }
    }

    /// Milliseconds since it began.
    pub fn elapsed_ms(&self) -> u64 {
        self.ms(Instant::now())
    }

    /// What was recorded until a check had failed: what is overheard after that moment has come of its end.
    pub fn until(&self, failed: Instant) -> Vec<Event> {
        let paper = self.paper();
        let lines = paper.lines.iter().filter(|line| line.kind == Kind::Talk || line.at <= failed);
        lines.chain(&paper.look).map(|line| self.event(line)).collect()
    }

    fn event(&self, line: &Line) -> Event {
        let text = match line.kind {
            Kind::Aside(times) if times > 1 => format!("{} ({times} times)", line.text),
            _ => line.text.clone(),
        };
        let (from, to, aside) = (line.from.clone(), line.to.clone(), line.kind != Kind::Talk);
        Event { at_ms: self.ms(line.at), from, to, text, aside }
    }

    fn ms(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.began).as_millis()).unwrap_or(u64::MAX)
    }

    fn paper(&self) -> MutexGuard<'_, Paper> {
        self.paper.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Going {
    /// How it stands now.
    pub fn stands(&self, text: impl AsRef<str>) {
        if let Some(line) = self.story.paper().line(self.number) {
            line.text = shorten(text.as_ref(), TEXT_CHARS);
        }
    }

    /// How it has ended; the same as others before it, it is counted with them.
    pub fn ended(self, text: impl AsRef<str>) {
        let mut paper = self.story.paper();
        let Some(at) = paper.lines.iter().position(|line| line.kind == Kind::Going(self.number)) else { return };
        let line = paper.lines.remove(at);
        let text = shorten(text.as_ref(), TEXT_CHARS);
        let alike = |other: &&mut Line| other.is_aside(&line.from, &line.to, &text);
        match paper.lines[..at].iter_mut().rev().take_while(|line| line.kind != Kind::Talk).find(alike) {
            Some(Line { kind: Kind::Aside(times), .. }) => *times += 1,
            _ => paper.lines.insert(at, Line { text, kind: Kind::Aside(1), ..line }),
        }
    }
}

impl Paper {
    fn push(&mut self, line: Line) {
        if self.lines.len() == KEPT_EVENTS {
            // What is overheard goes before what was asked and answered.
            let aside = self.lines[KEPT_FIRST..].iter().position(|line| line.kind != Kind::Talk);
            self.lines.remove(KEPT_FIRST + aside.unwrap_or(0));
        }
        self.lines.push(line);
    }

    fn aside(&mut self, line: Line) {
        let alike = |other: &&mut Line| other.is_aside(&line.from, &line.to, &line.text);
        match self.lines.iter_mut().rev().take_while(|line| line.kind != Kind::Talk).find(alike) {
            Some(Line { kind: Kind::Aside(times), .. }) => *times += 1,
            _ => self.push(line),
        }
    }

    fn line(&mut self, number: u64) -> Option<&mut Line> {
        self.lines.iter_mut().find(|line| line.kind == Kind::Going(number))
    }
}

impl Line {
    fn new(from: &str, to: &str, text: &str, kind: Kind) -> Self {
        let (from, to) = (from.to_owned(), to.to_owned());
        Self { at: Instant::now(), from, to, text: shorten(text, TEXT_CHARS), kind }
    }

    fn is_aside(&self, from: &str, to: &str, text: &str) -> bool {
        matches!(self.kind, Kind::Aside(_)) && self.from == from && self.to == to && self.text == text
    }
}

/// The first `limit` characters, on one line; an ellipsis stands for the rest.
pub fn shorten(text: &str, limit: usize) -> String {
    let mut chars = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut short: String = chars.by_ref().take(limit).collect();
    if chars.next().is_some() {
        short.pop();
        short.push('…');
    }
    short
}

/// A text payload as a story shows it: quoted, unless it is by itself (a JSON string); a long one by its beginning and its size.
pub fn show_text(text: &str) -> String {
    let short = shorten(text, PAYLOAD_CHARS);
    let has_quotes = text.len() > 1 && text.starts_with('"') && text.ends_with('"');
    let quote = if has_quotes { "" } else { "\"" };
    if text.len() <= PAYLOAD_CHARS {
        format!("{quote}{short}{quote}")
    } else {
        // What is cut off takes its own quote along.
        format!("{quote}{short}\" ({} bytes)", text.len())
    }
}

/// A binary payload as a story shows it.
pub fn show_binary(bytes: &[u8]) -> String {
    format!("binary, {} byte{}", bytes.len(), if bytes.len() == 1 { "" } else { "s" })
}

/// A span of time as a story shows it: in ms up to some seconds.
pub fn show_time(time: Duration) -> String {
    match time.as_millis() {
        ms if ms % 1000 == 0 => format!("{} s", ms / 1000),
        ms => format!("{ms} ms"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_payloads_end_in_an_ellipsis_and_their_size() {
        assert_eq!(show_text("hi"), "\"hi\"");
        assert_eq!(show_text(&"é".repeat(40)), format!("\"{}…\" (80 bytes)", "é".repeat(23)));
        assert_eq!(show_text("\"hi\""), "\"hi\"");
        assert_eq!(show_text(&format!("\"{}\"", "a".repeat(40))), format!("\"{}…\" (42 bytes)", "a".repeat(22)));
        assert_eq!(shorten("two\nlines", 20), "two lines");
    }

    #[test]
    fn a_long_story_keeps_its_beginning_and_its_end() {
        let story = Story::begin();
        for n in 0..1000 {
            story.record("a", "node", n.to_string());
        }
        let events = story.until(Instant::now());
        assert_eq!(events.len(), KEPT_EVENTS);
        assert_eq!(events[0].text, "0");
        assert_eq!(events[KEPT_EVENTS - 1].text, "999");
    }

    fn texts(story: &Story, failed: Instant) -> Vec<String> {
        story.until(failed).into_iter().map(|event| event.text).collect()
    }

    #[test]
    fn what_is_overheard_ends_with_the_failure_and_what_was_asked_does_not() {
        let story = Story::begin();
        story.aside("n1", "n2", "before");
        let failed = Instant::now();
        story.aside("n1", "n2", "after");
        story.record("test", "n1", "GET /cluster");
        assert_eq!(texts(&story, failed), ["before", "GET /cluster"]);
    }

    #[test]
    fn a_look_is_told_unless_something_follows() {
        let story = Story::begin();
        story.look(&[("test", "n1", "GET /users/bob")]);
        story.look(&[("test", "n1", "GET /users/alice"), ("n1", "test", "404")]);
        assert_eq!(texts(&story, Instant::now()), ["GET /users/alice", "404"]);
        story.record("test", "n1", "SIGKILL");
        assert_eq!(texts(&story, Instant::now()), ["SIGKILL"]);
    }

    #[test]
    fn what_is_overheard_again_is_counted_until_the_conversation_goes_on() {
        let story = Story::begin();
        for _ in 0..3 {
            let first = story.going("n1", "n2", "dials");
            first.stands("dials, challenges");
            story.aside("n2", "n1", "ask");
            first.ended("dials; closed");
        }
        story.record("test", "n1", "GET /cluster");
        story.going("n1", "n2", "dials").ended("dials; closed");
        let told = ["dials; closed (3 times)", "ask (3 times)", "GET /cluster", "dials; closed"];
        assert_eq!(texts(&story, Instant::now()), told);
    }
}
