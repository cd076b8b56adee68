//! `phase N --repeat R`: how much of a verdict is luck.

use std::collections::BTreeSet;

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
use crate::screen::verdict::first_failure;
use crate::screen::{Paint, account, columns, prose};

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
        brokers: broker::brokers(project, phase, &args.which)?,
    };
    let Repeated { tallies, first } = repeat(phase, &subject, &options, args.repeat)?;
    let value = json!({ "phase": phase.number, "runs": args.repeat, "checks": tallies, "first": first });
    answer(json, &value, &screen(phase, &tallies, first.as_ref(), args, Paint::of_stdout()));
    Ok(Ended::passed(tallies.iter().all(|tally| tally.failures == 0)))
}

/// What many runs came to.
#[derive(Debug)]
pub struct Repeated {
    /// In the order of the phase's checks.
    pub tallies: Vec<Tally>,
    /// The first check that failed in the first run in which one did.
    pub first: Option<First>,
}

/// The failure whose story is told.
#[derive(Debug, Serialize)]
pub struct First {
    /// The run's seed.
    pub seed: u64,
    /// The check's story.
    pub report: CheckReport,
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

/// Runs the checks again and again, with the seed of `options` and those after it.
///
/// # Errors
///
/// As [`broker::was_there`].
pub fn repeat(phase: &Phase, subject: &Subject, options: &Options, runs: u32) -> Result<Repeated> {
    let (mut tallies, mut first) = (Vec::new(), None);
    for seed in (options.seed..).take(runs as usize) {
        let options = Options { seed, ..options.clone() };
        let reports = checks::run::run(phase, subject, &options, &mut |_| {});
        broker::was_there(phase, &reports)?;
        reports.iter().for_each(|report| count(&mut tallies, report, seed));
        first = first.or_else(|| first_failure(&reports).map(|(report, _)| First { seed, report: report.clone() }));
    }
    for tally in &mut tallies {
        tally.verdict = match tally.failures {
            0 => "passed",
            all if all == runs => "failed",
            _ => "flaky",
        };
    }
    Ok(Repeated { tallies, first })
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

fn screen(phase: &Phase, tallies: &[Tally], first: Option<&First>, args: &PhaseArgs, paint: Paint) -> String {
    let mut out = paint.bold(&format!("Phase {} · {} — {} runs", phase.number, phase.title, args.repeat)) + "\n";
    out.extend(tallies.iter().map(|tally| tally.line(args.repeat, paint)));
    let Some((First { seed, report }, Outcome::Failed(failed))) = first.map(|first| (first, &first.report.outcome))
    else {
        return out + &format!("\n    All of them pass, {} times.\n", args.repeat);
    };
    if let Some(few) = few_runs(tallies, args) {
        out += &format!("\n{}", prose(&few, 4));
    }
    let heading = format!("The first that failed, in run {}: {}", seed - args.seed + 1, report.check);
    out += &format!("\n  {}\n\n", paint.bold(&heading));
    out += &account::render(phase, report, failed, paint);
    out + &format!(
        "    {SHOW}\n    cargo tutor phase {}{} --check {} --seed {seed}\n",
        phase.number,
        whose(args),
        report.check
    )
}

impl Tally {
    fn line(&self, runs: u32, paint: Paint) -> String {
        let (mark, said) = match self.verdict {
            "passed" => (paint.green("✓"), String::new()),
            "flaky" => (paint.red("~"), format!("failed {} of {runs}", self.failures)),
            _ => (paint.red("✗"), String::from("failed each time")),
        };
        let gap = " ".repeat(TITLE.saturating_sub(columns(&self.title)));
        format!("  {mark} {}  {}{gap} {said}", self.step, self.title).trim_end().to_owned() + "\n"
    }
}

/// The arguments that name what was checked, if it was not the learner's own.
fn whose(args: &PhaseArgs) -> String {
    let bin = args.bin.as_ref().map(|path| format!(" --bin {}", path.display()));
    if args.reference { String::from(" --reference") } else { bin.unwrap_or_default() }
}

/// Races of their own would fail in runs of their own: checks that fail together have met the same moment of this machine.
fn few_runs(tallies: &[Tally], args: &PhaseArgs) -> Option<String> {
    let flaky: Vec<_> = tallies.iter().filter(|tally| tally.verdict == "flaky").collect();
    let seeds: BTreeSet<u64> = flaky.iter().flat_map(|tally| tally.seeds.iter().copied()).collect();
    let runs: Vec<String> = seeds.iter().map(|seed| (seed - args.seed + 1).to_string()).collect();
    let [before @ .., last] = runs.as_slice() else { return None };
    let together = flaky.len() > runs.len() && runs.len() <= FEW;
    together.then(|| match before {
        [] => format!("All in run {last}: was the machine busy?"),
        _ => format!("All in runs {} and {last}: was the machine busy?", before.join(", ")),
    })
}

/// The longest title of a check.
const TITLE: usize = 52;
/// More runs than these are no single moment.
const FEW: usize = 3;
const SHOW: &str = "Once more, with what chance chose then:";

#[cfg(test)]
mod tests {
    use clap::Parser;

    use checks::PHASES;

    use super::{Tally, few_runs, screen};
    use crate::cli::{Args, Command, PhaseArgs};
    use crate::screen::{Paint, WIDTH, columns};

    fn tally(check: &str, seeds: &[u64], verdict: &'static str) -> Tally {
        let (check, step, title) = (check.to_owned(), String::from("2.1"), "t".repeat(super::TITLE));
        Tally { check, step, title, failures: seeds.len() as u32, seeds: seeds.to_vec(), verdict }
    }

    fn twenty_from_seed_100() -> PhaseArgs {
        let args = Args::try_parse_from(["tutor", "phase", "2", "--repeat", "20", "--seed", "100"]);
        match args.expect("it is a command").command {
            Some(Command::Phase(args)) => args,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_fails_together_is_one_moment_of_the_machine() {
        let args = twenty_from_seed_100();
        let together = [tally("a", &[104], "flaky"), tally("b", &[104], "flaky"), tally("c", &[], "passed")];
        assert_eq!(few_runs(&together, &args).as_deref(), Some("All in run 5: was the machine busy?"));
        let both = [tally("a", &[104, 106], "flaky"), tally("b", &[104], "flaky"), tally("c", &[106], "flaky")];
        assert_eq!(few_runs(&both, &args).as_deref(), Some("All in runs 5 and 7: was the machine busy?"));
        let apart = [tally("a", &[104], "flaky"), tally("b", &[107], "flaky")];
        assert_eq!(few_runs(&apart, &args), None);
        assert_eq!(few_runs(&[tally("a", &[104], "flaky")], &args), None);
    }

    #[test]
    fn the_longest_title_stays_whole() {
        let args = PhaseArgs { repeat: 1000, ..twenty_from_seed_100() };
        let seeds: Vec<_> = (0..999).collect();
        let tallies = [tally("a", &seeds, "flaky"), tally("b", &seeds, "failed")];
        let screen = screen(PHASES[1], &tallies, None, &args, Paint { colour: false });
        assert_eq!(screen.matches(&"t".repeat(super::TITLE)).count(), 2);
        assert!(screen.lines().all(|line| columns(line) <= WIDTH), "{screen}");
    }
}
