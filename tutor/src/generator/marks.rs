//! The grammar of the marks in a reference's source files.
//!
//! ```text
//! // ANCHOR: step-2-4-release            a region; regions nest, and mdBook can include them
//! // BEFORE 2.3: leave nothing behind    the head: what stands here while step 2.3 is undone. The hint may
//! // however the connection ended        go on in the next comment lines, if the head goes on after them
//! //| body                               the body for it; no such line means an empty body
//! // BEFORE 2.4: what if …?              ascending: the smallest step that is still undone decides
//! //| other body
//! // WITHOUT 2.4:                        the no-op that proves that step 2.4 matters
//! //| no-op
//! // WITHOUT 2.4: as it is               or: other regions say what is missing, and here the reference's code stays
//! <the reference's code>
//! // ANCHOR_END: step-2-4-release
//! ```
//!
//! An anchor whose name does not begin with `step-` is mdBook's alone: its content stays, its two lines go.
//! A hint followed by an empty body and then by a comment of the reference's own: the comment is not part of the hint.

use anyhow::{Result, anyhow, bail};

/// A stretch of a marked file.
#[derive(Debug)]
pub enum Piece {
    /// A line of the reference.
    Line(String),
    /// An anchor line that means something to mdBook only.
    Anchor(String),
    /// A region that steps change.
    Region(Region),
}

/// What stands between `// ANCHOR: step-…` and its end.
#[derive(Debug)]
pub struct Region {
    /// `step-2-4-release`.
    pub name: String,
    /// The step in its name: 4 for `step-2-4-release`.
    pub step: u8,
    /// The white space before its first line: bodies and hints are indented alike.
    pub indent: String,
    /// The line of its anchor, counted from 1.
    pub line: usize,
    /// What stands while a step is undone, ascending.
    pub befores: Vec<Body>,
    /// No-ops by step.
    pub withouts: Vec<Body>,
    /// The reference's code.
    pub pieces: Vec<Piece>,
}

/// One replacement for a region's code.
#[derive(Debug)]
pub struct Body {
    /// The step (counted from 1) that it belongs to.
    pub step: u8,
    /// The hint's lines; none for `WITHOUT`, which at most says that all stays as it is.
    pub hint: Vec<String>,
    /// The code's lines, indented relative to the region.
    pub lines: Vec<String>,
}

impl Body {
    /// Whether it says that the reference's code stands.
    pub fn is_as_it_is(&self) -> bool {
        self.lines.is_empty() && self.hint == ["as it is"]
    }
}

/// Parses one source file of phase `phase`; `file` is named in errors.
///
/// # Errors
///
/// A malformed mark, with `file:line`.
pub fn parse(text: &str, file: &str, phase: u8) -> Result<Vec<Piece>> {
    let mut parser = Parser { lines: numbered(text), at: 0, file, phase };
    parser.pieces(None)
}

/// Calls `visit` on each region, outer before inner.
pub fn each_region<'a>(pieces: &'a [Piece], visit: &mut impl FnMut(&'a Region)) {
    for piece in pieces {
        if let Piece::Region(region) = piece {
            visit(region);
            each_region(&region.pieces, visit);
        }
    }
}

struct Parser<'a> {
    /// With their numbers.
    lines: Vec<(usize, &'a str)>,
    at: usize,
    file: &'a str,
    phase: u8,
}

impl<'a> Parser<'a> {
    /// Reads up to the end of the region `open` (its name and line), or of the file.
    fn pieces(&mut self, open: Option<(&str, usize)>) -> Result<Vec<Piece>> {
        let mut pieces = Vec::new();
        while let Some(line) = self.peek() {
            let mark = line.trim();
            if let Some(name) = mark.strip_prefix("// ANCHOR_END: step-") {
                self.check_end(name, open)?;
                self.at += 1;
                return Ok(pieces);
            }
            if is_head(mark) {
                bail!(self.error("BEFORE, WITHOUT and //| stand directly below their `// ANCHOR: step-…` line"));
            }
            self.at += 1;
            pieces.push(match mark.strip_prefix("// ANCHOR: step-") {
                Some(name) => Piece::Region(self.region(&format!("step-{name}"), indent_of(line))?),
                None if is_anchor(mark) => Piece::Anchor(line.to_owned()),
                None => Piece::Line(line.to_owned()),
            });
        }
        match open {
            Some((name, line)) => bail!("{}:{line}: `{name}` is never closed by `// ANCHOR_END: {name}`", self.file),
            None => Ok(pieces),
        }
    }

    fn check_end(&self, name: &str, open: Option<(&str, usize)>) -> Result<()> {
        match open {
            Some((open, _)) if open.strip_prefix("step-") == Some(name) => Ok(()),
            Some((open, line)) => {
                Err(self.error(&format!("`step-{name}` ends here, but `{open}` from line {line} is still open")))
            }
            None => Err(self.error(&format!("`step-{name}` ends here and never began"))),
        }
    }

