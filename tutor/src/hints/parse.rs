//! The form of a sheet of hints.
//!
//! ```text
//! # step 1.4                     what `compare` says about a step: the invariant, then why
//! invariant: one sentence
//!
//! Why it is so.
//!
//! ## echo-text / nothing-arrived  a hint, for a check and what it saw
//! The question.                   rung 1: stands below the failure
//! ### Look
//! The concept and a place.        rung 2
//! ### Code
//! A sentence, and 5 to 15 lines of code between fences.   rung 3
//!
//! ## echo-text, echo-binary       for the checks, whatever they saw
//! ## * / took-too-long            for the observation, whichever the check
//! ## *                            for what nothing better is known about
//! ```
//!
//! Everything above the first heading, and HTML comments on lines of their own, are for authors. A hint that is known by its
//! observation goes before one that is known by its check: what was seen says more.

use anyhow::{Result, bail, ensure};

/// A parsed sheet.
#[derive(Debug, Default)]
pub struct Sheet {
    /// In file order.
    pub steps: Vec<StepNote>,
    /// In file order.
    pub hints: Vec<Hint>,
}

/// What `compare` says about one step.
#[derive(Debug, Default)]
pub struct StepNote {
    /// As `1.4`.
    pub step: String,
    /// What holds from this step on, in one sentence.
    pub invariant: String,
    /// Why.
    pub why: String,
}

/// Three rungs: the question, where to look, some code.
#[derive(Debug)]
pub struct Hint {
    /// What it is for.
    pub key: Key,
    /// Markdown, in the order in which they are shown.
    pub rungs: [String; 3],
}

/// What a hint is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// The checks' ids; none stands for any check.
    pub checks: Vec<String>,
    /// The observation's id; `None` stands for any.
    pub observed: Option<String>,
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let checks = if self.checks.is_empty() { String::from("*") } else { self.checks.join(", ") };
        match &self.observed {
            Some(observed) => write!(f, "{checks} / {observed}"),
            None => f.write_str(&checks),
        }
    }
}

impl Hint {
    /// The lines between the fences of the third rung.
    pub fn code(&self) -> Vec<&str> {
        let lines = self.rungs[2].lines().skip_while(|line| !line.starts_with("```")).skip(1);
        lines.take_while(|line| !line.starts_with("```")).collect()
    }
}

enum Section {
    Preface,
    Step(String),
    Hint(Key, usize),
}

impl Sheet {
    /// Parses a sheet.
    ///
    /// # Errors
    ///
    /// A heading or a hint that is not in the form above.
    pub fn parse(text: &str) -> Result<Self> {
        let mut sheet = Self::default();
        let (mut section, mut body, mut fenced) = (Section::Preface, String::new(), false);
        for line in text.lines() {
            fenced ^= line.starts_with("```");
            if let Some(next) = heading(line, fenced, &section)? {
                sheet.close(&section, &std::mem::take(&mut body))?;
                section = next;
            } else if !line.starts_with("<!--") {
                body.push_str(line);
                body.push('\n');
            }
        }
        sheet.close(&section, &body)?;
        sheet.hints.iter().try_for_each(complete)?;
        Ok(sheet)
    }

    fn close(&mut self, section: &Section, body: &str) -> Result<()> {
        let body = body.trim();
        match section {
            Section::Preface => {}
            Section::Step(step) => self.steps.push(step_note(step, body)?),
            Section::Hint(key, 0) => {
                ensure!(self.hints.iter().all(|hint| hint.key != *key), "`## {key}` stands twice");
                self.hints.push(Hint { key: key.clone(), rungs: [body.to_owned(), String::new(), String::new()] });
            }
            Section::Hint(_, rung) => {
                if let Some(hint) = self.hints.last_mut() {
                    body.clone_into(&mut hint.rungs[*rung]);
                }
            }
        }
        Ok(())
    }
}

fn heading(line: &str, fenced: bool, section: &Section) -> Result<Option<Section>> {
    if fenced {
        return Ok(None);
    }
    let rung = match line.trim_end() {
        "### Look" => 1,
        "### Code" => 2,
        _ => 0,
    };
    if let (1.., Section::Hint(key, _)) = (rung, section) {
        return Ok(Some(Section::Hint(key.clone(), rung)));
    }
    if let Some(step) = line.strip_prefix("# step ") {
        return Ok(Some(Section::Step(step.trim().to_owned())));
    }
    match line.strip_prefix("## ") {
        Some(key) => Ok(Some(Section::Hint(key_of(key), 0))),
        None if line.starts_with("##") => {
            bail!("`{line}` should be `### Look` or `### Code`, below a `## check / observed`")
        }
        None => Ok(None),
    }
}

fn key_of(text: &str) -> Key {
    let (checks, observed) = text.split_once('/').map_or((text, None), |(checks, observed)| (checks, Some(observed)));
    let checks = checks.split(',').map(|check| check.trim().to_owned()).filter(|check| check != "*").collect();
    Key { checks, observed: observed.map(|observed| observed.trim().to_owned()) }
}

fn step_note(step: &str, body: &str) -> Result<StepNote> {
    let (first, why) = body.split_once("\n\n").unwrap_or((body, ""));
    let Some(invariant) = first.strip_prefix("invariant:") else {
        bail!("`# step {step}` should begin with `invariant: …`")
    };
    let invariant = invariant.split_whitespace().collect::<Vec<_>>().join(" ");
    Ok(StepNote { step: step.to_owned(), invariant, why: why.trim().to_owned() })
}

fn complete(hint: &Hint) -> Result<()> {
    for (rung, name) in hint.rungs.iter().zip(["question", "`### Look`", "`### Code`"]) {
        ensure!(!rung.is_empty(), "`## {}` has no {name}", hint.key);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::Sheet;

    const SHEET: &str = "\
For authors.

# step 1.1
invariant: what comes
goes back

Because.

## a, b / wrong-answer
Why?
### Look
There.
### Code
So:
```rust
### Look
```
";

    #[test]
    fn a_sheet_has_steps_and_hints() {
        let sheet = Sheet::parse(SHEET).expect("the sheet is well formed");
        assert_eq!((sheet.steps[0].step.as_str(), sheet.steps[0].why.as_str()), ("1.1", "Because."));
        assert_eq!(sheet.steps[0].invariant, "what comes goes back");
        assert_eq!(sheet.hints[0].key.to_string(), "a, b / wrong-answer");
        assert_eq!(sheet.hints[0].rungs[0], "Why?");
        assert_eq!(sheet.hints[0].code(), ["### Look"]);
    }

    #[test]
    fn what_is_missing_is_named() {
        let error = |text: &str| Sheet::parse(text).expect_err(text).to_string();
        assert_eq!(error("## a\nWhy?\n### Look\nThere.\n"), "`## a` has no `### Code`");
        assert!(error("# step 1.1\nBecause.\n").contains("invariant"));
        assert!(error("### Look\n").contains("should be"));
        assert!(error("## a\nb\n### Look\nc\n### Code\nd\n## a\n").contains("twice"));
    }
}
