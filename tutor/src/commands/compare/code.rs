//! Rust code on a terminal, and whether two pieces of it are the same.

use crate::screen::{WIDTH, columns, cut_between_words};

/// How much further in the rest of a line stands that had to be broken.
const HANGING: usize = 8;
const MARGIN: usize = 2;

/// `code` from the margin on, with lines broken that are too long for a terminal.
pub fn wrapped(code: &str) -> String {
    let outdent = code.lines().filter(|line| !line.trim().is_empty()).map(indent_of).min().unwrap_or(0);
    let mut out = String::new();
    for line in code.lines() {
        let indent = MARGIN + indent_of(line).saturating_sub(outdent);
        let (comment, mut rest) = split_comment_mark(line.trim());
        let (mut margin, hanging) = (indent, if comment.is_empty() { indent + HANGING } else { indent });
        loop {
            let width = WIDTH.saturating_sub(margin + columns(comment));
            let (head, tail) = if comment.is_empty() { broken(rest, width) } else { cut_between_words(rest, width) };
            out += format!("{}{comment}{head}", " ".repeat(margin)).trim_end();
            out += "\n";
            if tail.is_empty() {
                break;
            }
            (rest, margin) = (tail, hanging);
        }
    }
    out
}

/// The first line of `code`, of at most `width` columns, and what is left for others: broken at a blank, behind a `(` or before a
/// call, and never within a literal or a name. Where there is no such place, the line runs over.
fn broken(code: &str, width: usize) -> (&str, &str) {
    if columns(code) <= width {
        return (code, "");
    }
    let mut breaks = Vec::new();
    let (mut at, mut column) = (0, 0);
    while let Some(next) = code[at..].chars().next() {
        let length = if matches!(next, '"' | '\'') { quoted(&code[at..]) } else { next.len_utf8() };
        let is_call = next == '.' && code[at + 1..].starts_with(|c: char| c.is_alphabetic());
        if at > 0 && (next == ' ' || is_call) {
            breaks.push((at, column));
        }
        (at, column) = (at + length, column + columns(&code[at..at + length]));
        if next == '(' {
            breaks.push((at, column));
        }
    }
    let fits = breaks.iter().rev().find(|(_, column)| *column <= width);
    match fits.or(breaks.first()) {
        Some((at, _)) => (code[..*at].trim_end(), code[*at..].trim_start()),
        None => (code, ""),
    }
}

/// `code` without white space and comments, except within quotes.
pub fn bare(code: &str) -> String {
    let (mut out, mut rest) = (String::new(), code);
    while let Some(next) = rest.chars().next() {
        let length = match next {
            '/' if rest.starts_with("//") => {
                rest = rest.split_once('\n').map_or("", |(_, below)| below);
                continue;
            }
            '"' | '\'' => quoted(rest),
            _ => next.len_utf8(),
        };
        let (token, after) = rest.split_at(length);
        if !next.is_whitespace() {
            out += token;
        }
        rest = after;
    }
    out
}

/// The length of the string or the character that `text` begins with; 1 for the quote of a lifetime.
fn quoted(text: &str) -> usize {
    let quote = text.chars().next().unwrap_or_default();
    let is_lifetime = quote == '\'' && !text[1..].starts_with('\\') && text.chars().nth(2) != Some('\'');
    if is_lifetime {
        return 1;
    }
    let mut escaped = false;
    for (at, character) in text.char_indices().skip(1) {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if character == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// A comment's mark, which each of its lines needs, and what stands behind it.
fn split_comment_mark(line: &str) -> (&str, &str) {
    let length = ["/// ", "//! ", "// "].iter().find(|mark| line.starts_with(**mark)).map_or(0, |mark| mark.len());
    line.split_at(length)
}

fn indent_of(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

#[cfg(test)]
mod tests {
    use super::{bare, wrapped};

    #[test]
    fn comments_and_white_space_make_no_difference_outside_of_quotes() {
        assert_eq!(bare("let a = 1; // one\n"), bare("// Step 1\nlet a\n    = 1;"));
        assert_ne!(bare(r#"say("a b")"#), bare(r#"say("ab")"#));
        assert_eq!(bare(r#"open("http://x") // y"#), r#"open("http://x")"#);
        assert_eq!(bare(r#"let q = ('"', '\'', "\" //"); // z"#), r#"letq=('"','\'',"\" //");"#);
        assert_eq!(bare("fn f<'a>(x: &'a str) {} // it's"), "fnf<'a>(x:&'astr){}");
    }

    #[test]
    fn no_literal_and_no_name_is_broken() {
        let line = |code: &str| super::broken(code, 20).0.to_owned();
        assert_eq!(line(r#"let said = "not in the view";"#), "let said =");
        assert_eq!(line("self.slots.iter().any(Slot::is_refused)"), "self.slots.iter()");
        assert_eq!(line("is_ready(Slot::is_refused_by_all)"), "is_ready(");
        assert_eq!(line(r#""there is no place to break it""#), r#""there is no place to break it""#);
    }

    #[test]
    fn long_lines_are_broken_below_each_other() {
        let code = format!(
            "    fn f() {{\n        // {0}{0}\n        call({1}{1});\n    }}",
            "word ".repeat(9),
            "value, ".repeat(8)
        );
        let wanted = [
            "  fn f() {",
            &format!("      // {}word", "word ".repeat(13)),
            "      // word word word word",
            &format!("      call({}value,", "value, ".repeat(9)),
            &format!("              {}value, );", "value, ".repeat(5)),
            "  }",
        ];
        assert_eq!(wrapped(&code).lines().collect::<Vec<_>>(), wanted);
    }
}
