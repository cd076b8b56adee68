//! `watch N`: the checks again at each save.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, SystemTime};

use anyhow::Result;

use super::phase;
use crate::Ended;
use crate::cli::{PhaseArgs, Which};
use crate::generator::folder::files_below;
use crate::project::{self, Project};
use crate::screen::terminal;

/// Often enough not to be felt, and twice the time that an editor takes for the several moves in which it writes a file.
const LOOK_EVERY: Duration = Duration::from_millis(40);

/// Runs the phase's checks, then again at each save, until Ctrl-C.
///
/// # Errors
///
/// There is no such phase, or cargo cannot be started.
pub fn run(project: &Project, number: u8, json: bool) -> Result<Ended> {
    let phase = project::phase(number)?;
    let args = PhaseArgs {
        phase: number,
        reference: false,
        bin: None,
        check: None,
        repeat: 1,
        seed: 1,
        timings: false,
        which: Which::default(),
    };
    let folder = project.learner(phase);
    loop {
        let seen = times(&folder);
        if !json {
            terminal::clear();
        }
        phase::run(project, &args, json)?;
        if !json {
            println!("\n    {WATCHING}");
        }
        wait_for_a_save(&folder, &seen);
    }
}

/// Returns once the files differ from `seen`, and have been left alone for a moment.
///
/// It looks instead of waiting for the system's file events: a phase has ten files, and looking works the same on WSL, on
/// network drives and in containers, where events may never come.
fn wait_for_a_save(folder: &Path, seen: &BTreeMap<PathBuf, SystemTime>) {
    let mut last = times(folder);
    loop {
        thread::sleep(LOOK_EVERY);
        let now = times(folder);
        if now == last && now != *seen {
            return;
        }
        last = now;
    }
}

fn times(folder: &Path) -> BTreeMap<PathBuf, SystemTime> {
    let paths = files_below(folder).unwrap_or_default();
    let time = |path: &PathBuf| folder.join(path).metadata().and_then(|file| file.modified()).ok();
    paths.into_iter().filter_map(|path| Some((path.clone(), time(&path)?))).collect()
}

const WATCHING: &str = "Watching: save a file to run again, Ctrl-C to end.";
