//! Who is where, and how a message gets there.

use std::sync::Arc;
use std::time::Duration;

use contract::{
    AlreadyRegistered, ClusterView, Completion, Config, ConnId, Deliver, Directory, Inbound, Link, Message, MessageId,
    NodeId, Payload, Peer, Place, Presence, Receive, Registration, SocketHandle, Stats, UserId,
};
use futures_util::future::{BoxFuture, FutureExt};
use tokio_util::sync::CancellationToken;

/// Routes messages to wherever their users are. A clone shares everything.
#[derive(Clone)]
pub struct Router(Arc<Inner>);

struct Inner {
    node: NodeId,
    /// The names of this node.
    presence: Arc<dyn Presence>,
    /// Brings a message to the sockets of this node, and no further.
    leaf: Arc<dyn Deliver>,
    stats: Arc<Stats>,
    deliver_timeout: Duration,
    snapshot_chunk: usize,
    // Step 5.1: what else has it to know?
}

impl Router {
    /// A router around the table of this node's names (`presence`) and what delivers to its sockets (`leaf`).
    pub fn new(config: &Config, stats: &Arc<Stats>, presence: Arc<dyn Presence>, leaf: Arc<dyn Deliver>) -> Self {
        Self(Arc::new(Inner {
            node: config.node.clone(),
            presence,
            leaf,
            stats: stats.clone(),
            deliver_timeout: config.deliver_timeout,
            snapshot_chunk: config.links.snapshot_chunk,
            // Step 5.1: and that, to begin with
        }))
    }
}

impl Presence for Router {
    fn register(&self, user: UserId, handle: SocketHandle) -> Result<Registration, AlreadyRegistered> {
        // Step 5.2: the other nodes want to know, and want to know when it ends
        self.0.presence.register(user, handle)
    }

    fn user(&self, conn: ConnId) -> Option<UserId> {
        self.0.presence.user(conn)
    }

    fn connections(&self, user: &UserId) -> Vec<ConnId> {
        self.0.presence.connections(user)
    }

    fn users(&self) -> usize {
        self.0.presence.users()
    }

    fn sweep(&self, is_open: &dyn Fn(ConnId) -> bool) -> usize {
        self.0.presence.sweep(is_open)
    }
}

impl Deliver for Router {
    fn submit(&self, message: &Message, completion: Completion) {
        // Step 5.6: a user may be here, on another node, or on several
        self.0.leaf.submit(message, completion);
    }
}

impl Directory for Router {
    fn places(&self, user: &UserId) -> Vec<Place> {
        let own = |conn| Place { node: self.0.node.clone(), conn };
        let mut places: Vec<_> = self.0.presence.connections(user).into_iter().map(own).collect();
        // Step 5.2: and on the other nodes?
        places
    }

    fn broadcast(&self, id: MessageId, payload: Payload) -> BoxFuture<'static, usize> {
        // Step 5.6: each node brings it to its own users, and says so; do not wait longer than `deliver_timeout`
        let _ = (id, payload, &self.0.stats, self.0.deliver_timeout);
        std::future::ready(0).boxed()
    }

    fn run(&self, mut view: ClusterView, stop: CancellationToken) -> BoxFuture<'static, ()> {
        // Step 5.4: the view changes: whose rows are there still?
        let _ = &mut view;
        async move { stop.cancelled().await }.boxed()
    }
}

impl Receive for Router {
    fn opened(&self, peer: Peer, link: Arc<dyn Link>) -> Box<dyn Inbound> {
        // Step 5.2: tell the peer of this node's users, and heed what it tells
        let _ = (peer, link, self.0.snapshot_chunk);
        struct Unheard;
        impl Inbound for Unheard {
            fn packet(&mut self, _: contract::link::Packet) {}
        }
        Box::new(Unheard)
    }
}

// Step 5.1: whatever the parts need of each other
