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
    // ANCHOR: step-5-2-fields
    // BEFORE 5.1: what else has it to know?
    // WITHOUT 5.1: as it is
    own: Arc<crate::own::OwnRows>,
    table: crate::table::Table,
    peers: crate::pending::Peers,
    view: std::sync::OnceLock<ClusterView>,
    // ANCHOR_END: step-5-2-fields
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
            // ANCHOR: step-5-2-new
            // BEFORE 5.1: and that, to begin with
            // WITHOUT 5.1: as it is
            own: Arc::new(crate::own::OwnRows::new()),
            table: crate::table::Table::new(stats.clone()),
            peers: crate::pending::Peers::default(),
            view: std::sync::OnceLock::new(),
            // ANCHOR_END: step-5-2-new
        }))
    }
}

impl Presence for Router {
    // ANCHOR: register
    fn register(&self, user: UserId, handle: SocketHandle) -> Result<Registration, AlreadyRegistered> {
        // ANCHOR: step-5-2-register
        // BEFORE 5.2: the other nodes want to know, and want to know when it ends
        //| self.0.presence.register(user, handle)
        let row = contract::link::Row { user: user.clone(), conn: handle.conn() };
        let registration = self.0.presence.register(user, handle)?;
        // Dropped in this order: nobody is sent here for a user who is gone, but for as long as word of that takes.
        Ok(Box::new((self.0.own.join(row), registration)))
        // ANCHOR_END: step-5-2-register
    }
    // ANCHOR_END: register

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
    // ANCHOR: submit
    fn submit(&self, message: &Message, completion: Completion) {
        // ANCHOR: step-5-6-submit
        // BEFORE 5.6: a user may be here, on another node, or on several
        //| self.0.leaf.submit(message, completion);
        let Some(nodes) = self.0.table.nodes(&message.to) else {
            return self.0.leaf.submit(message, completion);
        };
        match (&nodes[..], self.0.own.hold(&message.to)) {
            ([node], false) => self.forward(node, message, completion),
            (nodes, is_here) => {
                let shares = crate::shares::Shares::of(completion);
                nodes.iter().for_each(|node| self.forward(node, message, shares.one()));
                if is_here {
                    self.0.leaf.submit(message, shares.one());
                }
            }
        }
        // ANCHOR_END: step-5-6-submit
    }
    // ANCHOR_END: submit
}

impl Directory for Router {
    // ANCHOR: places
    fn places(&self, user: &UserId) -> Vec<Place> {
        let own = |conn| Place { node: self.0.node.clone(), conn };
        let mut places: Vec<_> = self.0.presence.connections(user).into_iter().map(own).collect();
        // ANCHOR: step-5-2-places
        // BEFORE 5.2: and on the other nodes?
        places.extend(self.0.table.places(user));
        // ANCHOR_END: step-5-2-places
        places
    }
    // ANCHOR_END: places

    // ANCHOR: broadcast
    fn broadcast(&self, id: MessageId, payload: Payload) -> BoxFuture<'static, usize> {
        // ANCHOR: step-5-6-broadcast
        // BEFORE 5.6: each node brings it to its own users, and says so; do not wait longer than `deliver_timeout`
        //| let _ = (id, payload, &self.0.stats, self.0.deliver_timeout);
        //| std::future::ready(0).boxed()
        let others = self.0.peers.all();
        let (done_tx, mut done) = tokio::sync::mpsc::channel(others.len().max(1));
        for other in others {
            let done_tx = done_tx.clone();
            let completion = Completion::new(move |outcome| {
                if outcome == contract::Outcome::Written {
                    // There is room for one of each, and too late is too late.
                    let _ = done_tx.try_send(());
                }
            });
            other.ask(completion, |number| contract::link::Packet::Broadcast { number, id, payload: payload.clone() });
        }
        drop(done_tx);
        self.broadcast_here(id, &payload);
        let patience = self.0.deliver_timeout;
        async move {
            let mut nodes = 1;
            let counting = async {
                while done.recv().await.is_some() {
                    nodes += 1;
                }
            };
            // Who has not answered by then is not counted.
            let _ = tokio::time::timeout(patience, counting).await;
            nodes
        }
        .boxed()
        // ANCHOR_END: step-5-6-broadcast
    }
    // ANCHOR_END: broadcast

    // ANCHOR: directory_run
    fn run(&self, mut view: ClusterView, stop: CancellationToken) -> BoxFuture<'static, ()> {
        // ANCHOR: step-5-4-run
        // BEFORE 5.4: the view changes: whose rows are there still?
        //| let _ = &mut view;
        //| async move { stop.cancelled().await }.boxed()
        let router = self.clone();
        router.0.view.get_or_init(|| view.clone());
        async move {
            loop {
                view.mark_unchanged();
                router.settle();
                tokio::select! {
                    changed = view.changed() => if changed.is_err() { return },
                    () = stop.cancelled() => return,
                }
            }
        }
        .boxed()
        // ANCHOR_END: step-5-4-run
    }
    // ANCHOR_END: directory_run
}

