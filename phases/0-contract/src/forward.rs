//! The seam for the way from node to node: phase 5 implements it with links of its own; a broker in the middle could do it, too.

use std::net::SocketAddr;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use thiserror::Error;
use tokio_util::sync::CancellationToken;

use crate::link::Packet;
use crate::{ClusterView, Node, NodeId};

/// Carries packets between this node and the other live ones.
pub trait Forward: Send + Sync + 'static {
    /// Binds where other nodes reach this one; gives what to run beside the sockets.
    ///
    /// # Errors
    ///
    /// The address of `--link` cannot be bound.
    fn open(&self, opening: Opening) -> BoxFuture<'static, std::io::Result<Opened>>;

    /// Whether there is a way to that node now.
    fn is_up(&self, node: &NodeId) -> bool;
}

/// What a [`Forward`] works with.
pub struct Opening {
    /// Flags (`config.links`, and `config.gossip` for the secret) and counters (`stats.links`).
    pub node: Arc<Node>,
    /// Whom there has to be a way to: every live member but this node, in the life that the view tells of.
    pub view: ClusterView,
    /// Whom to give what comes.
    pub receive: Arc<dyn Receive>,
    /// Cancelled when the node is to stop.
    pub stop: CancellationToken,
}

/// A node that others can reach.
pub struct Opened {
    /// As bound, for the ready line.
    pub address: SocketAddr,
    /// Runs until `stop`.
    pub run: BoxFuture<'static, ()>,
}

/// One life of another node.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Peer {
    /// Its name.
    pub node: NodeId,
    /// Which of its lives.
    pub incarnation: u64,
}

/// The way to one peer. No method waits but [`room`](Self::room).
///
/// Packets of one caller keep their order. What is taken is handed on at the other end, or the way ends: it is not mended in between.
/// A way ends, too, when the peer has confirmed nothing for half of `--deliver-timeout`, so that whoever waits for an answer is told
/// in time that there will be none.
pub trait Link: Send + Sync + 'static {
    /// Takes a packet. An [`Outcome`](Packet::Outcome) may exceed the bounds, since nobody else can tell it; beyond a multiple of
    /// them the way ends.
    ///
    /// # Errors
    ///
    /// [`SendError::Full`] while too much is on its way, [`SendError::Down`] when the way has ended. Nothing was taken.
    fn try_send(&self, packet: &Packet) -> Result<(), SendError>;

    /// Resolves when a way that was full may have room again: try once more. Resolves when it has ended, too. Cancel-safe.
    fn room(&self) -> BoxFuture<'_, ()>;
}

/// Why a packet was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SendError {
    /// Too much is on its way to that node; there may be room later.
    #[error("too much is on its way to that node")]
    Full,
    /// The way has ended, for good. There may be another one later.
    #[error("there is no way to that node")]
    Down,
}

/// Takes what comes from other nodes. One object a node.
pub trait Receive: Send + Sync + 'static {
    /// There is a way to `peer` now; `link` may be kept for as long as one likes. What is returned receives what comes, and is dropped as
    /// soon as the way ends, however it does. A newer way to the same node may open before an older one has ended.
    fn opened(&self, peer: Peer, link: Arc<dyn Link>) -> Box<dyn Inbound>;
}

/// One peer's side of a [`Receive`]: packets come in order. Its drop is the goodbye.
pub trait Inbound: Send {
    /// Takes one packet. It must not block: nothing is read from that peer meanwhile.
    fn packet(&mut self, packet: Packet);
}
