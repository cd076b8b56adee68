//! `watch N`: the checks again at each save.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, SystemTime};

use anyhow::Result;
use notify::{RecommendedWatcher, RecursiveMode, Watcher};

use super::phase;
use crate::Ended;
use crate::cli::PhaseArgs;
use crate::generator::folder::files_below;
use crate::project::{self, Project};
use crate::screen::terminal;

/// An editor writes a file in several moves; this long without another one counts as saved.
const SETTLED: Duration = Duration::from_millis(50);
/// How often times of change are looked at where no events arrive.
const POLL: Duration = Duration::from_millis(500);

/// Runs the phase's checks, then again at each save, until Ctrl-C.
///
/// # Errors
///
/// There is no such phase, or cargo cannot be started.
pub fn run(project: &Project, number: u8, json: bool) -> Result<Ended> {
    let phase = project::phase(number)?;
    let args =
        PhaseArgs { phase: number, reference: false, bin: None, check: None, repeat: 1, seed: 1, timings: false };
    let folder = project.learner(phase);
    let saves = Saves::of(&folder);
    loop {
        let seen = times(&folder);
        if !json {
            terminal::clear();
        }
        phase::run(project, &args, json)?;
        if !json {
            println!("\n    {}", if saves.polls() { POLLING } else { WATCHING });
        }
        saves.wait(&folder, &seen);
    }
}

/// Tells when something was saved.
enum Saves {
    /// By the system's events; the watcher has to live as long as they are wanted.
    Events(Receiver<()>, #[allow(dead_code, reason = "dropping it ends the events")] RecommendedWatcher),
    /// By looking again and again.
    Polls,
}

impl Saves {
    fn of(folder: &Path) -> Self {
        let (saved_tx, saved_rx) = channel();
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            // Reading a file is an event too, and cargo reads them all.
            if event.is_ok_and(|event| !event.kind.is_access()) {
                // The loop that listened is gone: so is the watch.
                let _ = saved_tx.send(());
            }
        });
        let watching =
            watcher.and_then(|mut watcher| watcher.watch(folder, RecursiveMode::Recursive).map(|()| watcher));
        watching.map_or(Self::Polls, |watcher| Self::Events(saved_rx, watcher))
    }

    fn polls(&self) -> bool {
        matches!(self, Self::Polls)
    }

    /// Returns when the files differ from `seen`.
    fn wait(&self, folder: &Path, seen: &BTreeMap<PathBuf, SystemTime>) {
        while times(folder) == *seen {
            match self {
                Self::Events(saved, _) => settle(saved),
                Self::Polls => thread::sleep(POLL),
            }
        }
    }
}

/// Waits for an event, and then for quiet.
fn settle(saved: &Receiver<()>) {
    // Events can be lost, and some file systems send none for writes from elsewhere: look now and then all the same.
    if saved.recv_timeout(POLL * 4) == Err(RecvTimeoutError::Disconnected) {
        thread::sleep(POLL);
    }
    while saved.recv_timeout(SETTLED).is_ok() {}
}

fn times(folder: &Path) -> BTreeMap<PathBuf, SystemTime> {
    let paths = files_below(folder).unwrap_or_default();
    let time = |path: &PathBuf| folder.join(path).metadata().and_then(|file| file.modified()).ok();
    paths.into_iter().filter_map(|path| Some((path.clone(), time(&path)?))).collect()
}

const WATCHING: &str = "Watching: save a file to run again, Ctrl-C to end.";
const POLLING: &str =
    "Watching by looking twice a second (no file events here): save a file to run again, Ctrl-C to end.";
