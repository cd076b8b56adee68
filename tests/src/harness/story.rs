//! What happened in a check, in order, bounded so that a terminal can show it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

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
    events: Arc<Mutex<Vec<Event>>>,
}

impl Story {
    /// An empty story that begins now.
    pub fn begin() -> Self {
        Self { began: Instant::now(), events: Arc::default() }
    }

    /// Adds a line: `from → to  text`.
    pub fn record(&self, from: &str, to: &str, text: impl AsRef<str>) {
        let event = Event {
            at_ms: self.elapsed_ms(),
            from: from.to_owned(),
            to: to.to_owned(),
            text: shorten(text.as_ref(), TEXT_CHARS),
        };
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        if events.len() == KEPT_EVENTS {
            events.remove(KEPT_FIRST);
        }
        events.push(event);
    }

    /// Milliseconds since it began.
    pub fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// What is recorded so far.
    pub fn events(&self) -> Vec<Event> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).clone()
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
        let events = story.events();
        assert_eq!(events.len(), KEPT_EVENTS);
        assert_eq!(events[0].text, "0");
        assert_eq!(events[KEPT_EVENTS - 1].text, "999");
    }
}
