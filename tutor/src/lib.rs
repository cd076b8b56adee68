//! The course's command line.
//!
//! From a save to a verdict: [`cli`] reads the arguments, [`commands::phase`] asks [`cargo`] for the learner's binary, hands it
//! to the crate `checks` (with a [`broker`] where the phase reads from Kafka), keeps the reports in [`progress`] and prints them by [`screen`], with a question out of [`hints`]. After
//! green, [`questions`] has what to ask, and what was built.
//!
//! From phase 3 on, [`broker`] has the Kafka broker that checks and people use.
//!
//! For those who write the course: [`generator`] cuts starters out of the references, [`variant`] builds such cuts without
//! touching what a learner wrote, and [`verify`] proves by them that the course teaches.

pub mod broker;
pub mod cargo;
pub mod cli;
pub mod commands;
pub mod generator;
pub mod hints;
pub mod interrupt;
pub mod progress;
pub mod project;
pub mod questions;
pub mod scratch;
pub mod screen;
pub mod variant;
pub mod verify;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;

use crate::cli::Args;

/// What a command that ran to its end has to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Everything holds: exit code 0.
    Passed,
    /// A check, or a part of the course's own tests, failed: exit code 1.
    Failed,
}

impl Ended {
    /// `Passed` if nothing failed.
    pub fn passed(all: bool) -> Self {
        if all { Self::Passed } else { Self::Failed }
    }
}

/// Runs the command line `args`, the program's name first. The one place that prints errors and decides on exit codes:
/// 0 passed, 1 failing checks, 2 usage or environment.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    interrupt::listen();
    screen::terminal::erase_cargo_lines();
    let args = match Args::try_parse_from(args) {
        Ok(args) => args,
        Err(error) => {
            // Nobody is left to tell if the terminal itself is gone.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    let json = args.json;
    match commands::run(args) {
        Ok(Ended::Passed) => ExitCode::SUCCESS,
        Ok(Ended::Failed) => ExitCode::from(1),
        Err(error) => {
            report(&error, json);
            ExitCode::from(2)
        }
    }
}

fn report(error: &anyhow::Error, json: bool) {
    if json {
        println!("{}", serde_json::json!({ "error": format!("{error:#}") }));
    } else {
        eprintln!("{} {}", screen::Paint::of_stderr().red("error:"), readable(&format!("{error:#}")));
    }
}

/// What others said (a compiler, git) stays as it is; a sentence of ours is wrapped.
fn readable(error: &str) -> String {
    const MARGIN: &str = "       ";
    if error.lines().count() > 1 {
        return error.to_owned();
    }
    screen::wrap(error, screen::WIDTH - MARGIN.len()).join(&format!("\n{MARGIN}"))
}
