//! `phase N --repeat R`: how much of a verdict is luck.

use anyhow::Result;
use checks::Phase;
use checks::report::{CheckReport, Outcome};
use checks::run::{Options, Subject};
use serde::Serialize;
use serde_json::json;

use super::{answer, phase};
use crate::Ended;
use crate::broker;
use crate::cli::PhaseArgs;
use crate::project::{self, Project};
use crate::screen::{Paint, columns, cut};

/// Runs all checks `R` times, with the seeds S, S+1, …
///
/// # Errors
///
/// There is no such phase or check, or it does not build.
pub fn run(project: &Project, args: &PhaseArgs, json: bool) -> Result<Ended> {
    let phase = project::phase(args.phase)?;
    phase::known_check(phase, args.check.as_deref())?;
    let subject = Subject { binary: phase::build(project, phase, args, json)?.binary()? };
    let options = Options {
        seed: args.seed,
        only: args.check.iter().cloned().collect(),
        all: true,
        broker: broker::program(project, phase)?,
    };
    let tallies = tally(phase, &subject, &options, args.repeat);
    let value = json!({ "phase": phase.number, "runs": args.repeat, "checks": tallies });
    answer(json, &value, &screen(phase, &tallies, args));
    Ok(Ended::passed(tallies.iter().all(|tally| tally.failures == 0)))
}

/// How often one check failed.
#[derive(Debug, Serialize)]
pub struct Tally {
    /// The check's id.
    pub check: String,
    /// As `1.4`.
    pub step: String,
    /// What holds when it passes.
    pub title: String,
    /// Of all runs.
    pub failures: u32,
    /// The seeds that showed it.
    pub seeds: Vec<u64>,
    /// `passed`, `flaky` or `failed`.
    pub verdict: &'static str,
}

/// Runs the checks again and again, with the seed of `options` and those after it, and counts.
pub fn tally(phase: &Phase, subject: &Subject, options: &Options, runs: u32) -> Vec<Tally> {
    let mut tallies: Vec<Tally> = Vec::new();
    for seed in (options.seed..).take(runs as usize) {
        let options = Options { seed, ..options.clone() };
        for report in checks::run::run(phase, subject, &options, &mut |_| {}) {
            count(&mut tallies, &report, seed);
        }
    }
    for tally in &mut tallies {
        tally.verdict = match tally.failures {
            0 => "passed",
            all if all == runs => "failed",
            _ => "flaky",
        };
    }
    tallies
}

fn count(tallies: &mut Vec<Tally>, report: &CheckReport, seed: u64) {
    let at = tallies.iter().position(|tally| tally.check == report.check).unwrap_or_else(|| {
        let (check, step, title) = (report.check.clone(), report.step.clone(), report.title.clone());
        tallies.push(Tally { check, step, title, failures: 0, seeds: Vec::new(), verdict: "passed" });
        tallies.len() - 1
    });
    if matches!(report.outcome, Outcome::Failed(_)) {
        tallies[at].failures += 1;
        tallies[at].seeds.push(seed);
    }
}

fn screen(phase: &Phase, tallies: &[Tally], args: &PhaseArgs) -> String {
    let paint = Paint::of_stdout();
    let mut out = paint.bold(&format!("Phase {} · {} — {} runs", phase.number, phase.title, args.repeat)) + "\n";
    for tally in tallies {
        let (mark, said) = match tally.verdict {
            "passed" => (paint.green("✓"), String::new()),
            "flaky" => (paint.red("~"), format!("flaky: {} of {}", tally.failures, args.repeat)),
            _ => (paint.red("✗"), String::from("failed each time")),
        };
        let title = cut(&tally.title, 46);
        let gap = " ".repeat(48 - columns(&title));
        out += format!("  {mark} {}  {title}{gap}{said}", tally.step).trim_end();
        out += "\n";
    }
    if let Some(flaky) = tallies.iter().find(|tally| tally.verdict == "flaky") {
        out += &format!(
            "\n    {SHOW} cargo tutor phase {} --check {} --seed {}\n",
            phase.number, flaky.check, flaky.seeds[0]
        );
    }
    out
}

const SHOW: &str = "Once more, as it failed:";
