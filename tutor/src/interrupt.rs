//! Ctrl-C, or a polite kill, leaves no process behind, and no temporary folder.
//!
//! Nodes run in process groups of their own, so the terminal's Ctrl-C does not reach them: the tutor ends them before itself.

use std::process;
use std::thread;

use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};

use crate::scratch;

/// What a shell calls the exit of a program that SIGINT ended.
const INTERRUPTED: i32 = 130;

/// Listens in a thread of its own, for as long as the tutor runs.
pub fn listen() {
    thread::spawn(|| {
        // Without a listener, a signal ends the tutor as it ends any program.
        let Ok(runtime) = Builder::new_current_thread().enable_all().build() else { return };
        if runtime.block_on(signalled()).is_some() {
            checks::kill_all();
            scratch::remove_all();
            process::exit(INTERRUPTED);
        }
    });
}

async fn signalled() -> Option<()> {
    let mut interrupt = signal(SignalKind::interrupt()).ok()?;
    let mut terminate = signal(SignalKind::terminate()).ok()?;
    tokio::select! {
        got = interrupt.recv() => got,
        got = terminate.recv() => got,
    }
}
