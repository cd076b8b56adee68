//! `reset N`: a fresh starter; what was there is kept.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use checks::Phase;
use serde_json::json;

use super::answer;
use crate::Ended;
use crate::generator::{Cut, Generated};
use crate::progress;
use crate::project::{self, Project, folder_name};
use crate::variant::copy_folder;

/// Copies `phases/N-name` away, then generates the starter anew.
///
/// # Errors
///
/// There is no such phase, or the copy cannot be made: then nothing was changed.
pub fn run(project: &Project, number: u8, json: bool) -> Result<Ended> {
    let phase = project::phase(number)?;
    let starter = Generated::cut(&project.reference(phase), phase, Cut::After(0))?;
    let kept = keep(project, phase).context("nothing was changed: the copy could not be made")?;
    starter.write_to(&project.learner(phase))?;
    let kept = project.shown(&kept);
    let screen = format!("phases/{} is the starter again.\nWhat was there is kept in {kept}\n", folder_name(phase));
    answer(json, &json!({ "phase": number, "kept": kept }), &screen);
    Ok(Ended::Passed)
}

fn keep(project: &Project, phase: &Phase) -> Result<PathBuf> {
    // Colons are no part of a file name everywhere.
    let stem = format!("{}-{}", folder_name(phase), progress::now().replace(':', ""));
    let folder = project.state().join("kept");
    let free = |path: &PathBuf| !fs::exists(path).unwrap_or(true);
    let names = std::iter::once(stem.clone()).chain((2..).map(|more| format!("{stem}-{more}")));
    let path = names.map(|name| folder.join(name)).find(free).context("no name is free")?;
    copy_folder(&project.learner(phase), &path)?;
    Ok(path)
}
