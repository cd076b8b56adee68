//! `phase N`: from a save to a verdict.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use checks::report::CheckReport;
use checks::run::{Options, Subject};
use checks::{PHASES, Phase};
use serde_json::json;

use super::answer;
use crate::Ended;
use crate::broker;
use crate::cargo::{Build, Built, Outcome, likely_binary};
use crate::cli::PhaseArgs;
use crate::hints::Hints;
use crate::progress::{Progress, hinted, keep_reports, passed_last};
use crate::project::{self, Project, folder_name};
use crate::questions;
use crate::screen::verdict::{Verdict, first_failure};
use crate::screen::{Paint, WIDTH, build as build_screen, wrap};

/// Builds, checks, remembers, prints.
///
/// # Errors
///
/// There is no such phase or check, or cargo cannot be started.
pub fn run(project: &Project, args: &PhaseArgs, json: bool) -> Result<Ended> {
    let phase = project::phase(args.phase)?;
    known_check(phase, args.check.as_deref())?;
    let (binary, build_took) = match build(project, phase, args, json)? {
        Built { outcome: Outcome::Binary(binary), took } => (binary, took),
        Built { outcome: Outcome::Errors(errors), took } => {
            let value =
                json!({ "phase": phase.number, "verdict": "not_built", "build_ms": ms(took), "errors": errors });
            answer(json, &value, &build_screen::render(phase, &errors, Paint::of_stdout()));
            return Ok(Ended::Failed);
        }
    };
    let brokers = broker::brokers(project, phase, &args.which)?;
    let began = Instant::now();
    let options = Options { seed: args.seed, only: args.check.iter().cloned().collect(), all: false, brokers };
    let reports = checks::run::run(phase, &Subject { binary }, &options, &mut |_| {});
    broker::was_there(phase, &reports)?;
    let passed_before = first_failure(&reports).is_some_and(|(report, _)| passed_last(project, phase, &report.check));
    let run = Run { phase, args, reports, passed_before, build_took, checks_took: began.elapsed() };
    if run.is_own() {
        run.remember(project)?;
    }
    run.show(project, json)
}

/// The binary that the arguments ask for, built if need be.
///
/// # Errors
///
/// There is no such file, or cargo cannot be started.
pub fn build(project: &Project, phase: &Phase, args: &PhaseArgs, json: bool) -> Result<Built> {
    if let Some(path) = &args.bin {
        ensure!(path.is_file(), "there is no program {}", path.display());
        let path = path.canonicalize()?;
        return Ok(Built { outcome: Outcome::Binary(path), took: Duration::ZERO });
    }
    build_code(project, phase, Code { reference: args.reference, release: false }, json)
}

/// Which of a phase's two programs, and how it is compiled.
#[derive(Debug, Clone, Copy)]
pub struct Code {
    /// The reference instead of the learner's own.
    pub reference: bool,
    /// With optimisations.
    pub release: bool,
}

/// A phase's binary, built if need be; says so where that may take long.
///
/// # Errors
///
/// Cargo cannot be started.
pub fn build_code(project: &Project, phase: &Phase, code: Code, json: bool) -> Result<Built> {
    let Code { reference, release } = code;
    let name = folder_name(phase);
    let (workspace, kind) = if reference { (project.solutions(), "solution") } else { (project.root.clone(), "phase") };
    let binary = format!("{kind}-{}", phase.number);
    let loud = !likely_binary(&project.root, &binary, release).exists();
    if loud {
        eprintln!("{}", building(phase, code));
    }
    let colour = !json && Paint::of_stdout().colour;
    Build { workspace: &workspace, package: format!("{kind}-{name}"), binary, release, loud, colour }.run()
}

/// Refuses a check's id that the phase does not have, naming those it has.
///
/// # Errors
///
/// It has no such check.
pub fn known_check(phase: &Phase, id: Option<&str>) -> Result<()> {
    let Some(id) = id else { return Ok(()) };
    let ids: Vec<_> = phase.checks.iter().map(|check| check.id).collect();
    ensure!(ids.contains(&id), "phase {} has no check `{id}`; it has: {}", phase.number, ids.join(", "));
    Ok(())
}

