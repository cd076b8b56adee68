//! `generate`: starters, their hashes and the book's listings, out of the references.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use checks::{PHASES, Phase};
use serde_json::json;

use super::answer;
use crate::Ended;
use crate::generator::folder::{files_below, write_if_changed};
use crate::generator::pristine::{self, Hand};
use crate::generator::{Cut, Generated};
use crate::project::{Project, folder_name};

/// Writes what is generated, or with `check` says what would change.
///
/// # Errors
///
/// A malformed mark, or whatever the file system refuses.
pub fn run(project: &Project, check: bool, json: bool) -> Result<Ended> {
    let all = Everything::of(project)?;
    let stale = all.stale(project)?;
    if !check {
        guard(project, &stale)?;
        all.write(project)?;
    }
    let verb = if check { "would change" } else { "written" };
    let mut screen: String = stale.iter().map(|path| format!("{verb}  {path}\n")).collect();
    if stale.is_empty() {
        screen = String::from("Everything generated is up to date.\n");
    } else if check {
        screen += &format!("\n{STALE}\n");
    }
    let ended = Ended::passed(!check || stale.is_empty());
    answer(
        json,
        &json!({ "passed": u8::from(ended == Ended::Passed), "failed": u8::from(ended == Ended::Failed), "stale": stale }),
        &screen,
    );
    Ok(ended)
}

/// All that is generated and committed.
#[derive(Debug)]
pub struct Everything {
    folders: Vec<(String, Generated)>,
    pristine: String,
}

impl Everything {
    /// Generates it, in memory.
    ///
    /// # Errors
    ///
    /// A malformed mark, or a file that cannot be read.
    pub fn of(project: &Project) -> Result<Self> {
        let (mut folders, mut hashes) = (Vec::new(), String::new());
        for phase in PHASES {
            let name = folder_name(phase);
            let starter = Generated::cut(&project.reference(phase), phase, Cut::After(0))?;
            for (path, content) in &starter.files {
                hashes += &pristine::line(&format!("phases/{name}/{}", path.display()), content);
            }
            folders.push((format!("phases/{name}"), starter));
            folders.push((format!("book/listings/{name}"), listing(project, phase)?));
        }
        Ok(Self { folders, pristine: hashes })
    }

    /// The paths whose content on disk is another one, or that should not be there.
    ///
    /// # Errors
    ///
    /// A folder that cannot be read.
    pub fn stale(&self, project: &Project) -> Result<Vec<String>> {
        let mut stale = Vec::new();
        for (folder, generated) in &self.folders {
            let there = files_below(&project.root.join(folder))?;
            let paths: BTreeSet<&PathBuf> = there.iter().chain(generated.files.keys()).collect();
            let differs = |path: &&&PathBuf| !holds(&project.root.join(folder).join(path), generated.files.get(**path));
            stale.extend(paths.iter().filter(differs).map(|path| format!("{folder}/{}", path.display())));
        }
        if !holds(&project.pristine(), Some(&self.pristine.clone().into_bytes())) {
            stale.push(project.shown(&project.pristine()));
        }
        Ok(stale)
    }

    fn write(&self, project: &Project) -> Result<()> {
        for (folder, generated) in &self.folders {
            generated.write_to(&project.root.join(folder))?;
        }
        write_if_changed(&project.pristine(), self.pristine.as_bytes())
    }
}

/// A learner's own work is never written over: it is not as it was generated, nor as it will be.
fn guard(project: &Project, stale: &[String]) -> Result<()> {
    let listed = fs::read_to_string(project.pristine()).unwrap_or_default();
    for phase in PHASES {
        let (number, folder) = (phase.number, format!("phases/{}/", folder_name(phase)));
        let changes = stale.iter().any(|path| path.starts_with(&folder));
        // A starter that is new is listed nowhere, and nobody's work.
        if changes && listed.contains(&folder) && pristine::whose(project, phase)? == Hand::Mine {
            bail!(
                "nothing was written: {folder} {SOMEBODYS} `cargo tutor reset {number}` keeps a copy and starts over"
            );
        }
    }
    Ok(())
}

/// The book shows code only.
fn listing(project: &Project, phase: &Phase) -> Result<Generated> {
    let mut listing = Generated::cut(&project.reference(phase), phase, Cut::Listing)?;
    listing.files.retain(|path, _| path.extension().is_some_and(|end| end == "rs"));
    Ok(listing)
}

fn holds(path: &Path, content: Option<&Vec<u8>>) -> bool {
    fs::read(path).ok().as_ref() == content
}

const SOMEBODYS: &str = "is not as it was generated, so it may be somebody's work;";
const STALE: &str = "\
Starters are generated from solutions/ by `cargo tutor generate`, so they are not edited by hand. If these files are your solution
to a phase: congratulations! Keep it in your own clone or fork; upstream has to stay as learners find it.";
