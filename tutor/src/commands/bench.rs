//! `bench NAME …`: builds the reference and the benchmark in release mode and lets the one measure the other.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use checks::PHASES;

use super::save;
use crate::Ended;
use crate::cargo::{Build, Outcome};
use crate::project::{Project, folder_name};

/// Runs a benchmark against the newest phase's reference, unless its arguments name a `--bin` themselves.
///
/// # Errors
///
/// Something does not build, or the benchmark cannot be started.
pub fn run(project: &Project, args: &[String]) -> Result<Ended> {
    // The one benchmark of the tutor itself: it builds as learners do, without optimisation.
    if let Some(("save", args)) = args.split_first().map(|(name, args)| (name.as_str(), args)) {
        return save::run(project, args);
    }
    let bench = release(&project.root, String::from("bench"), String::from("bench"))?;
    let mut command = Command::new(bench);
    command.args(args).current_dir(&project.root);
    if !args.iter().any(|arg| arg.starts_with("--bin")) {
        let phase = PHASES.last().context("there is no phase yet")?;
        let binary = format!("solution-{}", phase.number);
        command.arg("--bin").arg(release(&project.solutions(), format!("solution-{}", folder_name(phase)), binary)?);
    }
    let status = command.status().context("cannot start the benchmark")?;
    Ok(Ended::passed(status.success()))
}

fn release(workspace: &Path, package: String, binary: String) -> Result<PathBuf> {
    let build = Build { workspace, package, binary, release: true, loud: true, colour: false };
    match build.run()?.outcome {
        Outcome::Binary(path) => Ok(path),
        Outcome::Errors(errors) => bail!("{} does not build in release mode:\n{}", build.package, errors.join("\n")),
    }
}
