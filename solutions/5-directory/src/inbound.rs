//! What one peer says.
// ANCHOR: step-5-2-inbound
// BEFORE 5.1: not needed yet; in 5.2: what becomes of each packet, and of the peer when the link ends
// WITHOUT 5.1: as it is

use std::sync::Arc;

use contract::link::Packet;
use contract::{Completion, Inbound, Message, Outcome};
use tokio::sync::Notify;
use tokio_util::task::AbortOnDropHandle;

use crate::Router;
use crate::pending::Correspondent;
use crate::table::Change;

/// One peer's side. Dropped with the link; then the peer's unanswered messages are answered, and its courier stops.
pub(crate) struct FromPeer {
    pub router: Router,
    pub from: Arc<Correspondent>,
    /// Wakes the courier: the peer has missed something.
    pub asked: Arc<Notify>,
    pub _courier: AbortOnDropHandle<()>,
}

impl Inbound for FromPeer {
    // ANCHOR: packet
    fn packet(&mut self, packet: Packet) {
        let (table, peer) = (self.router.table(), &self.from.peer);
        match packet {
            Packet::Joined { sequence, row } => table.change(peer, sequence, &Change::Joined(row)),
            Packet::Left { sequence, row } => table.change(peer, sequence, &Change::Left(row)),
            Packet::Snapshot(part) => table.snapshot(peer, &part),
            Packet::Ask => self.asked.notify_one(),
            Packet::Beat { sequence } => {
                if table.has_missed(peer, sequence) {
                    // Without room for it the next beat will show the same.
                    let _ = self.from.link.try_send(&Packet::Ask);
                }
            }
            // ANCHOR: step-5-6-messages
            // BEFORE 5.6: to whom does a peer's message go, and who tells the peer?
            //| Packet::Message { .. } | Packet::Broadcast { .. } | Packet::Outcome { .. } => {}
            Packet::Message { number, message } => self.message(number, &message),
            Packet::Broadcast { number, id, payload } => {
                self.router.broadcast_here(id, &payload);
                self.tell(number).answer(Outcome::Written);
            }
            Packet::Outcome { number, outcome } => self.from.answer(number, outcome),
            // ANCHOR_END: step-5-6-messages
            // What belongs to the link is the link's, and what is newer than this node it may skip.
            Packet::Challenge(_) | Packet::Proof(_) | Packet::Receipt { .. } | Packet::Unknown { .. } => {}
        }
    }
    // ANCHOR_END: packet
}

impl FromPeer {
    // ANCHOR: inbound_message
    /// Hands a message to this node's own sockets, whatever the table says: what was sent here goes no further.
    fn message(&self, number: u64, message: &Message) {
        self.router.leaf().submit(message, self.tell(number));
    }

    /// Tells the peer what became of its message.
    fn tell(&self, number: u64) -> Completion {
        let link = self.from.link.clone();
        // Where there is no way back the peer has answered for this node already.
        Completion::new(move |outcome| _ = link.try_send(&Packet::Outcome { number, outcome }))
    }
    // ANCHOR_END: inbound_message
}

impl Drop for FromPeer {
    fn drop(&mut self) {
        self.router.peers().remove(&self.from);
        self.router.settle();
    }
}
// ANCHOR_END: step-5-2-inbound
