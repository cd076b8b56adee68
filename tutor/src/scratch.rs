//! Folders that are gone when the tutor is, also after Ctrl-C.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};

/// Those that exist now.
static LIVE: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// A folder among the system's temporary ones. Dropping it removes it with all that is in it.
#[derive(Debug)]
pub struct Scratch(PathBuf);

impl Scratch {
    /// A new folder; two of one `name` must not live at once. The path is short, since sockets are made in it.
    ///
    /// # Errors
    ///
    /// It cannot be made.
    pub fn new(name: &str) -> Result<Self> {
        let folder = env::temp_dir().join(format!("{name}-{}", process::id()));
        fs::create_dir(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        LIVE.lock().unwrap_or_else(PoisonError::into_inner).insert(folder.clone());
        Ok(Self(folder))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        remove(&self.0);
        LIVE.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.0);
    }
}

/// Removes every folder at once, for a handler of Ctrl-C. The processes that write to them are to be dead.
pub fn remove_all() {
    LIVE.lock().unwrap_or_else(PoisonError::into_inner).iter().for_each(|folder| remove(folder));
}

fn remove(folder: &Path) {
    // A killed process may write for a moment yet. What is left after two seconds, the system removes in its own time.
    for _ in 0..20 {
        match fs::remove_dir_all(folder) {
            Err(error) if error.kind() != ErrorKind::NotFound => thread::sleep(Duration::from_millis(100)),
            _ => return,
        }
    }
}
