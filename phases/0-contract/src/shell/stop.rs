//! How a node ends: drained on request, stopped by a signal, cut off at the deadline.

use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Whether the node is draining or stopping. A clone shares the state.
#[derive(Clone, Default)]
pub struct Stop(Arc<Tokens>);

#[derive(Default)]
struct Tokens {
    draining: CancellationToken,
    stopping: CancellationToken,
}

impl Stop {
    /// No new connections from now on; the process stays.
    pub fn drain(&self) {
        self.0.draining.cancel();
    }

    /// The process ends.
    pub fn stop(&self) {
        self.0.draining.cancel();
        self.0.stopping.cancel();
    }

    /// Whether new connections are refused.
    pub fn is_draining(&self) -> bool {
        self.0.draining.is_cancelled()
    }

    /// Why `/health` answers 503, if it does.
    pub fn reason(&self) -> Option<&'static str> {
        if self.0.stopping.is_cancelled() {
            Some("the node is stopping")
        } else {
            self.is_draining().then_some("asked to drain")
        }
    }

    /// Resolves once the node is to stop. Cancel-safe.
    pub async fn stopping(&self) {
        self.0.stopping.cancelled().await;
    }

    /// Resolves once draining has lasted for `patience`. Cancel-safe until draining begins.
    pub async fn drained_for(&self, patience: Duration) {
        self.0.draining.cancelled().await;
        tokio::time::sleep(patience).await;
    }

    /// Cancelled once the node is to stop.
    pub fn token(&self) -> CancellationToken {
        self.0.stopping.clone()
    }
}

/// SIGTERM and SIGINT, caught from the moment this is made.
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Catches them.
    ///
    /// # Errors
    ///
    /// When the system has no room for another handler.
    pub fn catch() -> std::io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Resolves at the first signal. The second one ends the process at once, for someone at a keyboard who has waited long
    /// enough.
    pub async fn first(mut self) {
        self.next().await;
        tokio::spawn(async move {
            let status = self.next().await;
            std::process::exit(status);
        });
    }

    /// The status that a shell shows for a process that the signal has killed.
    async fn next(&mut self) -> i32 {
        tokio::select! {
            _ = self.terminate.recv() => 143,
            _ = self.interrupt.recv() => 130,
        }
    }
}

/// Ends the process when standard input does. On a thread of its own, so that tasks that never yield cannot hold it up.
pub fn tie_to_stdin() {
    std::thread::spawn(|| {
        // Whatever comes, or an error: both mean that nobody holds the other end any more once the copy returns.
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        std::process::exit(0);
    });
}
