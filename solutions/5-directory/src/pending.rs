//! A peer: the way to it, and what it was asked and has not answered.
// ANCHOR: step-5-6-pending
// BEFORE 5.1: not needed yet; in 5.6: a number for each message, and under it the sender who waits
// WITHOUT 5.1: as it is

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};

use contract::link::Packet;
use contract::{Completion, Link, NodeId, Outcome, Peer, SendError};

/// A peer that there is a way to. Dropped with the way, it drops all that is open, and so every sender is told `unavailable`.
pub(crate) struct Correspondent {
    pub peer: Peer,
    pub link: Arc<dyn Link>,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    /// Never used twice: an outcome may come twice.
    last: u64,
    completions: HashMap<u64, Completion>,
}

impl Correspondent {
    /// Nothing is open.
    pub fn new(peer: Peer, link: Arc<dyn Link>) -> Self {
        Self { peer, link, open: Mutex::default() }
    }

    // ANCHOR: ask
    /// Sends the packet that `packet` makes of a number; the peer answers to `completion` by that number.
    pub fn ask(&self, completion: Completion, packet: impl FnOnce(u64) -> Packet) {
        let number = {
            let mut open = self.open();
            open.last += 1;
            let number = open.last;
            open.completions.insert(number, completion);
            number
        };
        match self.link.try_send(&packet(number)) {
            Ok(()) => {}
            Err(SendError::Full) => self.answer(number, Outcome::Overloaded),
            Err(SendError::Down) => self.answer(number, Outcome::Unavailable),
        }
    }
    // ANCHOR_END: ask

    /// The peer has answered. What was answered before is known no more.
    pub fn answer(&self, number: u64, outcome: Outcome) {
        let completion = self.open().completions.remove(&number);
        // Not under the lock: whoever is told may take others.
        if let Some(completion) = completion {
            completion.answer(outcome);
        }
    }

    // Every critical section leaves the map whole, so a poisoned lock is still good.
    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All peers that there is a way to.
#[derive(Default)]
pub(crate) struct Peers(RwLock<HashMap<NodeId, Arc<Correspondent>>>);

impl Peers {
    /// There is a way to it. A newer one takes the place of an older.
    pub fn add(&self, peer: &Arc<Correspondent>) {
        let older = self.write_insert(peer);
        // Not under the lock: it may be the last to hold it, and then its senders are told.
        drop(older);
    }

    /// There is none any more; a newer one stays.
    pub fn remove(&self, peer: &Arc<Correspondent>) {
        let mut peers = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if peers.get(&peer.peer.node).is_some_and(|newest| Arc::ptr_eq(newest, peer)) {
            peers.remove(&peer.peer.node);
        }
    }

    /// The peer of that name, if there is a way to it.
    pub fn get(&self, node: &NodeId) -> Option<Arc<Correspondent>> {
        self.read().get(node).cloned()
    }

    /// All of them.
    pub fn all(&self) -> Vec<Arc<Correspondent>> {
        self.read().values().cloned().collect()
    }

    fn write_insert(&self, peer: &Arc<Correspondent>) -> Option<Arc<Correspondent>> {
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(peer.peer.node.clone(), peer.clone())
    }

    fn read(&self) -> RwLockReadGuard<'_, HashMap<NodeId, Arc<Correspondent>>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }
}
// ANCHOR_END: step-5-6-pending
