//! Builds cuts and patched references for the course's own tests, away from what a learner wrote.
//!
//! Each phase has one small workspace, `target/course/N-name`, which every variant of the phase is written into in turn, so
//! that cargo compiles only what differs; the binaries are kept as `target/course/bin/N-name-VARIANT`. A workspace belongs to one
//! process at a time.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use checks::Phase;

use crate::cargo::{Build, Outcome};
use crate::generator::{Cut, Generated, folder};
use crate::project::{Project, folder_name};

/// A workspace with one phase in it, whose other members are the project's own.
#[derive(Debug)]
pub struct Slot<'a> {
    project: &'a Project,
    phase: &'a Phase,
    /// The workspace's root.
    pub root: PathBuf,
    /// Released when it is closed, however this process ends.
    _lock: File,
}

impl<'a> Slot<'a> {
    /// Prepares the workspace at `root`: manifest and lockfile. Waits while another process uses it.
    ///
    /// # Errors
    ///
    /// Whatever the file system refuses.
    pub fn new(project: &'a Project, phase: &'a Phase, root: PathBuf) -> Result<Self> {
        let lock = lock(&root)?;
        let manifest = fs::read_to_string(project.root.join("Cargo.toml")).context("cannot read the root manifest")?;
        let manifest = manifest_for(&manifest, project, phase);
        folder::write_if_changed(&root.join("Cargo.toml"), manifest.as_bytes())?;
        // Without a lockfile (a clone that never built) cargo writes one.
        if let Ok(lock) = fs::read(project.root.join("Cargo.lock")) {
            folder::write_if_changed(&root.join("Cargo.lock"), &lock)?;
        }
        Ok(Self { project, phase, root, _lock: lock })
    }

    /// The slot that the course's own tests share.
    ///
    /// # Errors
    ///
    /// Whatever the file system refuses.
    pub fn shared(project: &'a Project, phase: &'a Phase) -> Result<Self> {
        Self::new(project, phase, project.scratch().join(folder_name(phase)))
    }

    /// The phase's folder in this workspace.
    pub fn folder(&self) -> PathBuf {
        self.root.join("phases").join(folder_name(self.phase))
    }

    /// Writes a cut of the reference into the workspace.
    ///
    /// # Errors
    ///
    /// A malformed mark, or whatever the file system refuses.
    pub fn write_cut(&self, cut: Cut) -> Result<()> {
        Generated::cut(&self.project.reference(self.phase), self.phase, cut)?.write_to(&self.folder())?;
        self.rename()
    }

    /// Writes the reference with `patch` applied into the workspace.
    ///
    /// # Errors
    ///
    /// The patch does not apply, or a malformed mark.
    pub fn write_patched(&self, patch: &Path) -> Result<()> {
        let marked = self.project.scratch().join("patched").join(folder_name(self.phase));
        copy_folder(&self.project.reference(self.phase), &marked)?;
        apply(patch, &marked)?;
        Generated::cut(&marked, self.phase, Cut::Full)?.write_to(&self.folder())?;
        self.rename()
    }

    fn rename(&self) -> Result<()> {
        let slot = self.root.file_name().unwrap_or_default().to_string_lossy();
        set_apart(&self.folder(), self.phase, &slot)
    }

    /// Builds what was written last, and keeps the binary under the variant's name.
    ///
    /// # Errors
    ///
    /// It does not compile: the compiler's errors.
    pub fn build(&self, variant: &str) -> Result<PathBuf> {
        let name = folder_name(self.phase);
        let binary = format!("phase-{}", self.phase.number);
        let build = Build {
            workspace: &self.root,
            package: format!("phase-{name}"),
            binary,
            release: false,
            loud: false,
            colour: false,
        };
        match build.run()?.outcome {
            Outcome::Errors(errors) => bail!("{variant} does not build:\n{}", errors.join("\n")),
            Outcome::Binary(built) => {
                let kept = self.project.scratch().join("bin").join(format!("{name}-{variant}"));
                fs::create_dir_all(self.project.scratch().join("bin"))?;
                // Another run's node may still execute the old file: a new one takes its place, nothing is written over.
                let _ = fs::remove_file(&kept);
                fs::copy(built, &kept)?;
                Ok(kept)
            }
        }
    }
}

/// Gives a generated package a version and a binary of its own. Cargo tells packages apart by name, version and the path below their
/// workspace's root, so in one target directory it would take a copy of `phases/1-socket` for the learner's own, and fresh.
///
/// # Errors
///
/// Whatever the file system refuses.
pub fn set_apart(folder: &Path, phase: &Phase, name: &str) -> Result<()> {
    let path = folder.join("Cargo.toml");
    let (binary, number) = (format!("\"phase-{}\"", phase.number), phase.number);
    let manifest = fs::read_to_string(&path)?
        .replace("version.workspace = true\nedition", &format!("version = \"0.0.0-{name}\"\nedition"))
        .replace(&binary, &format!("\"phase-{number}-{name}\""));
    folder::write_if_changed(&path, manifest.as_bytes())
}

/// Takes the workspace at `root` for this process.
fn lock(root: &Path) -> Result<File> {
    fs::create_dir_all(root)?;
    let file = File::create(root.join(".lock")).context("cannot create the workspace's lock")?;
    if file.try_lock().is_err() {
        eprintln!("Another run of the course's own tests is under way: waiting for it.");
        file.lock()?;
    }
    Ok(file)
}

/// The root manifest, with one member, and with every path absolute; other phases are the references.
fn manifest_for(manifest: &str, project: &Project, phase: &Phase) -> String {
    let solutions = project.solutions();
    let lines = manifest.lines().filter(|line| !line.starts_with("exclude")).map(|line| {
        if line.starts_with("members") {
            return format!("members = [\"phases/{}\"]", folder_name(phase));
        }
        let Some((head, path)) = line.split_once("path = \"") else { return line.to_owned() };
        if path.starts_with("phases/0-") || path.starts_with("tests") {
            return format!("{head}path = \"{}/{path}", project.root.display());
        }
        let path = path.trim_start_matches("phases/").trim_start_matches("solutions/");
        let path = path.replace("package = \"phase-", "package = \"solution-");
        format!("{head}path = \"{}/{path}", solutions.display())
    });
    lines.map(|line| line + "\n").collect()
}

/// Makes `to` a copy of `from`, without what was there before.
///
/// # Errors
///
/// Whatever the file system refuses.
pub fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    if to.exists() {
        fs::remove_dir_all(to)?;
    }
    for path in folder::files_below(from)? {
        folder::write_if_changed(&to.join(&path), &fs::read(from.join(&path))?)?;
    }
    Ok(())
}

/// Applies a patch whose paths begin in the folder itself, or at the project's root.
fn apply(patch: &Path, folder: &Path) -> Result<()> {
    let text = fs::read_to_string(patch).with_context(|| format!("cannot read {}", patch.display()))?;
    let strip = if text.contains("\n+++ b/solutions/") { "-p3" } else { "-p1" };
    let applied = Command::new("git")
        .args(["apply", "--recount", strip])
        .arg(patch)
        .current_dir(folder)
        // Inside a repository, git would skip what does not belong to it.
        .env("GIT_CEILING_DIRECTORIES", folder.parent().unwrap_or(folder))
        .output()
        .context("cannot start git, which applies the catalogue's patches")?;
    if !applied.status.success() {
        bail!("the patch does not apply: {}", String::from_utf8_lossy(&applied.stderr).trim());
    }
    Ok(())
}
