//! What is asked once a phase is green, a good answer to it, and what has been built.
//!
//! It stands in `tests/questions/*.md`, whose form [`parse`] tells, and is compiled in. The chapter includes the question from there.

pub mod parse;

use anyhow::{Context, Result};
use checks::Phase;

pub use parse::Question;

use crate::project::folder_name;

/// One line for each phase.
const QUESTIONS: &[(&str, &str)] = &[
    ("1-socket", include_str!("../../../tests/questions/1-socket.md")),
    ("2-registry", include_str!("../../../tests/questions/2-registry.md")),
    ("3-ingest", include_str!("../../../tests/questions/3-ingest.md")),
    ("4-cluster", include_str!("../../../tests/questions/4-cluster.md")),
    ("5-directory", include_str!("../../../tests/questions/5-directory.md")),
];

/// The phase's question.
///
/// # Errors
///
/// The file is malformed, or the phase has none.
pub fn of(phase: &Phase) -> Result<Question> {
    let name = folder_name(phase);
    let (_, text) =
        QUESTIONS.iter().find(|(of, _)| *of == name).with_context(|| format!("there is no question for {name}"))?;
    Question::parse(text).with_context(|| format!("tests/questions/{name}.md"))
}
