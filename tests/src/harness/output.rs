//! What a node prints: read for ever, kept only as far as a verdict shows it.

use std::collections::VecDeque;
use std::io::BufRead;
use std::time::Instant;

use crate::harness::story::shorten;
use crate::report::{Panic, Todo};

/// How many lines a verdict shows at most.
const KEPT_LINES: usize = 20;
/// How much of a line is shown.
const LINE_CHARS: usize = 200;
/// How much of a line is ever held in memory.
const LINE_BYTES: usize = 1024;

/// Cuts a byte stream into lines in bounded memory: of each line the first [`LINE_BYTES`], however long it is.
#[derive(Debug, Default)]
pub struct LineCutter {
    line: Vec<u8>,
}

impl LineCutter {
    /// Takes the next bytes of the stream and gives each line that they complete.
    pub fn push(&mut self, mut chunk: &[u8], mut on_line: impl FnMut(&str)) {
        while !chunk.is_empty() {
            let rest = chunk;
            // On a slice this cannot fail; it is the standard library's own search, fast in debug builds too.
            let length = chunk.skip_until(b'\n').unwrap_or(rest.len());
            let piece = &rest[..length];
            let whole = piece.ends_with(b"\n");
            let text = if whole { &piece[..length - 1] } else { piece };
            let room = LINE_BYTES - self.line.len();
            self.line.extend_from_slice(&text[..text.len().min(room)]);
            if whole {
                self.finish(&mut on_line);
            }
        }
    }

    /// The stream has ended: what is left is a line too.
    pub fn end(&mut self, mut on_line: impl FnMut(&str)) {
        if !self.line.is_empty() {
            self.finish(&mut on_line);
        }
    }

    fn finish(&mut self, on_line: &mut impl FnMut(&str)) {
        on_line(&String::from_utf8_lossy(&self.line));
        self.line.clear();
    }
}

/// The last lines of a node, and what it said about its own end.
#[derive(Debug, Default)]
pub struct Output {
    /// At most twenty, oldest first.
    pub last_lines: VecDeque<String>,
    /// How many lines were printed before those.
    pub lines_before: u64,
    /// The first `todo!("step …")` that it ran into.
    pub todo: Option<Todo>,
    /// The first panic that it logged, until `settled`.
    pub panic: Option<Panic>,
    /// When that was read.
    pub panicked_at: Option<Instant>,
    /// The check has failed without a panic: one that comes later is a consequence, such as a client's going.
    pub settled: bool,
    /// Where std's own hook has announced a panic whose message is the next line.
    panicking_at: Option<String>,
}

impl Output {
    /// Keeps a line, and notes what it says about a panic.
    pub fn line(&mut self, line: &str) {
        if !self.settled {
            self.note_panic(line);
        }
        if self.panic.is_some() {
            self.panicked_at.get_or_insert_with(Instant::now);
        }
        if self.last_lines.len() == KEPT_LINES {
            self.last_lines.pop_front();
            self.lines_before += 1;
        }
        self.last_lines.push_back(shorten(line.trim_end(), LINE_CHARS));
    }

    fn note_panic(&mut self, line: &str) {
        if let Some(location) = self.panicking_at.take() {
            self.panicked(location, line.trim());
        } else if let Some(todo) = parse_todo(line) {
            self.todo.get_or_insert(todo);
        } else if let Some(panic) = parse_panic(line) {
            self.panic.get_or_insert(panic);
        } else if line.starts_with("thread '") {
            let at = line.split_once("panicked at ").map(|(_, at)| at);
            self.panicking_at = at.map(|at| at.trim_end().trim_end_matches(':').to_owned());
        }
    }

    fn panicked(&mut self, location: String, message: &str) {
        let step = message.strip_prefix("not yet implemented: step ").and_then(|rest| rest.split_once(": "));
        if let Some((step, text)) = step {
            self.todo.get_or_insert(Todo { step: step.to_owned(), text: text.to_owned(), location });
        } else {
            self.panic.get_or_insert(Panic { message: shorten(message, LINE_CHARS), location });
        }
    }
}

/// `todo step=1.4 at=phases/1-socket/src/connection.rs:42:9 text=write what is queued`.
fn parse_todo(line: &str) -> Option<Todo> {
    let (step, rest) = line.strip_prefix("todo step=")?.split_once(" at=")?;
    let (location, text) = rest.split_once(" text=")?;
    Some(Todo { step: step.to_owned(), text: text.trim_end().to_owned(), location: location.to_owned() })
}

/// `… panic at=src/connection.rs:42:9 message=index out of bounds`.
fn parse_panic(line: &str) -> Option<Panic> {
    let (location, message) = line.split_once("panic at=")?.1.split_once(" message=")?;
    Some(Panic { message: shorten(message.trim_end(), LINE_CHARS), location: location.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Output {
        let mut output = Output::default();
        let mut cutter = LineCutter::default();
        cutter.push(text.as_bytes(), |line| output.line(line));
        cutter.end(|line| output.line(line));
        output
    }

    #[test]
    fn a_hundred_megabytes_without_newline_stay_small() {
        let chunk = vec![b'x'; 64 * 1024];
        let mut cutter = LineCutter::default();
        for _ in 0..1600 {
            cutter.push(&chunk, |_| panic!("there is no line yet"));
        }
        assert!(cutter.line.capacity() <= 2 * LINE_BYTES);
        let mut lines = Vec::new();
        cutter.push(b"\nnext\n", |line| lines.push(line.to_owned()));
        assert_eq!(lines, ["x".repeat(LINE_BYTES), "next".to_owned()]);
    }

    #[test]
    fn the_last_lines_are_kept_and_the_others_counted() {
        let output = read(&(0..50).map(|n| format!("{n}\n")).collect::<String>());
        assert_eq!(output.lines_before, 30);
        assert_eq!(output.last_lines.front().map(String::as_str), Some("30"));
    }

    #[test]
    fn a_todo_is_recognised_from_the_shell_and_from_std() {
        let shell = read("todo step=1.4 at=src/connection.rs:42:9 text=write what is queued\n");
        let std = read(
            "thread 'main' (7) panicked at src/connection.rs:42:9:\nnot yet implemented: step 1.4: write what is queued\n",
        );
        for todo in [shell.todo, std.todo] {
            let todo = todo.expect("a todo");
            assert_eq!((todo.step.as_str(), todo.text.as_str()), ("1.4", "write what is queued"));
            assert_eq!(todo.location, "src/connection.rs:42:9");
        }
    }

    #[test]
    fn a_panic_is_recognised_from_the_shell_and_from_std() {
        let shell = read("12:00 ERROR panic at=src/mailbox.rs:7:1 message=index out of bounds\n");
        let std = read("thread 'tokio-rt' panicked at src/mailbox.rs:7:1:\nindex out of bounds\nnote: …\n");
        for panic in [shell.panic, std.panic] {
            let panic = panic.expect("a panic");
            assert_eq!(
                (panic.location.as_str(), panic.message.as_str()),
                ("src/mailbox.rs:7:1", "index out of bounds")
            );
        }
    }
}
