//! `bench NAME …` and `soak N …`: build the reference and the benchmark in release mode and let the one work on the other.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use checks::Phase;

use super::save;
use crate::cargo::{Build, Outcome};
use crate::cli::SoakArgs;
use crate::project::{Project, folder_name, phase};
use crate::{Ended, broker};

/// Whose reference each benchmark measures, with this flag or without any: the first phase that does what it asks for.
const SUBJECTS: [(&str, &str, u8); 7] = [
    ("idle", "", 1),
    ("echo", "", 1),
    ("route", "--nodes", 5),
    ("route", "", 2),
    ("crowd", "", 2),
    ("kafka", "", 3),
    ("snapshot", "", 5),
];
/// What the benchmarks call the soak of a phase.
const SOAKS: [(u8, &str); 2] = [(3, "soak-records"), (5, "soak-cluster")];
/// Who needs a broker.
const READERS: [&str; 2] = ["kafka", "soak-records"];

/// Runs a benchmark against the reference of its phase, unless its arguments name a `--bin` themselves.
///
/// # Errors
///
/// Something does not build, or the benchmark cannot be started.
pub fn run(project: &Project, args: &[String]) -> Result<Ended> {
    // The one benchmark of the tutor itself: it builds as learners do, without optimisation.
    if let Some(("save", args)) = args.split_first().map(|(name, args)| (name.as_str(), args)) {
        return save::run(project, args);
    }
    let is_meant = |name: &str, flag: &str| {
        args.first().is_some_and(|arg| arg == name) && args.iter().any(|arg| arg.starts_with(flag))
    };
    let subject = SUBJECTS.iter().find(|(name, flag, _)| is_meant(name, flag));
    // `gossip` measures a library; and what nobody knows, such as `--help`, the benchmark itself answers.
    measure(project, subject.map(|(.., number)| phase(*number)).transpose()?, args)
}

/// Does to the reference of a phase, for minutes, what it has to stand.
///
/// # Errors
///
/// The phase has no soak; and as [`run`].
pub fn soak(project: &Project, args: &SoakArgs) -> Result<Ended> {
    let phase = phase(args.phase)?;
    let soak = SOAKS.iter().find(|(number, _)| *number == phase.number);
    let numbers = SOAKS.map(|(number, _)| number.to_string()).join(", ");
    let (_, soak) = soak.with_context(|| format!("phase {} has no soak; these have: {numbers}", phase.number))?;
    let args: Vec<String> = [String::from(*soak)].into_iter().chain(args.args.iter().cloned()).collect();
    measure(project, Some(phase), &args)
}

fn measure(project: &Project, phase: Option<&Phase>, args: &[String]) -> Result<Ended> {
    let bench = release(&project.root, String::from("bench"), String::from("bench"))?;
    let mut command = Command::new(bench);
    command.args(args).current_dir(&project.root);
    let lacks = |flag: &str| !args.iter().any(|arg| arg.starts_with(flag));
    if let Some(phase) = phase.filter(|_| lacks("--bin")) {
        let binary = format!("solution-{}", phase.number);
        command.arg("--bin").arg(release(&project.solutions(), format!("solution-{}", folder_name(phase)), binary)?);
    }
    let name = args.first().map_or("", String::as_str);
    if READERS.contains(&name) && lacks("--broker") {
        let broker = broker::NAME;
        command.arg("--broker").arg(release(&project.root, broker.to_owned(), broker.to_owned())?);
    }
    if name == "snapshot" && lacks("--crowd") {
        let (package, name) = (String::from("solution-0-crowd"), String::from("crowd"));
        command.arg("--crowd").arg(release(&project.solutions(), package, name)?);
    }
    // It ends when its standard input does: however the tutor ends, the benchmark does, and all that it started.
    let mut running = command.arg("--until-eof").stdin(Stdio::piped()).spawn().context("cannot start the benchmark")?;
    let tie = running.stdin.take();
    let status = running.wait().context("cannot wait for the benchmark")?;
    drop(tie);
    Ok(Ended::passed(status.success()))
}

fn release(workspace: &Path, package: String, binary: String) -> Result<PathBuf> {
    let build = Build { workspace, package, binary, release: true, loud: true, colour: false };
    match build.run()?.outcome {
        Outcome::Binary(path) => Ok(path),
        Outcome::Errors(errors) => bail!("{} does not build in release mode:\n{}", build.package, errors.join("\n")),
    }
}
