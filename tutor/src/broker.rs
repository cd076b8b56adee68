//! The program `broker`: Kafka for the checks of the phases that read from it, built when it is first needed.

use std::path::PathBuf;

use anyhow::{Context, Result};
use checks::Phase;

use crate::cargo::{Build, likely_binary};
use crate::project::Project;

const PACKAGE: &str = "broker";

/// The program, built if need be, for a phase that reads from Kafka; says so where that takes long.
///
/// # Errors
///
/// It does not build.
pub fn program(project: &Project, phase: &Phase) -> Result<Option<PathBuf>> {
    if !phase.kafka {
        return Ok(None);
    }
    let loud = !likely_binary(&project.root, PACKAGE, false).exists();
    if loud {
        eprintln!("{BUILDING}");
    }
    let build = Build {
        workspace: &project.root,
        package: String::from(PACKAGE),
        binary: String::from(PACKAGE),
        release: false,
        loud,
        colour: false,
    };
    build.run()?.binary().context("the Kafka broker for checks").map(Some)
}

const BUILDING: &str =
    "Building a Kafka broker for the checks, once: it compiles librdkafka, two to three minutes on two cores.";
