//! `hint N`: one rung further up.

use anyhow::{Result, bail, ensure};
use serde_json::json;

use super::answer;
use crate::Ended;
use crate::hints::Hints;
use crate::progress::Progress;
use crate::project::{self, Project};
use crate::screen::{Paint, prose};

/// Shows the next rung for the last failure, and notes that it was shown.
///
/// # Errors
///
/// There is no such phase, or it was never run.
pub fn run(project: &Project, number: u8, json: bool) -> Result<Ended> {
    let phase = project::phase(number)?;
    let mut progress = Progress::load(project)?;
    let known = progress.of(phase);
    let Some(failure) = known.failure else {
        ensure!(known.passed.is_some(), "{NOTHING} (`cargo tutor phase {number}`)");
        answer(json, &json!({ "phase": number, "passed": true }), &prose(&passes(number), 4));
        return Ok(Ended::Passed);
    };
    if let Some(below) = failure.waits_for {
        bail!("{}", waits(number, below));
    }
    let hints = Hints::of(phase)?;
    let check = failure.hinted.as_deref().unwrap_or(&failure.check);
    let Some((hint, _)) = hints.find(check, failure.observed) else { bail!("{NO_HINT}") };
    let next = failure.rung + 1;
    let rung = next.clamp(1, hint.rungs.len());
    progress.climbed(phase, rung);
    progress.save(project)?;
    let text = &hint.rungs[rung - 1];
    let value = json!({
        "phase": number, "check": failure.check, "observed": failure.observed, "rung": rung, "of": hint.rungs.len(), "text": text,
    });
    let heading = Paint::of_stdout().bold(&format!("Step {} · {}", failure.step, NAMES[rung - 1]));
    let is_again = next > hint.rungs.len();
    let head = if is_again { format!("\n{}", prose(AGAIN, 4)) } else { String::new() };
    let foot = match rung {
        3 => String::new(),
        _ => format!("    cargo tutor hint {number} once more for a few lines of code\n"),
    };
    answer(json, &value, &format!("{heading}\n{head}\n{}\n{foot}", prose(text, 4)));
    Ok(Ended::Passed)
}

fn passes(number: u8) -> String {
    format!("Phase {number} passes. `cargo tutor compare {number}` shows how the reference does it.")
}

fn waits(number: u8, below: u8) -> String {
    format!(
        "phase {number} waits for your phase {below}, which is not finished: `cargo tutor phase {below}` goes on there, \
         `cargo tutor borrow {below}` builds on its reference instead"
    )
}

const NAMES: [&str; 3] = ["a question", "where to look", "a few lines"];
const NOTHING: &str = "there is no failure to give a hint for: run the checks first";
const NO_HINT: &str = "there is no hint for this failure; the book's chapter has the idea";
const AGAIN: &str = "That was all there is, and here it is again. The chapter in the book tells it from the beginning.";
