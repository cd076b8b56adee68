//! `list`, and what to do next.

use std::fs;

use anyhow::Result;
use checks::{PHASES, Phase};
use serde_json::{Value, json};

use super::answer;
use super::borrow::{self, From};
use crate::Ended;
use crate::generator::pristine::{self, Hand};
use crate::progress::{LastFailure, PhaseProgress, Progress};
use crate::project::{Project, folder_name};
use crate::screen::{Paint, verdict};

/// Lists the phases.
///
/// # Errors
///
/// The progress or a phase's folder cannot be read.
pub fn run(project: &Project, json: bool) -> Result<Ended> {
    let progress = Progress::load(project)?;
    let (mut rows, mut screen) = (Vec::new(), String::new());
    for phase in PHASES {
        let (code, known) = (code_of(project, phase)?, progress.of(phase));
        screen += &line(phase, code, &known);
        rows.push(row(phase, code, &known));
    }
    answer(json, &json!({ "phases": rows }), &screen);
    Ok(Ended::Passed)
}

/// Says what to do next: the first phase of the learner's own that has not passed, or the first that was broken again. A phase
/// that is borrowed waits until it is asked for.
///
/// # Errors
///
/// The progress or the root manifest cannot be read.
pub fn next(project: &Project, json: bool) -> Result<Ended> {
    let progress = Progress::load(project)?;
    let mut own = Vec::new();
    for phase in PHASES {
        if borrow::current(project, phase)? != Some(From::Reference) {
            own.push(*phase);
        }
    }
    let open = |phase: &&&Phase| progress.of(phase).passed.is_none() || progress.of(phase).broken();
    let next = own.iter().find(open);
    let screen = match next {
        Some(phase) => next_screen(project, phase, &progress.of(phase)),
        None => done_screen(own.last().copied(), own.len() < PHASES.len()),
    };
    let command = next.map(|phase| format!("cargo tutor phase {}", phase.number));
    answer(json, &json!({ "next": command }), &screen);
    Ok(Ended::Passed)
}

/// What is left to do with the newest phase, where nothing is left to be built.
fn done_screen(newest: Option<&Phase>, borrowed: bool) -> String {
    let title = Paint::of_stdout().bold(if borrowed { ALL_OR_BORROWED } else { ALL });
    let after = newest.map(|phase| verdict::afterwards(phase.number)).unwrap_or_default();
    format!("{title}\n\n{after}    cargo tutor list        all phases\n")
}

fn next_screen(project: &Project, phase: &Phase, known: &PhaseProgress) -> String {
    let title = Paint::of_stdout().bold(&format!("Next: phase {} · {}", phase.number, phase.title));
    let about = match &known.failure {
        Some(LastFailure { waits_for: Some(below), .. }) => {
            format!("It waits for phase {below}, which was not finished when it ran last.")
        }
        Some(failure) if known.broken() => {
            format!("It passed before; now step {} fails ({}).", failure.step, failure.check)
        }
        Some(failure) => format!("You are at step {} ({}).", failure.step, failure.check),
        None => String::from("Not begun yet."),
    };
    let number = phase.number;
    format!(
        "{title}\n  {about}\n\n    cargo tutor phase {number}   build it and run its checks\n    cargo tutor watch {number}   the \
         same at each save\n    cargo tutor list      all phases\n    cargo tutor --help    everything else\n\n    book: {}\n",
        chapter(project, phase),
    )
}

/// The built chapter if the book was built, else its source, which reads well too.
fn chapter(project: &Project, phase: &Phase) -> String {
    let name = folder_name(phase);
    let built = project.root.join(format!("book/html/{name}.html"));
    let path =
        if fs::exists(&built).unwrap_or(false) { built } else { project.root.join(format!("book/src/{name}.md")) };
    project.shown(&path)
}

fn code_of(project: &Project, phase: &Phase) -> Result<&'static str> {
    if borrow::current(project, phase)? == Some(From::Reference) {
        return Ok("borrowed");
    }
    Ok(match pristine::whose(project, phase)? {
        Hand::Pristine => "pristine",
        Hand::Mine => "mine",
    })
}

fn line(phase: &Phase, code: &str, known: &PhaseProgress) -> String {
    let paint = Paint::of_stdout();
    let date = known.passed.as_deref().and_then(|at| at.split('T').next());
    let said = match (date, &known.failure) {
        (Some(date), Some(failure)) => {
            let now = failure.waits_for.map_or_else(|| format!("step {} fails now", failure.step), waits);
            format!("passed {date}, {}", paint.red(&format!("but {now}")))
        }
        (Some(date), None) => paint.green(&format!("passed {date}")),
        (None, Some(failure)) => failure.waits_for.map_or_else(|| format!("at step {}", failure.step), waits),
        (None, None) => String::new(),
    };
    format!("  {}  {:<16} {code:<10} {said}", phase.number, phase.title).trim_end().to_owned() + "\n"
}

fn waits(below: u8) -> String {
    format!("waits for phase {below}")
}

fn row(phase: &Phase, code: &str, known: &PhaseProgress) -> Value {
    let waits_for = known.failure.as_ref().and_then(|failure| failure.waits_for);
    json!({
        "phase": phase.number, "title": phase.title, "code": code, "passed": known.passed, "broken": known.broken(),
        "waits_for": waits_for,
    })
}

const ALL: &str = "Every phase there is passes";
const ALL_OR_BORROWED: &str = "Every phase there is passes, or is borrowed";
