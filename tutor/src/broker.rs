//! The Kafka broker that checks and people use: its program, built when it is first needed, and where one runs.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context, Result, anyhow};
use checks::harness::Brokers;
use checks::{CheckReport, Outcome, Phase};
use serde::{Deserialize, Serialize};

use crate::cargo::{Build, likely_binary};
use crate::cli::Which;
use crate::generator::folder::write_if_changed;
use crate::project::Project;

/// The package, and its binary.
pub const NAME: &str = "broker";

/// The program, built if need be; says so where that takes minutes, with cargo's own progress.
///
/// # Errors
///
/// It does not build.
pub fn build(project: &Project) -> Result<PathBuf> {
    let loud = !likely_binary(&project.root, NAME, false).exists();
    if loud {
        eprintln!("{BUILDING}");
    }
    let (workspace, package, binary) = (&project.root, NAME.to_owned(), NAME.to_owned());
    Build { workspace, package, binary, release: false, loud, colour: false }.run()?.binary().context("the broker")
}

/// What the checks of a phase share that reads from Kafka: the program, built if need be, and which broker it is to be.
///
/// # Errors
///
/// It does not build.
pub fn brokers(project: &Project, phase: &Phase, which: &Which) -> Result<Option<Brokers>> {
    phase.kafka.then(|| Ok(Brokers { program: build(project)?, shared: which.arguments(project) })).transpose()
}

/// A check of a phase that reads from Kafka is skipped where the broker is not there, or not as it should be: that is no pass.
///
/// # Errors
///
/// Why one was skipped.
pub fn was_there(phase: &Phase, reports: &[CheckReport]) -> Result<()> {
    let skipped = reports.iter().find_map(|report| match &report.outcome {
        Outcome::Skipped { why } if phase.kafka => Some((report, why)),
        _ => None,
    });
    skipped.map_or(Ok(()), |(report, why)| Err(anyhow!("`{}` could not be run: {why}", report.check)))
}

/// The broker that `kafka` started last: `.tutor/kafka.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
    /// What nodes are given as `--kafka`.
    pub kafka: String,
    /// Its control routes.
    pub control: SocketAddr,
}

impl Running {
    /// What was remembered; it may have ended since.
    pub fn load(project: &Project) -> Option<Self> {
        serde_json::from_slice(&fs::read(path(project)).ok()?).ok()
    }

    /// Remembers it.
    ///
    /// # Errors
    ///
    /// Whatever the file system refuses.
    pub fn save(&self, project: &Project) -> Result<()> {
        write_if_changed(&path(project), (serde_json::to_string(self)? + "\n").as_bytes())
    }
}

fn path(project: &Project) -> PathBuf {
    project.state().join("kafka.json")
}

const BUILDING: &str = "\
Building the broker for the first time: librdkafka, which is C, is compiled
with it. Two to three minutes on two cores.";
