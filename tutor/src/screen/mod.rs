//! What people read: 80 columns, colour only on a terminal, the next action first and last.
//!
//! - [`verdict`]: the screen after a run of the checks.
//! - [`steps`]: the lines with ✓ and ✗.
//! - [`account`]: what is told of a failure. [`story`]: what happened in it, line by line.
//! - [`build`]: the screen after a build that failed.
//! - [`terminal`]: what only makes sense on a terminal.

pub mod account;
pub mod build;
pub mod steps;
pub mod story;
pub mod terminal;
pub mod verdict;

use std::env;
use std::io::{self, IsTerminal};

/// No line is longer, so that nothing wraps in a terminal of the usual size.
pub const WIDTH: usize = 80;

/// The column in which times and counts end.
const RIGHT: usize = 74;

/// Colours, or none: without a terminal and with `NO_COLOR`, text stays as it is.
#[derive(Debug, Clone, Copy)]
pub struct Paint {
    /// Whether to colour.
    pub colour: bool,
}

impl Paint {
    /// For standard output.
    pub fn of_stdout() -> Self {
        Self { colour: wanted() && io::stdout().is_terminal() }
    }

    /// For standard error.
    pub fn of_stderr() -> Self {
        Self { colour: wanted() && io::stderr().is_terminal() }
    }

    /// What went wrong.
    pub fn red(self, text: &str) -> String {
        self.paint("31", text)
    }

    /// What holds.
    pub fn green(self, text: &str) -> String {
        self.paint("32", text)
    }

    /// Headings.
    pub fn bold(self, text: &str) -> String {
        self.paint("1", text)
    }

    /// What may be skipped.
    pub fn dim(self, text: &str) -> String {
        self.paint("2", text)
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

fn wanted() -> bool {
    let set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
    !set("NO_COLOR") && env::var("TERM").as_deref() != Ok("dumb")
}

/// Columns that `text` takes, taking one for each character.
pub fn columns(text: &str) -> usize {
    text.chars().count()
}

/// Cuts `text` to `width` columns, and shows that it did.
pub fn cut(text: &str, width: usize) -> String {
    if columns(text) <= width {
        return text.to_owned();
    }
    text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

/// `1 check`, `2 checks`.
pub fn counted(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// Breaks `text` into lines of at most `width` columns, between words where it can.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        for part in parts_of(word, width) {
            let last = lines.last().map(String::as_str).unwrap_or_default();
            if !last.is_empty() && columns(last) + 1 + columns(&part) > width {
                lines.push(part);
            } else if let Some(line) = lines.last_mut() {
                if !line.is_empty() {
                    line.push(' ');
                }
                line.push_str(&part);
            }
        }
    }
    lines
}

/// The first line of `text`, of at most `width` columns, and what is left for others. Blanks between words stay as they are.
pub fn cut_between_words(text: &str, width: usize) -> (&str, &str) {
    let Some((limit, _)) = text.char_indices().nth(width) else { return (text, "") };
    let blank = text[..limit].rfind(' ').filter(|at| *at > 0);
    // A word may end exactly at the limit; one that is longer than a line has to be broken.
    let at = if text[limit..].starts_with(' ') { limit } else { blank.unwrap_or(limit) };
    (text[..at].trim_end(), text[at..].trim_start())
}

/// A word that is longer than a line has to be broken; a path, for example.
fn parts_of(word: &str, width: usize) -> Vec<String> {
    let characters: Vec<char> = word.chars().collect();
    characters.chunks(width.max(1)).map(|chunk| chunk.iter().collect()).collect()
}

/// Markdown for a terminal: paragraphs wrapped, code as it stands, everything indented.
pub fn prose(markdown: &str, indent: usize) -> String {
    let (mut out, mut paragraph, mut fenced) = (String::new(), String::new(), false);
    let margin = " ".repeat(indent);
    for line in markdown.lines().chain([""]) {
        let fence = line.starts_with("```");
        if !fenced && !fence && !line.trim().is_empty() && !line.starts_with("- ") {
            paragraph = paragraph + line + " ";
            continue;
        }
        if !paragraph.trim().is_empty() {
            wrap(&paragraph, WIDTH - indent).iter().for_each(|line| out += &format!("{margin}{line}\n"));
        }
        paragraph = if !fenced && line.starts_with("- ") { line.to_owned() + " " } else { String::new() };
        fenced ^= fence;
        match (fence, fenced, line.trim().is_empty()) {
            (false, true, false) => out += &format!("{margin}  {line}\n"),
            (false, _, true) => out += "\n",
            _ => {}
        }
    }
    format!("{}\n", out.trim_end())
}

#[cfg(test)]
mod tests {
    use super::{cut, prose, wrap};

    #[test]
    fn long_words_are_broken_and_short_ones_are_not() {
        assert_eq!(wrap("one two three", 8), ["one two", "three"]);
        assert_eq!(wrap("abcdefghij kl", 4), ["abcd", "efgh", "ij", "kl"]);
        assert_eq!(cut("abcdef", 4), "abc…");
    }

    #[test]
    fn prose_keeps_code_and_joins_paragraphs() {
        assert_eq!(prose("one\ntwo\n\n```rust\nlet a;\n```\nthree", 2), "  one two\n\n    let a;\n  three\n");
    }
}
