//! A whole folder cut from a reference: sources by their marks, the manifest by its names, everything else as it is.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use checks::Phase;

use super::cut::{Cut, render};
use super::marks::{self, Piece};
use crate::project::folder_name;

/// The files of a generated folder, by path relative to it; nothing is written until asked for.
#[derive(Debug, Default)]
pub struct Generated {
    /// In path order.
    pub files: BTreeMap<PathBuf, Vec<u8>>,
}

impl Generated {
    /// Cuts the reference in `folder` (`solutions/N-name`, or a patched copy of it).
    ///
    /// # Errors
    ///
    /// A file that cannot be read, or a malformed mark, named with its line.
    pub fn cut(folder: &Path, phase: &Phase, cut: Cut) -> Result<Self> {
        let mut files = BTreeMap::new();
        for path in files_below(folder)? {
            let content = fs::read(folder.join(&path)).with_context(|| format!("cannot read {}", path.display()))?;
            let content = match path.extension().and_then(|end| end.to_str()) {
                Some("rs") => {
                    let pieces = parse_source(&path, &content, phase)?;
                    render(&pieces, cut).into_bytes()
                }
                Some("toml") => renamed(&String::from_utf8(content)?).into_bytes(),
                _ => content,
            };
            files.insert(path, content);
        }
        Ok(Self { files })
    }

    /// Makes `folder` hold exactly these files. A file that is already right is not touched, so that cargo need not
    /// compile it again.
    ///
    /// # Errors
    ///
    /// Whatever the file system refuses.
    pub fn write_to(&self, folder: &Path) -> Result<()> {
        for path in files_below(folder)?.iter().filter(|path| !self.files.contains_key(*path)) {
            fs::remove_file(folder.join(path))?;
        }
        for (path, content) in &self.files {
            write_if_changed(&folder.join(path), content)?;
        }
        Ok(())
    }
}

/// A reference's marked sources: path relative to the folder, and its pieces.
///
/// # Errors
///
/// A file that cannot be read, or a malformed mark, named with its line.
pub fn sources(folder: &Path, phase: &Phase) -> Result<Vec<(PathBuf, Vec<Piece>)>> {
    let paths = files_below(folder)?.into_iter().filter(|path| path.extension().is_some_and(|end| end == "rs"));
    paths
        .map(|path| {
            let pieces = parse_source(&path, &fs::read(folder.join(&path))?, phase)?;
            Ok((path, pieces))
        })
        .collect()
}

/// Every file below `folder`, relative to it, in order; none if there is no such folder. Skips `target` and hidden names.
///
/// # Errors
///
/// A folder that cannot be read.
pub fn files_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(below) = folders.pop() {
        let Ok(entries) = fs::read_dir(folder.join(&below)) else { continue };
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name();
            if name == "target" || name.to_string_lossy().starts_with('.') {
                continue;
            }
            let into = if entry.file_type()?.is_dir() { &mut folders } else { &mut found };
            into.push(below.join(name));
        }
    }
    found.sort();
    Ok(found)
}

/// Writes a file and the folders above it, unless it holds this content already.
///
/// # Errors
///
/// Whatever the file system refuses, with the path.
pub fn write_if_changed(path: &Path, content: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|old| old == content) {
        return Ok(());
    }
    if let Some(above) = path.parent() {
        fs::create_dir_all(above)?;
    }
    fs::write(path, content).with_context(|| format!("cannot write {}", path.display()))
}

fn parse_source(path: &Path, content: &[u8], phase: &Phase) -> Result<Vec<Piece>> {
    let name = format!("solutions/{}/{}", folder_name(phase), path.display());
    let text = std::str::from_utf8(content).with_context(|| format!("{name} is not UTF-8"))?;
    marks::parse(text, &name, phase.number)
}

/// A reference's manifest under the names of the learner's workspace, with lints that are kinder.
fn renamed(manifest: &str) -> String {
    manifest.replace("\"solution-", "\"phase-").replace("[lints]\nworkspace = true\n", STARTER_LINTS)
}

const STARTER_LINTS: &str = "\
[lints.rust]
unsafe_code = \"forbid\"
# A starter has what only its later steps use: warnings about that would drown those that matter.
unused = \"allow\"
";