struct Run<'a> {
    phase: &'static Phase,
    args: &'a PhaseArgs,
    reports: Vec<CheckReport>,
    /// What fails now passed when it was the learner's own code last.
    passed_before: bool,
    build_took: Duration,
    checks_took: Duration,
}

impl Run<'_> {
    fn is_own(&self) -> bool {
        !self.args.reference && self.args.bin.is_none()
    }

    /// Only a run of all checks says how far the learner is.
    fn remember(&self, project: &Project) -> Result<()> {
        let mut progress = Progress::load(project)?;
        if self.args.check.is_some() {
            progress.mended(self.phase, &self.reports);
            return progress.save(project);
        }
        progress.note(self.phase, first_failure(&self.reports));
        progress.save(project)?;
        keep_reports(project, self.phase, &self.reports)
    }

    fn show(&self, project: &Project, json: bool) -> Result<Ended> {
        let failure = first_failure(&self.reports);
        let hints = Hints::of(self.phase).context("cannot read the hints")?;
        let hint = failure.and_then(|(report, failed)| hints.find(hinted(self.phase, report, failed), failed.observed));
        let built = questions::of(self.phase)?.built;
        let subject = self.subject();
        let verdict = Verdict {
            phase: self.phase,
            reports: &self.reports,
            hint: hint.map(|(hint, _)| hint),
            built: &built,
            subject: subject.as_deref(),
            partial: self.args.check.is_some(),
            passed_before: self.passed_before && subject.is_none(),
            own_tests: failure.is_none() && has_tests(&project.learner(self.phase)),
        };
        let screen = if json { String::new() } else { verdict.render(Paint::of_stdout()) + &self.timings() };
        answer(json, &self.as_json(), &screen);
        Ok(Ended::passed(failure.is_none()))
    }

    fn subject(&self) -> Option<String> {
        let path = |path: &PathBuf| path.display().to_string();
        if self.args.reference { Some(String::from("the reference")) } else { self.args.bin.as_ref().map(path) }
    }

    fn timings(&self) -> String {
        if !self.args.timings {
            return String::new();
        }
        let (build, checks) = (ms(self.build_took), ms(self.checks_took));
        format!("\n    build {build} ms · start and checks {checks} ms\n")
    }

    fn as_json(&self) -> serde_json::Value {
        let failure = first_failure(&self.reports);
        let verdict = if failure.is_none() { "passed" } else { "failed" };
        let whole = self.phase.steps.len();
        let done = failure.map_or(whole, |(report, _)| step_number(&report.step).saturating_sub(1));
        json!({
            "phase": self.phase.number, "verdict": verdict, "done": done, "steps": whole, "errors": [],
            "build_ms": ms(self.build_took), "checks_ms": ms(self.checks_took), "checks": self.reports,
        })
    }
}

/// Whether a file of the crate has tests in it.
fn has_tests(crate_folder: &Path) -> bool {
    let files = fs::read_dir(crate_folder.join("src")).into_iter().flatten().flatten();
    files.filter_map(|file| fs::read_to_string(file.path()).ok()).any(|code| code.contains("#[cfg(test)]"))
}

/// 4 for `1.4`.
fn step_number(step: &str) -> usize {
    step.split('.').nth(1).and_then(|number| number.parse().ok()).unwrap_or(0)
}

fn ms(duration: Duration) -> u128 {
    duration.as_millis()
}

fn building(phase: &Phase, code: Code) -> String {
    let name = folder_name(phase);
    let what = if code.reference { format!("the reference solutions/{name}") } else { format!("phases/{name}") };
    let kafka = PHASES.iter().any(|earlier| earlier.kafka && earlier.number <= phase.number);
    let long = match (code.release, kafka) {
        (true, _) => "with optimisations: a minute or two",
        (false, true) => "half a minute or so, and two more for Kafka's client",
        (false, false) => "half a minute or so",
    };
    wrap(&format!("Building {what} for the first time, with what it depends on: {long}."), WIDTH).join("\n")
}
