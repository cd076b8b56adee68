//! The seam between users and nodes: phase 5 implements it.

use futures_util::future::BoxFuture;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::{ClusterView, ConnId, MessageId, NodeId, Payload, Receive, UserId};

/// Knows which node holds which connections of a user, as far as the nodes have told each other.
///
/// A row is written by the node that holds the connection, and by no other.
pub trait Directory: Receive {
    /// The user's connections on all nodes, those of this node first.
    fn places(&self, user: &UserId) -> Vec<Place>;

    /// Brings a payload to every user of every node; gives how many nodes have handed it to their sockets, this one among them. Waits no
    /// longer than `--deliver-timeout`.
    fn broadcast(&self, id: MessageId, payload: Payload) -> BoxFuture<'static, usize>;

    /// Heeds who is there, until `stop`: what a node has said does not outlive its life.
    fn run(&self, view: ClusterView, stop: CancellationToken) -> BoxFuture<'static, ()>;
}

/// One of a user's connections.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Place {
    /// The node that holds it.
    pub node: NodeId,
    /// Which one there.
    pub conn: ConnId,
}
