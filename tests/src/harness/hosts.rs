//! A file of names for `--hosts`, which a check rewrites while nodes run.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::harness::failure::Failure;

/// The files that are there now, so that a signal handler can remove them.
static LIVE: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());
static LAST: AtomicU64 = AtomicU64::new(0);

/// A file in the form of /etc/hosts. Dropping it removes it.
#[derive(Debug)]
pub struct Hosts {
    path: PathBuf,
}

impl Hosts {
    /// A file with this in it.
    ///
    /// # Errors
    ///
    /// A skip, if there is no room for it.
    pub fn new(text: &str) -> Result<Self, Failure> {
        let name = format!("router-hosts-{}-{}", std::process::id(), LAST.fetch_add(1, Ordering::Relaxed));
        let hosts = Self { path: std::env::temp_dir().join(name) };
        LIVE.lock().unwrap_or_else(PoisonError::into_inner).insert(hosts.path.clone());
        hosts.write(text)?;
        Ok(hosts)
    }

    /// Puts this in the place of what was in it.
    ///
    /// # Errors
    ///
    /// A skip, if there is no room for it.
    pub fn write(&self, text: &str) -> Result<(), Failure> {
        std::fs::write(&self.path, text).map_err(|error| Failure::skip(format!("{}: {error}", self.path.display())))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Hosts {
    fn drop(&mut self) {
        LIVE.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.path);
        remove(&self.path);
    }
}

/// Removes every file that is there now.
pub(crate) fn remove_all() {
    LIVE.lock().unwrap_or_else(PoisonError::into_inner).iter().for_each(|path| remove(path));
}

fn remove(path: &Path) {
    // That it is gone already is all right; for anything else there is the system's own cleaning of its temporary folder.
    let _ = std::fs::remove_file(path);
}
