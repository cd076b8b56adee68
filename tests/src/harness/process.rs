//! A node's process: in a group of its own, with its output read for ever and no way to outlive the harness.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::watch;

use crate::harness::hosts;
use crate::harness::output::{LineCutter, Output};
use crate::harness::ready::Ready;
use crate::report::NodeReport;

/// The groups that live now, so that a signal handler can end them: see [`kill_all`].
static LIVE: Mutex<BTreeSet<i32>> = Mutex::new(BTreeSet::new());

/// Kills every node of this process at once, and removes what they were given. For a handler of Ctrl-C, which otherwise ends the
/// harness before its nodes.
pub fn kill_all() {
    for group in LIVE.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        signal_group(*group, Signal::KILL);
    }
    hosts::remove_all();
}

/// The state of a process that has not ended.
pub const RUNNING: &str = "running";

/// A running node. Dropping it kills its whole group.
#[derive(Debug)]
pub struct Process {
    group: i32,
    output: Arc<Mutex<Output>>,
    ready: watch::Receiver<Option<Ready>>,
    exit: watch::Receiver<Option<ExitStatus>>,
    /// Open as long as a stream is being read.
    reading: watch::Receiver<()>,
    /// The harness has asked it to end: its exit is no surprise.
    asked: AtomicBool,
    /// A node started with `ROUTER_TIED` exits when this closes, also when the harness is killed.
    _stdin: Option<ChildStdin>,
}

impl Process {
    /// Starts `binary` with `args`.
    ///
    /// # Errors
    ///
    /// The operating system's, if the binary cannot be started.
    pub fn start<S: AsRef<OsStr>>(binary: &Path, args: &[S]) -> std::io::Result<Self> {
        let mut command = Command::new(binary);
        command.args(args).env("ROUTER_TIED", "1").process_group(0);
        // A backtrace would push what the node said before it out of its last words.
        command.env("RUST_BACKTRACE", "0");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let group = child.id().and_then(|id| i32::try_from(id).ok()).unwrap_or_default();
        LIVE.lock().unwrap_or_else(PoisonError::into_inner).insert(group);
        let stdin = child.stdin.take();
        let output = Arc::default();
        let (ready, reading) = read_output(&mut child, &output);
        let exit = await_exit(child, group);
        Ok(Self { group, output, ready, exit, reading, asked: AtomicBool::new(false), _stdin: stdin })
    }

    /// The ready line, or `None` if the process has ended without one. Waits for either; cancel safe.
    pub async fn ready(&self) -> Option<Ready> {
        let mut ready = self.ready.clone();
        // The sender goes when standard output closes; then there will be no ready line.
        ready.wait_for(Option::is_some).await.ok().and_then(|ready| ready.clone())
    }

    /// Waits until it has ended; cancel safe.
    pub async fn exited(&self) -> ExitStatus {
        let mut exit = self.exit.clone();
        let status = exit.wait_for(Option::is_some).await.ok().and_then(|status| *status);
        status.unwrap_or_default()
    }

    /// Waits until it has ended and all that it printed is read; cancel safe.
    pub async fn last_words(&self) {
        self.exited().await;
        let mut reading = self.reading.clone();
        // An error says that both readers are gone, which is what is waited for.
        let _ = reading.wait_for(|()| false).await;
    }

    /// How it ended, if it has.
    pub fn exit_status(&self) -> Option<ExitStatus> {
        *self.exit.borrow()
    }

    /// It ended though nobody had asked it to.
    pub fn exited_by_itself(&self) -> bool {
        self.exit_status().is_some() && !self.asked.load(Ordering::Relaxed)
    }

    /// Since when it is known that a task of it has panicked, if one has.
    pub fn panicked_at(&self) -> Option<Instant> {
        self.output.lock().unwrap_or_else(PoisonError::into_inner).panicked_at
    }

    /// From now on panics explain nothing any more.
    pub fn settle(&self) {
        self.output.lock().unwrap_or_else(PoisonError::into_inner).settled = true;
    }

    /// Its process id, which is its group's as well.
    pub fn id(&self) -> i32 {
        self.group
    }

    /// SIGKILL to the group.
    pub fn kill(&self) {
        self.end_with(Signal::KILL);
    }

    /// SIGTERM to the group: a node is to finish what it has begun.
    pub fn terminate(&self) {
        self.end_with(Signal::TERM);
    }

