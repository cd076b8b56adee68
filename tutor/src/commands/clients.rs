//! `clients`: clients that no one here wrote talk to each reference, in its dialect.

pub mod talk;
pub mod tools;

use std::env;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Error, Result};
use checks::{PHASES, Phase};
use serde_json::json;

use super::phase;
use crate::Ended;
use crate::cli::{ClientsArgs, PhaseArgs, Which};
use crate::project::{self, Project};
use crate::screen::{Paint, WIDTH, columns, terminal, wrap};
use tools::{Client, Dialect};

/// Runs each client against a node of its own, and prints a line for each as soon as it has ended.
///
/// # Errors
///
/// The node does not build. That a client fails is an outcome, not an error.
pub fn run(project: &Project, args: &ClientsArgs, json: bool) -> Result<Ended> {
    let phases = match args.phase {
        Some(number) => vec![project::phase(number)?],
        None => PHASES.to_vec(),
    };
    // A build server that silently tries nothing would pass for ever.
    let strict = env::var_os("CI").is_some_and(|value| !value.is_empty());
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    for phase in phases {
        let binary = binary(project, phase, args)?;
        let dialect = Dialect::of(phase);
        for client in Client::ALL.into_iter().filter(|client| client.speaks(dialect)) {
            let (began, strict) = (Instant::now(), strict && !client.is_optional());
            let outcome = outcome(project, client, dialect, &binary);
            match &outcome {
                Outcome::Passed(_) => passed += 1,
                Outcome::Skipped(_) if !strict => skipped += 1,
                Outcome::Failed(_) | Outcome::Skipped(_) => failed += 1,
            }
            if !json {
                let name = format!("{}, phase {}", client.name(), phase.number);
                terminal::show(&outcome.line(&name, strict, began));
            }
        }
    }
    let value = json!({ "passed": passed, "failed": failed, "skipped": skipped });
    super::answer(json, &value, &format!("{passed} passed, {failed} failed, {skipped} skipped\n"));
    Ok(Ended::passed(failed == 0))
}

/// The program that `--bin` names, or the phase's reference.
fn binary(project: &Project, phase: &Phase, args: &ClientsArgs) -> Result<PathBuf> {
    let args = PhaseArgs {
        phase: phase.number,
        reference: true,
        bin: args.bin.clone(),
        check: None,
        repeat: 1,
        seed: 1,
        timings: false,
        which: Which::default(),
    };
    phase::build(project, phase, &args, false)?.binary()
}

enum Outcome {
    /// So many things hold.
    Passed(usize),
    Failed(Error),
    /// Something is not installed.
    Skipped(Error),
}

fn outcome(project: &Project, client: Client, dialect: Dialect, binary: &Path) -> Outcome {
    let needs = client.command(project, dialect);
    let needs = needs.and_then(|command| Ok((command, client.options(project, dialect)?)));
    match needs.map(|(command, options)| talk::talk(binary, &command, &options)) {
        Ok(Ok(things)) => Outcome::Passed(things),
        Ok(Err(error)) => Outcome::Failed(error),
        Err(missing) => Outcome::Skipped(missing),
    }
}

impl Outcome {
    fn line(&self, name: &str, strict: bool, began: Instant) -> String {
        let paint = Paint::of_stdout();
        match self {
            Self::Passed(things) => {
                let name = format!("{name}: {things} things");
                let gap = " ".repeat((WIDTH - 16).saturating_sub(columns(&name)));
                format!("  {} {name}{gap}{:>8.1} s\n", paint.green("✓"), began.elapsed().as_secs_f64())
            }
            Self::Failed(error) => format!("  {} {name}\n{}", paint.red("✗"), below(&format!("{error:#}"))),
            Self::Skipped(error) if strict => {
                format!("  {} {name}\n{}", paint.red("✗"), below(&format!("{error:#} ({IN_CI})")))
            }
            Self::Skipped(error) => {
                format!("  {} {name}, skipped\n{}", paint.dim("–"), below(&format!("{error:#}")))
            }
        }
    }
}

fn below(text: &str) -> String {
    const MARGIN: &str = "       ";
    let lines = text.lines().flat_map(|line| wrap(line, WIDTH - MARGIN.len()));
    lines.filter(|line| !line.is_empty()).map(|line| format!("{MARGIN}{line}\n")).collect()
}

const IN_CI: &str = "`CI` is set, so nothing may be skipped";
