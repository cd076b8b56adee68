//! `verify`: proves that the course teaches, point by point.
//!
//! 1. [`generated`]: what is generated is up to date, rustfmt leaves it alone, and the two workspaces agree.
//! 2. [`builds`]: the staircase. 3. The reference passes. 4. Each step matters. 5. Each catalogued mistake is caught, as its
//!    entry says.
//! 6. Is `cargo test`: the golden screens, and a later phase on an earlier one that is borrowed, and that is not.
//! 7. [`ids`]: steps, checks, hints, chapters and the catalogue speak of the same things.
//! 9. [`mixes`]: the workspace resolves and builds with each phase borrowed.

pub mod builds;
pub mod catalogue;
pub mod generated;
pub mod ids;
pub mod mixes;

use std::time::Instant;

use anyhow::{Error, Result};
use checks::{PHASES, Phase};
use serde_json::json;

use crate::Ended;
use crate::cli::VerifyArgs;
use crate::project::{self, Project};
use crate::screen::{Paint, WIDTH, columns, cut, terminal};

/// Runs the points that were asked for.
///
/// # Errors
///
/// There is no such phase. That a point fails is an outcome, not an error.
pub fn run(project: &Project, args: &VerifyArgs, json: bool) -> Result<Ended> {
    let phases = match args.phase {
        Some(number) => vec![project::phase(number)?],
        None => PHASES.to_vec(),
    };
    let mut report = Report { json, passed: 0, failed: 0, began: Instant::now() };
    let wanted = |point: u8| args.points.is_empty() || args.points.contains(&point);
    if wanted(1) {
        generated::run(project, &phases, &mut report);
    }
    if wanted(7) {
        phases.iter().for_each(|phase| ids::run(project, phase, &mut report));
    }
    for phase in &phases {
        if let Err(error) = builds::run(project, phase, args.repeat, &wanted, &mut report) {
            report.note(5, &format!("{}: the catalogue can be read", project::folder_name(phase)), Err(error));
        }
    }
    if wanted(9) {
        mixes::run(project, &phases, &mut report);
    }
    Ok(report.close())
}

/// The folder of a phase's catalogue, hints and chapter, relative to the root.
pub(crate) fn catalogue_of(project: &Project, phase: &Phase) -> std::path::PathBuf {
    project.root.join("tests/catalogue").join(project::folder_name(phase))
}

/// Prints each thing that was proved, or was not, as soon as it is known.
#[derive(Debug)]
pub struct Report {
    json: bool,
    passed: u32,
    failed: u32,
    began: Instant,
}

impl Report {
    /// Notes how something of point `point` ended; time is counted from the last note.
    pub fn note(&mut self, point: u8, name: &str, result: Result<()>) {
        let took = self.began.elapsed().as_secs_f64();
        self.began = Instant::now();
        match &result {
            Ok(()) => self.passed += 1,
            Err(_) => self.failed += 1,
        }
        let line = if self.json { document(point, name, &result) } else { screen(point, name, &result, took) };
        terminal::show(&line);
    }

    fn close(&self) -> Ended {
        let (passed, failed) = (self.passed, self.failed);
        let screen = format!("{passed} passed, {failed} failed\n");
        terminal::show(&if self.json {
            json!({ "passed": passed, "failed": failed }).to_string() + "\n"
        } else {
            screen
        });
        Ended::passed(failed == 0)
    }
}

fn document(point: u8, name: &str, result: &Result<()>) -> String {
    let detail = result.as_ref().err().map(|error| format!("{error:#}"));
    format!("{}\n", json!({ "point": point, "name": name, "passed": result.is_ok(), "detail": detail }))
}

fn screen(point: u8, name: &str, result: &Result<(), Error>, took: f64) -> String {
    let paint = Paint::of_stdout();
    let name = cut(name, WIDTH - 16);
    let gap = " ".repeat(WIDTH - 16 - columns(&name));
    match result {
        Ok(()) => format!("  {} {point}  {name}{gap}{took:>6.1} s\n", paint.green("✓")),
        Err(error) => {
            let detail = format!("{error:#}").lines().map(|line| format!("       {line}\n")).collect::<String>();
            format!("  {} {point}  {name}\n{detail}", paint.red("✗"))
        }
    }
}
