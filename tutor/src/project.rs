//! Where things are: the project's root, and the folders of a phase.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use checks::{PHASES, Phase};

/// A clone of the course. Cheap to clone; holds nothing open.
#[derive(Debug, Clone)]
pub struct Project {
    /// The folder that holds `phases/`.
    pub root: PathBuf,
}

impl Project {
    /// The project that the current folder belongs to; `TUTOR_ROOT` names another one.
    ///
    /// # Errors
    ///
    /// Outside of any project.
    pub fn find() -> Result<Self> {
        if let Some(root) = env::var_os("TUTOR_ROOT") {
            return Ok(Self { root: root.into() });
        }
        let here = env::current_dir().context("cannot tell the current folder")?;
        let root =
            here.ancestors().find(|folder| folder.join("phases").is_dir() && folder.join("Cargo.toml").is_file());
        let root =
            root.ok_or_else(|| anyhow!("this is no folder of the course: there is no `phases` here or above"))?;
        Ok(Self { root: root.to_owned() })
    }

    /// What a learner edits: `phases/N-name`.
    pub fn learner(&self, phase: &Phase) -> PathBuf {
        self.root.join("phases").join(folder_name(phase))
    }

    /// The workspace of the references.
    pub fn solutions(&self) -> PathBuf {
        self.root.join("solutions")
    }

    /// The reference: `solutions/N-name`.
    pub fn reference(&self, phase: &Phase) -> PathBuf {
        self.solutions().join(folder_name(phase))
    }

    /// The hashes of what was generated.
    pub fn pristine(&self) -> PathBuf {
        self.root.join("phases/pristine.sha256")
    }

    /// A learner's progress, and kept copies.
    pub fn state(&self) -> PathBuf {
        self.root.join(".tutor")
    }

    /// What the course's own tests write.
    pub fn scratch(&self) -> PathBuf {
        self.root.join("target/course")
    }

    /// A path as a person would type it from the root.
    pub fn shown(&self, path: &Path) -> String {
        path.strip_prefix(&self.root).unwrap_or(path).display().to_string()
    }
}

/// `1-socket`.
pub fn folder_name(phase: &Phase) -> String {
    format!("{}-{}", phase.number, phase.name)
}

/// The phase of this number.
///
/// # Errors
///
/// There is none yet; the error says which there are.
pub fn phase(number: u8) -> Result<&'static Phase> {
    let found = PHASES.iter().copied().find(|phase| phase.number == number);
    let last = PHASES.last().map_or(0, |phase| phase.number);
    found.ok_or_else(|| anyhow!("there is no phase {number}; the phases are 1 to {last} (`cargo tutor list`)"))
}

/// The phase after this one.
pub fn after(phase: &Phase) -> Option<&'static Phase> {
    PHASES.iter().copied().find(|other| other.number > phase.number)
}
