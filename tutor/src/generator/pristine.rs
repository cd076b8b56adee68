//! `phases/pristine.sha256`: the hash of each generated file, in the form that `sha256sum --check` reads.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::Result;
use checks::Phase;
use sha2::{Digest, Sha256};

use super::folder::files_below;
use crate::project::{Project, folder_name};

/// Whether a learner has begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hand {
    /// Each file is as it was generated.
    Pristine,
    /// Something was changed, added or removed.
    Mine,
}

/// Compares `phases/N-name` with the committed hashes.
///
/// # Errors
///
/// A folder that cannot be read.
pub fn whose(project: &Project, phase: &Phase) -> Result<Hand> {
    let folder = format!("phases/{}/", folder_name(phase));
    let listed = fs::read_to_string(project.pristine()).unwrap_or_default();
    let listed: BTreeMap<_, _> = listed
        .lines()
        .filter_map(|line| line.split_once("  "))
        .filter_map(|(hash, path)| Some((path.strip_prefix(&folder)?.to_owned(), hash.to_owned())))
        .collect();
    let same = hashes(&project.learner(phase))? == listed;
    Ok(if same { Hand::Pristine } else { Hand::Mine })
}

/// One line of the list.
pub fn line(path: &str, content: &[u8]) -> String {
    format!("{}  {path}\n", hash(content))
}

fn hashes(folder: &Path) -> Result<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    for path in files_below(folder)? {
        found.insert(path.to_string_lossy().into_owned(), hash(&fs::read(folder.join(path))?));
    }
    Ok(found)
}

fn hash(content: &[u8]) -> String {
    Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect()
}
