//! An entry of the catalogue of mistakes: a patch on the reference, and what a learner who made it must be told.
//!
//! ```text
//! Mistake: echoes to everybody
//! Check: sockets-are-apart
//! Observed: wrong-answer          or several: `wrong-answer or nothing-arrived`
//! Or: push-order / wrong-answer   what chance may let another check see instead; none, or some
//!
//! diff --git a/src/connection.rs b/src/connection.rs      paths below solutions/N-name, or from the root
//! …
//! ```

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use checks::{Observed, Phase};

/// One mistake.
#[derive(Debug, Clone)]
pub struct Mistake {
    /// The patch's file.
    pub patch: PathBuf,
    /// What is wrong, in a few words.
    pub mistake: String,
    /// The check that has to be the first to fail.
    pub check: String,
    /// What it has to see; several if chance decides.
    pub observed: Vec<Observed>,
    /// Checks that may fail instead if chance wants it so, and what they see.
    pub or: Vec<(String, Observed)>,
}

impl Mistake {
    /// Reads one entry.
    ///
    /// # Errors
    ///
    /// A leading line is missing, or names an observation that does not exist.
    pub fn read(patch: &Path) -> Result<Self> {
        let text = fs::read_to_string(patch)?;
        let head = || text.lines().take_while(|line| !line.starts_with("diff ") && !line.starts_with("--- "));
        let value = |key: &str| {
            let found = head().find_map(|line| line.strip_prefix(key)).map(|value| value.trim().to_owned());
            found.with_context(|| format!("{} has no line `{key} …` above its diff", patch.display()))
        };
        let observed = value("Observed:")?;
        let observed = observed.split(" or ").map(|id| observation(id.trim())).collect::<Result<_>>()?;
        let or = head().filter_map(|line| line.strip_prefix("Or:")).map(|or| {
            let (check, observed) = or.split_once(" / ").with_context(|| format!("`Or:{or}` names no observation"))?;
            Ok((check.trim().to_owned(), observation(observed.trim())?))
        });
        let or = or.collect::<Result<_>>()?;
        Ok(Self { patch: patch.to_owned(), mistake: value("Mistake:")?, check: value("Check:")?, observed, or })
    }

    /// The ways in which it may fail.
    pub fn failures(&self) -> impl Iterator<Item = (&str, Observed)> {
        let usual = self.observed.iter().map(|observed| (self.check.as_str(), *observed));
        usual.chain(self.or.iter().map(|(check, observed)| (check.as_str(), *observed)))
    }

    /// The patch's name, without its ending.
    pub fn name(&self) -> String {
        self.patch.file_stem().unwrap_or_default().to_string_lossy().into_owned()
    }
}

/// All entries of `folder`, in order of their names; none if there is no such folder.
///
/// # Errors
///
/// A malformed entry.
pub fn entries(folder: &Path, phase: &Phase) -> Result<Vec<Mistake>> {
    let Ok(files) = fs::read_dir(folder) else { return Ok(Vec::new()) };
    let mut paths: Vec<PathBuf> = files.filter_map(|file| Some(file.ok()?.path())).collect();
    paths.retain(|path| path.extension().is_some_and(|end| end == "patch"));
    paths.sort();
    let entries = paths.iter().map(|path| Mistake::read(path)).collect::<Result<Vec<_>>>()?;
    for entry in &entries {
        for (named, _) in entry.failures() {
            let known = phase.checks.iter().any(|check| check.id == named);
            ensure!(known, "{} names the check `{named}`, which there is not", entry.name());
        }
    }
    Ok(entries)
}

/// The observation of this id.
///
/// # Errors
///
/// There is none.
pub fn observation(id: &str) -> Result<Observed> {
    let found = Observed::ALL.iter().copied().find(|observed| observed.id() == id);
    found.with_context(|| format!("there is no observation `{id}`"))
}
