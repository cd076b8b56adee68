//! Points 2 to 5, which build variants of a reference and run the checks on them.
//!
//! Variants are built one after the other, while the checks of the one before run.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

use anyhow::{Context, Result, anyhow, bail, ensure};
use checks::Phase;
use checks::report::CheckReport;
use checks::run::{Options, Subject};

use super::catalogue::{self, Mistake};
use super::{Report, catalogue_of};
use crate::broker;
use crate::cli::Which;
use crate::commands::repeat::repeat;
use crate::generator::Cut;
use crate::hints::{Fit, Hints};
use crate::project::{Project, folder_name};
use crate::screen::verdict::first_failure;
use crate::variant::Slot;

/// How often a mistake is looked at that another check saw first than its entry names. A wrong program may fail in several ways, and it may be
/// a race which of them shows; it must never pass, and must fail as its entry tells within so many runs.
const CHANCES: u32 = 3;

/// Notes points 2 to 5 for one phase.
///
/// # Errors
///
/// The catalogue cannot be read, or there is no room for the variants.
pub fn run(
    project: &Project,
    phase: &'static Phase,
    repeat: u32,
    wanted: &dyn Fn(u8) -> bool,
    report: &mut Report,
) -> Result<()> {
    let tasks: Vec<Task> = tasks(project, phase, repeat)?.into_iter().filter(|task| wanted(task.point())).collect();
    let slot = Slot::shared(project, phase)?;
    let options =
        Options { seed: 1, brokers: broker::brokers(project, phase, &Which::default())?, ..Options::default() };
    thread::scope(|scope| {
        let (built_tx, built_rx) = sync_channel(1);
        let (tasks, slot) = (&tasks, &slot);
        scope.spawn(move || {
            for task in tasks {
                // The checks below stopped listening: nothing is left to be built.
                let _ = built_tx.send((task, task.build(slot)));
            }
        });
        judge(phase, &options, &built_rx, report);
    });
    Ok(())
}

fn judge(phase: &Phase, options: &Options, built: &Receiver<(&Task, Result<PathBuf>)>, report: &mut Report) {
    for (task, binary) in built {
        let name = format!("{}: {}", folder_name(phase), task.name(phase));
        report.note(task.point(), &name, binary.and_then(|binary| task.judge(phase, &Subject { binary }, options)));
    }
}

fn tasks(project: &Project, phase: &Phase, repeat: u32) -> Result<Vec<Task>> {
    let steps = phase.steps.len() as u8;
    let mistakes = catalogue::entries(&catalogue_of(project, phase), phase)?;
    let stairs = (0..steps).map(Task::Stair);
    let matters = (1..=steps).map(Task::Matters);
    Ok(stairs.chain([Task::Reference(repeat)]).chain(matters).chain(mistakes.into_iter().map(Task::Mistake)).collect())
}

enum Task {
    /// The reference cut after a step passes up to there, and no further.
    Stair(u8),
    /// The reference passes, so many times.
    Reference(u32),
    /// Without this step, one of its checks fails.
    Matters(u8),
    /// The mistake is caught as its entry says.
    Mistake(Mistake),
}

impl Task {
    fn point(&self) -> u8 {
        match self {
            Self::Stair(_) => 2,
            Self::Reference(_) => 3,
            Self::Matters(_) => 4,
            Self::Mistake(_) => 5,
        }
    }

    fn name(&self, phase: &Phase) -> String {
        let number = phase.number;
        match self {
            Self::Stair(0) => String::from("the starter passes nothing of its first step"),
            Self::Stair(done) => format!("cut after {number}.{done}: passes up to there, fails {number}.{}", done + 1),
            Self::Reference(1) => String::from("the reference passes"),
            Self::Reference(runs) => format!("the reference passes {runs} times"),
            Self::Matters(step) => format!("step {number}.{step} matters"),
            Self::Mistake(mistake) => format!("mistake: {}", mistake.mistake),
        }
    }

    fn build(&self, slot: &Slot) -> Result<PathBuf> {
        match self {
            Self::Stair(done) => slot.write_cut(Cut::After(*done)).and_then(|()| slot.build(&format!("after-{done}"))),
            Self::Reference(_) => slot.write_cut(Cut::Full).and_then(|()| slot.build("reference")),
            Self::Matters(step) => {
                slot.write_cut(Cut::Without(*step)).and_then(|()| slot.build(&format!("without-{step}")))
            }
            Self::Mistake(mistake) => slot.write_patched(&mistake.patch).and_then(|()| slot.build(&mistake.name())),
        }
    }

