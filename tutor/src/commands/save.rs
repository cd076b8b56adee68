//! `bench save [N]`: how long a learner waits from a save to a verdict, and what for.
//!
//! Edits are made to a generated copy, which is built and checked as `phase N` does it. Two kinds are told apart: those of a learner who
//! climbs from step to step, where the first failure ends the run, and those to a finished phase, where every check has its say. The
//! wrapper is `cargo run` with nothing to build, without the proxy by which rustup starts it.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use checks::median::median;
use checks::run::{Options, Subject, run as run_checks};
use checks::{Outcome, Phase};

use crate::Ended;
use crate::broker;
use crate::cargo::{Build, command};
use crate::cli::Which;
use crate::generator::Cut;
use crate::project::{self, Project, folder_name};
use crate::variant::Slot;

/// Edits of each kind.
const EDITS: usize = 10;

/// The parts of one wait.
#[derive(Debug)]
struct Wait {
    wrapper: Duration,
    build: Duration,
    checks: Duration,
}

impl Wait {
    fn whole(&self) -> Duration {
        self.wrapper + self.build + self.checks
    }
}

/// Measures, and prints each wait and the medians. Only a quiet machine gives figures worth keeping.
///
/// # Errors
///
/// There is no such phase, or something does not build.
pub fn run(project: &Project, args: &[String]) -> Result<Ended> {
    let number = args.first().map_or(Ok(1), |number| number.parse()).context("bench save takes a phase's number")?;
    let phase = project::phase(number)?;
    let slot = Slot::new(project, phase, project.scratch().join(format!("{}-save", folder_name(phase))))?;
    // What it depends on is compiled before the clock runs.
    slot.write_cut(Cut::After(0))?;
    build(&slot, phase)?;
    let options = Options { brokers: broker::brokers(project, phase, &Which::default())?, ..Options::default() };
    println!("milliseconds         wrapper   build   checks   verdict");
    let steps = u8::try_from(phase.steps.len())?;
    let climbing = (1..=steps).cycle().take(EDITS).map(|step| {
        slot.write_cut(Cut::After(step))?;
        wait(project, &slot, phase, &options, &format!("step {number}.{step} done"))
    });
    summary("median, climbing", &climbing.collect::<Result<Vec<_>>>()?);
    slot.write_cut(Cut::Full)?;
    build(&slot, phase)?;
    let source = slot.folder().join(phase.steps[0].file);
    let finished = (0..EDITS).map(|edit| {
        let mut file = fs::OpenOptions::new().append(true).open(&source)?;
        writeln!(file, "pub fn edit_{edit}() -> usize {{ {edit} }}")?;
        wait(project, &slot, phase, &options, "all green")
    });
    summary("median, all green", &finished.collect::<Result<Vec<_>>>()?);
    Ok(Ended::Passed)
}

/// One save, built and checked; prints its parts.
fn wait(project: &Project, slot: &Slot<'_>, phase: &'static Phase, options: &Options, edit: &str) -> Result<Wait> {
    let began = Instant::now();
    let help = command(&project.root)
        .args(["run", "--quiet", "--package", "tutor", "--", "--help"])
        .stdout(Stdio::null())
        .status()
        .context("cannot start cargo")?;
    ensure!(help.success(), "cargo cannot run the tutor");
    let wrapper = began.elapsed();
    let (binary, build) = build(slot, phase)?;
    let began = Instant::now();
    let reports = run_checks(phase, &Subject { binary }, options, &mut |_| {});
    let wait = Wait { wrapper, build, checks: began.elapsed() };
    let failed = reports.iter().find(|report| matches!(report.outcome, Outcome::Failed(_)));
    print(edit, [wait.wrapper, wait.build, wait.checks, wait.whole()].map(|part| part.as_secs_f64() * 1e3));
    println!("{}", failed.map_or(String::new(), |report| format!("   ✗ {}", report.check)));
    Ok(wait)
}

fn build(slot: &Slot<'_>, phase: &Phase) -> Result<(PathBuf, Duration)> {
    let (package, binary) = (format!("phase-{}", folder_name(phase)), format!("phase-{}", phase.number));
    let built = Build { workspace: &slot.root, package, binary, release: false, loud: false, colour: false }.run()?;
    let took = built.took;
    Ok((built.binary()?, took))
}

fn summary(kind: &str, waits: &[Wait]) {
    let part = |part: fn(&Wait) -> Duration| median(waits.iter().map(|wait| part(wait).as_secs_f64() * 1e3));
    let medians = [part(|wait| wait.wrapper), part(|wait| wait.build), part(|wait| wait.checks), part(Wait::whole)];
    print(kind, medians);
    println!("\n");
}

fn print(what: &str, [wrapper, build, checks, whole]: [f64; 4]) {
    print!("{what:<20} {wrapper:>7.0} {build:>7.0} {checks:>8.0} {whole:>9.0}");
}
