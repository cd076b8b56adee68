//! The hints: three rungs for each way to fail, and what `compare` says about each step.
//!
//! They stand in `tests/hints/*.md`, whose form [`parse`] tells, and are compiled in: an edit rebuilds the tutor and nothing else.

pub mod parse;

use anyhow::{Context, Result};
use checks::{Observed, Phase};

pub use parse::{Hint, Key, Sheet, StepNote};

use crate::project::folder_name;

/// One line for each phase.
const SHEETS: &[(&str, &str)] = &[
    ("1-socket", include_str!("../../../tests/hints/1-socket.md")),
    ("2-registry", include_str!("../../../tests/hints/2-registry.md")),
    ("3-ingest", include_str!("../../../tests/hints/3-ingest.md")),
    ("4-cluster", include_str!("../../../tests/hints/4-cluster.md")),
    ("5-directory", include_str!("../../../tests/hints/5-directory.md")),
];

/// Hints by observation alone, for every phase.
const ANY_PHASE: &str = include_str!("../../../tests/hints/any-phase.md");

/// How well a hint fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fit {
    /// Written for every failure that nothing better is known about.
    LastResort,
    /// Written for the check, whatever it saw.
    Check,
    /// Written for the observation, whichever the check.
    Observation,
    /// Written for this check and this observation.
    Exact,
}

/// The hints for one phase.
#[derive(Debug)]
pub struct Hints {
    sheets: [Sheet; 2],
}

impl Hints {
    /// Reads the phase's hints.
    ///
    /// # Errors
    ///
    /// The sheet is malformed, or the phase has none.
    pub fn of(phase: &Phase) -> Result<Self> {
        let name = folder_name(phase);
        let (_, own) =
            SHEETS.iter().find(|(of, _)| *of == name).with_context(|| format!("there are no hints for {name}"))?;
        let own = Sheet::parse(own).with_context(|| format!("tests/hints/{name}.md"))?;
        let any = Sheet::parse(ANY_PHASE).context("tests/hints/any-phase.md")?;
        Ok(Self { sheets: [own, any] })
    }

    /// The hint that fits best, and how well; the phase's own sheet goes first among equals.
    pub fn find(&self, check: &str, observed: Observed) -> Option<(&Hint, Fit)> {
        let hints = self.sheets.iter().flat_map(|sheet| &sheet.hints);
        let fitting = hints.filter_map(|hint| Some((hint, fit(&hint.key, check, observed)?)));
        // `max_by_key` would take the last of equals.
        fitting.reduce(|best, next| if next.1 > best.1 { next } else { best })
    }

    /// The phase's own sheet.
    pub fn own(&self) -> &Sheet {
        &self.sheets[0]
    }

    /// All hints, for the course's own tests.
    pub fn all(&self) -> impl Iterator<Item = &Hint> {
        self.sheets.iter().flat_map(|sheet| &sheet.hints)
    }
}

fn fit(key: &Key, check: &str, observed: Observed) -> Option<Fit> {
    let check_fits = (!key.checks.is_empty()).then(|| key.checks.iter().any(|wanted| wanted == check));
    let observed_fits = key.observed.as_deref().map(|wanted| wanted == observed.id());
    match (check_fits, observed_fits) {
        (Some(true), Some(true)) => Some(Fit::Exact),
        (None, Some(true)) => Some(Fit::Observation),
        (Some(true), None) => Some(Fit::Check),
        (None, None) => Some(Fit::LastResort),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{ANY_PHASE, SHEETS};
    use crate::screen::columns;

    /// Code is shown six columns in, on a screen of 80, and is not wrapped.
    const CODE_COLUMNS: usize = 74;

    #[test]
    fn no_line_of_code_is_wide() {
        for (name, sheet) in SHEETS.iter().chain(&[("any-phase", ANY_PHASE)]) {
            let mut fenced = false;
            for (number, line) in (1..).zip(sheet.lines()) {
                fenced ^= line.starts_with("```");
                let fits = !fenced || columns(line) <= CODE_COLUMNS;
                assert!(fits, "tests/hints/{name}.md:{number} is over {CODE_COLUMNS} columns: {line}");
            }
        }
    }
}