    /// SIGSTOP to the group: a node that hangs, once this returns. On a busy machine its threads go on for a moment.
    pub fn pause(&self) {
        self.signal(Signal::STOP);
        // Whoever reaps it is to see its end, too. An error means that this has happened.
        let stopped_or_ended = WaitIdOptions::STOPPED | WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        let _ = Pid::from_raw(self.group).map(|pid| waitid(WaitId::Pid(pid), stopped_or_ended));
    }

    /// SIGCONT to the group.
    pub fn resume(&self) {
        self.signal(Signal::CONT);
    }

    /// Resident memory in KiB; `None` where `ps` cannot say.
    pub async fn rss_kib(&self) -> Option<u64> {
        let ps = Command::new("ps").args(["-o", "rss=", "-p", &self.group.to_string()]).output().await.ok()?;
        String::from_utf8_lossy(&ps.stdout).trim().parse().ok()
    }

    /// What is left of it, for the verdict.
    pub fn report(&self, name: &str) -> NodeReport {
        let output = self.output.lock().unwrap_or_else(PoisonError::into_inner);
        NodeReport {
            name: name.to_owned(),
            state: self.exit_status().map_or_else(|| RUNNING.to_owned(), describe),
            todo: output.todo.clone(),
            panic: output.panic.clone(),
            last_lines: output.last_lines.iter().cloned().collect(),
            lines_before: output.lines_before,
        }
    }

    fn end_with(&self, signal: Signal) {
        if self.exit_status().is_none() {
            self.asked.store(true, Ordering::Relaxed);
        }
        self.signal(signal);
    }

    fn signal(&self, signal: Signal) {
        // Once it is reaped, the number may belong to someone else.
        if self.exit_status().is_none() {
            signal_group(self.group, signal);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        LIVE.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.group);
    }
}

/// How a process ended, in words.
pub fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(signal)) => format!("killed by signal {signal}"),
        (None, None) => "ended".to_owned(),
    }
}

fn signal_group(group: i32, signal: Signal) {
    if let Some(pid) = Pid::from_raw(group) {
        // The only error is that it is gone already.
        let _ = kill_process_group(pid, signal);
    }
}

/// Reads both streams for ever; gives where the ready line will be, and a channel that closes with the streams.
fn read_output(
    child: &mut Child,
    output: &Arc<Mutex<Output>>,
) -> (watch::Receiver<Option<Ready>>, watch::Receiver<()>) {
    let (ready_tx, ready_rx) = watch::channel(None);
    let (reading_tx, reading_rx) = watch::channel(());
    if let Some(stdout) = child.stdout.take() {
        let (output, reading) = (output.clone(), reading_tx.clone());
        tokio::spawn(async move {
            drain(stdout, &output, Some(ready_tx)).await;
            drop(reading)
        });
    }
    if let Some(stderr) = child.stderr.take() {
        let output = output.clone();
        tokio::spawn(async move {
            drain(stderr, &output, None).await;
            drop(reading_tx)
        });
    }
    (ready_rx, reading_rx)
}

async fn drain(
    mut stream: impl AsyncRead + Unpin,
    output: &Mutex<Output>,
    ready: Option<watch::Sender<Option<Ready>>>,
) {
    let mut cutter = LineCutter::default();
    let mut chunk = vec![0; 16 * 1024];
    let on_line = |line: &str| {
        if let Some((ready, said)) = ready.as_ref().zip(Ready::parse(line)) {
            ready.send_if_modified(|first| first.is_none() && first.replace(said).is_none());
        }
        output.lock().unwrap_or_else(PoisonError::into_inner).line(line);
    };
    // An error ends the stream as its end does.
    while let Ok(length @ 1..) = stream.read(&mut chunk).await {
        cutter.push(&chunk[..length], on_line);
    }
    cutter.end(on_line);
}

fn await_exit(mut child: Child, group: i32) -> watch::Receiver<Option<ExitStatus>> {
    let (exit_tx, exit_rx) = watch::channel(None);
    tokio::spawn(async move {
        let status = child.wait().await.unwrap_or_default();
        LIVE.lock().unwrap_or_else(PoisonError::into_inner).remove(&group);
        // Nobody may be left to hear of it.
        let _ = exit_tx.send(Some(status));
    });
    exit_rx
}
