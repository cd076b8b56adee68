//! `borrow N` and `return N`: the one line of the root manifest that says whose phase later phases build on.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use checks::Phase;
use serde_json::json;

use super::answer;
use crate::Ended;
use crate::cargo;
use crate::project::{self, Project, folder_name};
use crate::screen::terminal;

/// Whose code a phase's line points at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    /// `solutions/N-name`.
    Reference,
    /// `phases/N-name`.
    Learner,
}

impl From {
    /// The line's text.
    fn line(self, phase: &Phase) -> String {
        let (folder, kind) = match self {
            Self::Reference => ("solutions", "solution"),
            Self::Learner => ("phases", "phase"),
        };
        let name = folder_name(phase);
        format!("{} = {{ path = \"{folder}/{name}\", package = \"{kind}-{name}\" }}", phase.name)
    }
}

/// What the line says now; `None` if the manifest has none for this phase.
///
/// # Errors
///
/// The manifest cannot be read.
pub fn current(project: &Project, phase: &Phase) -> Result<Option<From>> {
    let manifest = fs::read_to_string(manifest(project)).context("cannot read the root manifest")?;
    let says = |from: &From| manifest.lines().any(|line| line == from.line(phase));
    Ok([From::Learner, From::Reference].into_iter().find(says))
}

/// Shows the change, then points the line at `to`, and back again if cargo does not like what it sees.
///
/// # Errors
///
/// There is no such phase or line, or cargo refuses the change; then nothing is changed.
pub fn run(project: &Project, number: u8, to: From, json: bool) -> Result<Ended> {
    let phase = project::phase(number)?;
    let Some(before) = current(project, phase)? else {
        bail!("the root Cargo.toml has no line `{}`", From::Learner.line(phase));
    };
    let (old, new) = (before.line(phase), to.line(phase));
    let changed = before != to;
    if !json {
        terminal::show(&if changed { change(&old, &new) } else { already(to, &new) });
    }
    if changed {
        replace(project, &old, &new)?;
        if let Err(error) = resolves(project) {
            replace(project, &new, &old)?;
            return Err(error.context("nothing was changed"));
        }
    }
    let screen = if changed { format!("\n{}\n", meaning(phase, to)) } else { String::new() };
    answer(json, &json!({ "phase": number, "changed": changed, "before": old, "after": new }), &screen);
    Ok(Ended::Passed)
}

/// Leaves every other byte as it is, the ends of lines included.
fn replace(project: &Project, old: &str, new: &str) -> Result<()> {
    let text = fs::read_to_string(manifest(project))?;
    let lines = text.split_inclusive('\n').map(|line| match line.strip_prefix(old) {
        Some(end) if end.trim().is_empty() => format!("{new}{end}"),
        _ => line.to_owned(),
    });
    let text: String = lines.collect();
    fs::write(manifest(project), text).context("cannot write the root manifest")
}

fn resolves(project: &Project) -> Result<()> {
    let mut cargo = cargo::command(&project.root);
    // `tree` resolves everything and, unlike `metadata`, wants no crates of other platforms.
    let output = cargo.args(["tree", "--workspace", "--depth", "0"]).output().context("cannot start cargo")?;
    if !output.status.success() {
        bail!("cargo refuses it: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}

fn manifest(project: &Project) -> PathBuf {
    project.root.join("Cargo.toml")
}

fn change(old: &str, new: &str) -> String {
    format!("Cargo.toml (and Cargo.lock with it)\n  - {old}\n  + {new}\n")
}

fn already(to: From, line: &str) -> String {
    let whose = if to == From::Reference { "It is borrowed already." } else { "It is your own already." };
    format!("{whose} Cargo.toml says:\n  {line}\n")
}

fn meaning(phase: &Phase, to: From) -> String {
    let number = phase.number;
    match to {
        From::Reference => format!(
            "Later phases build on the reference of phase {number} now. `cargo tutor phase {number}` still\nchecks your own \
             code; `cargo tutor return {number}` undoes this."
        ),
        From::Learner => format!("Later phases build on your own phase {number} again."),
    }
}