    fn region(&mut self, name: &str, indent: &str) -> Result<Region> {
        let line = self.number(self.at - 1);
        let step = self.step_in_name(name)?;
        let (mut befores, mut withouts) = (Vec::<Body>::new(), Vec::new());
        while let Some(mark) = self.peek().map(str::trim).filter(|mark| is_head(mark)) {
            if let Some(rest) = mark.strip_prefix("// BEFORE ") {
                let body = self.body(rest)?;
                if befores.last().is_some_and(|last| last.step >= body.step) {
                    bail!("{}:{line}: the BEFOREs of `{name}` do not ascend", self.file);
                }
                befores.push(body);
            } else if let Some(rest) = mark.strip_prefix("// WITHOUT ") {
                withouts.push(self.body(rest)?);
            } else {
                bail!(self.error("a //| line belongs below a BEFORE or a WITHOUT"));
            }
        }
        let pieces = self.pieces(Some((name, line)))?;
        Ok(Region { name: name.to_owned(), step, indent: indent.to_owned(), line, befores, withouts, pieces })
    }

    /// Reads `2.4: hint`, the lines that continue the hint, and the body.
    fn body(&mut self, first: &str) -> Result<Body> {
        let (step, hint) = first.split_once(':').ok_or_else(|| self.error("a colon is missing behind the step"))?;
        let step = self.step(step.trim())?;
        self.at += 1;
        let mut hint = vec![hint.trim().to_owned()];
        for _ in 0..self.continuation() {
            hint.push(self.lines[self.at].1.trim().trim_start_matches('/').trim().to_owned());
            self.at += 1;
        }
        hint.retain(|line| !line.is_empty());
        let mut lines = Vec::new();
        while let Some(code) = self.peek().and_then(|line| line.trim().strip_prefix("//|")) {
            lines.push(code.strip_prefix(' ').unwrap_or(code).to_owned());
            self.at += 1;
        }
        Ok(Body { step, hint, lines })
    }

    /// How many comment lines from here on continue a hint: those that lead to more of the head.
    fn continuation(&self) -> usize {
        let rest = self.lines[self.at..].iter().map(|(_, line)| line.trim());
        let comments =
            rest.clone().take_while(|mark| mark.starts_with("// ") && !is_head(mark) && !is_anchor(mark)).count();
        let leads_on = self.lines.get(self.at + comments).is_some_and(|(_, line)| is_head(line.trim()));
        if leads_on { comments } else { 0 }
    }

    fn step_in_name(&self, name: &str) -> Result<u8> {
        let mut parts = name.splitn(4, '-').skip(1);
        let (phase, step, slug) = (parts.next(), parts.next(), parts.next());
        let step = self
            .step(&format!("{}.{}", phase.unwrap_or_default(), step.unwrap_or_default()))
            .map_err(|_| self.error_above(&format!("`{name}` should be `step-{}-K-slug`", self.phase)))?;
        slug.ok_or_else(|| {
            self.error_above(&format!("`{name}` needs a slug: mdBook shows only the first of equal names"))
        })?;
        Ok(step)
    }

    fn step(&self, text: &str) -> Result<u8> {
        let (phase, step) = text.split_once('.').ok_or_else(|| self.error("a step is written `2.4`"))?;
        match (phase.parse::<u8>(), step.parse::<u8>()) {
            (Ok(phase), Ok(step)) if phase == self.phase && step > 0 => Ok(step),
            _ => Err(self.error(&format!("`{text}` is no step of phase {}", self.phase))),
        }
    }

    fn peek(&self) -> Option<&'a str> {
        self.lines.get(self.at).map(|(_, line)| *line)
    }

    fn number(&self, at: usize) -> usize {
        self.lines.get(at).or(self.lines.last()).map_or(1, |(number, _)| *number)
    }

    fn error(&self, what: &str) -> anyhow::Error {
        anyhow!("{}:{}: {what}", self.file, self.number(self.at))
    }

    fn error_above(&self, what: &str) -> anyhow::Error {
        anyhow!("{}:{}: {what}", self.file, self.number(self.at - 1))
    }
}

/// Numbers the lines, and gives a mark that rustfmt has put behind a closing brace a line of its own.
fn numbered(text: &str) -> Vec<(usize, &str)> {
    let mut lines = Vec::new();
    for (line, number) in text.lines().zip(1..) {
        match line.find(" // ANCHOR_END: ") {
            Some(at) if !line[..at].trim().is_empty() => {
                lines.extend([(number, &line[..at]), (number, &line[at + 1..])])
            }
            _ => lines.push((number, line)),
        }
    }
    lines
}

fn is_head(mark: &str) -> bool {
    let stepped =
        |word: &str| mark.strip_prefix(word).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    mark.starts_with("//|") || stepped("// BEFORE ") || stepped("// WITHOUT ")
}

fn is_anchor(mark: &str) -> bool {
    mark.starts_with("// ANCHOR: ") || mark.starts_with("// ANCHOR_END: ")
}

fn indent_of(line: &str) -> &str {
    &line[..line.len() - line.trim_start().len()]
}