impl Receive for Router {
    // ANCHOR: opened
    fn opened(&self, peer: Peer, link: Arc<dyn Link>) -> Box<dyn Inbound> {
        // ANCHOR: step-5-2-opened
        // BEFORE 5.2: tell the peer of this node's users, and heed what it tells
        //| let _ = (peer, link, self.0.snapshot_chunk);
        //| struct Unheard;
        //| impl Inbound for Unheard {
        //|     fn packet(&mut self, _: contract::link::Packet) {}
        //| }
        //| Box::new(Unheard)
        self.0.table.welcome(&peer);
        let from = Arc::new(crate::pending::Correspondent::new(peer, link.clone()));
        self.0.peers.add(&from);
        let asked = Arc::new(tokio::sync::Notify::new());
        let courier = crate::courier::Courier {
            rows: self.0.own.clone(),
            link,
            asked: asked.clone(),
            chunk: self.0.snapshot_chunk,
            beat: self.0.deliver_timeout / BEATS,
        };
        // It ends with the link, which is noticed there.
        let courier = tokio_util::task::AbortOnDropHandle::new(tokio::spawn(async { _ = courier.run().await }));
        Box::new(crate::inbound::FromPeer { router: self.clone(), from, asked, _courier: courier })
        // ANCHOR_END: step-5-2-opened
    }
    // ANCHOR_END: opened
}

// ANCHOR: step-5-2-parts
// BEFORE 5.1: whatever the parts need of each other
// WITHOUT 5.1: as it is
/// Beats within `--deliver-timeout`: a link always has something to confirm.
const BEATS: u32 = 4;

impl Router {
    pub(crate) fn table(&self) -> &crate::table::Table {
        &self.0.table
    }

    pub(crate) fn peers(&self) -> &crate::pending::Peers {
        &self.0.peers
    }

    pub(crate) fn leaf(&self) -> &dyn Deliver {
        &*self.0.leaf
    }

    /// Heeds the view as it is now. A link may have come up for a life that was given up at that very moment, so its end asks for this, too.
    pub(crate) fn settle(&self) {
        if let Some(view) = self.0.view.get() {
            // The view cannot change as long as it is looked at, so an older one never comes after a newer one.
            self.0.table.settle(&view.borrow());
        }
    }

    // ANCHOR: forward
    /// To a node that has told of the user. Where there is no way to it now, nobody can say what became of the user.
    fn forward(&self, node: &NodeId, message: &Message, completion: Completion) {
        match self.0.peers.get(node) {
            Some(peer) => {
                self.0.stats.directory.forwarded.increment();
                let packet = |number| contract::link::Packet::Message { number, message: message.clone() };
                peer.ask(completion, packet);
            }
            None => completion.answer(contract::Outcome::Unavailable),
        }
    }
    // ANCHOR_END: forward

    /// To every user of this node. Nobody asks what became of it.
    pub(crate) fn broadcast_here(&self, id: MessageId, payload: &Payload) {
        for to in self.0.own.users() {
            let message = Message { id, from: None, to, payload: payload.clone() };
            self.0.leaf.submit(&message, Completion::new(|_outcome| {}));
        }
    }
}
// ANCHOR_END: step-5-2-parts
