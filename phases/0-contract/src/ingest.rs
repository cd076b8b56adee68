//! The seam for what brings messages into a node beside its sockets: phase 3 implements it.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{Deliver, Node};

/// Reads records from elsewhere and submits them.
pub trait Ingest: Send + Sync + 'static {
    /// Runs beside the sockets until `intake.stop`, whatever becomes of the place that it reads from.
    ///
    /// The shell stops it before the sockets: what it has submitted can still be written while it finishes. It should be done
    /// within half of `--drain`; it is dropped at the deadline itself.
    fn run(&self, intake: Intake) -> BoxFuture<'static, ()>;
}

/// What an [`Ingest`] works with.
pub struct Intake {
    /// Flags (`config.kafka`), counters (`stats.ingest`), and where to say what is wrong (`health`).
    pub node: Arc<Node>,
    /// Where records go.
    pub deliver: Arc<dyn Deliver>,
    /// Whether an operator wants nothing to be read: `--ingest-paused`, `POST /ingest/pause` and `/ingest/resume`.
    pub paused: watch::Receiver<bool>,
    /// Cancelled when the node is to stop: take nothing more, settle what is under way (submitted, and not answered yet), and return.
    /// What waits is the next owner's.
    pub stop: CancellationToken,
}