    fn judge(&self, phase: &Phase, subject: &Subject, options: &Options) -> Result<()> {
        match self {
            Self::Stair(done) => stair(phase, subject, options, *done),
            Self::Reference(runs) => reference(phase, subject, options, *runs),
            Self::Matters(step) => matters(phase, subject, options, *step),
            Self::Mistake(mistake) => caught(phase, subject, options, mistake),
        }
    }
}

fn stair(phase: &Phase, subject: &Subject, options: &Options, done: u8) -> Result<()> {
    let next = done + 1;
    let wanted = phase.checks.iter().find(|check| check.step == next).context("the next step has no check")?;
    let reports = run_checks(phase, subject, &up_to(phase, next, options));
    let Some((report, _)) = first_failure(&reports) else {
        bail!("expected `{}` to fail, and everything up to its step passed", wanted.id)
    };
    ensure!(report.check == wanted.id, "expected `{}` to be the first to fail, and saw {}", wanted.id, told(report));
    Ok(())
}

fn reference(phase: &Phase, subject: &Subject, options: &Options, runs: u32) -> Result<()> {
    let repeated = repeat(phase, subject, &Options { all: true, ..options.clone() }, runs)?;
    let failed: Vec<_> = repeated.tallies.into_iter().filter(|tally| tally.failures > 0).collect();
    let lines = failed
        .iter()
        .map(|tally| format!("{} failed {} of {runs} times, seeds {:?}", tally.check, tally.failures, tally.seeds));
    let first = repeated.first.map(|first| format!("first: {}", told(&first.report)));
    let lines: Vec<String> = lines.chain(first).collect();
    ensure!(lines.is_empty(), "{}", lines.join("\n"));
    Ok(())
}

fn matters(phase: &Phase, subject: &Subject, options: &Options, step: u8) -> Result<()> {
    let name = format!("{}.{step}", phase.number);
    // Only its own: without one step many others fail, and each of those waits for its deadline.
    let own = Options { only: vec![name.clone()], ..options.clone() };
    let reports = run_checks(phase, subject, &own);
    ensure!(first_failure(&reports).is_some(), "expected a check of step {name} to fail, and all of them passed");
    Ok(())
}

fn caught(phase: &Phase, subject: &Subject, options: &Options, mistake: &Mistake) -> Result<()> {
    let mut others = Vec::new();
    let steps = phase.checks.iter().filter(|check| mistake.failures().any(|(named, _)| named == check.id));
    let last = steps.map(|check| check.step).max().context("the mistake's check is not there")?;
    for _ in 0..CHANCES {
        let reports = run_checks(phase, subject, &up_to(phase, last, options));
        let Some((report, failed)) = first_failure(&reports) else {
            bail!("expected `{}` to fail, and everything up to its step passed", mistake.check)
        };
        if mistake.failures().any(|failure| failure == (&report.check, failed.observed)) {
            let hints = Hints::of(phase)?;
            let (_, fit) = hints.find(&report.check, failed.observed).ok_or_else(|| anyhow!("there is no hint"))?;
            ensure!(fit > Fit::LastResort, "a learner would be shown only the hint of last resort");
            return Ok(());
        }
        // So that whoever reads this can give it an `Or:` line.
        eprintln!("{}: another check saw it first: {}", mistake.name(), told(report));
        others.push(told(report));
    }
    let wanted: Vec<_> = mistake.failures().map(|(check, observed)| format!("`{check}` to see {observed}")).collect();
    bail!("expected {}, and saw {}", wanted.join(" or "), others.join("\nand "))
}

/// The checks of all steps up to this one: those of later ones would only take the processor from them.
fn up_to(phase: &Phase, step: u8, options: &Options) -> Options {
    Options { only: (1..=step).map(|step| format!("{}.{step}", phase.number)).collect(), ..options.clone() }
}

fn run_checks(phase: &Phase, subject: &Subject, options: &Options) -> Vec<CheckReport> {
    checks::run::run(phase, subject, options, &mut |_| {})
}

/// A failure in a few lines, for whoever writes the course.
fn told(report: &CheckReport) -> String {
    let Some((_, failed)) = first_failure(std::slice::from_ref(report)) else {
        return format!("`{}` pass", report.check);
    };
    let last =
        failed.story.last().map(|event| format!("{} → {} {}", event.from, event.to, event.text)).unwrap_or_default();
    format!("`{}` fail with {}\n  {last}\n  ← expected {}", report.check, failed.observed, failed.expected)
}
