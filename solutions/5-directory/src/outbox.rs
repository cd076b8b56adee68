//! What waits for a link, and what is on its way.
// ANCHOR: step-5-1-outbox
// BEFORE 5.1: packets of many callers go into one batch, which the writer takes as a whole; what is not confirmed still counts

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use contract::link::{Batch, Packet};
use contract::{Link, Node, SendError};
use futures_util::future::{BoxFuture, FutureExt};
use tokio::sync::Notify;
use tokio::time::{Instant, MissedTickBehavior, interval};

/// A batch is closed when it has so many bytes; the packet that made it so large is in it.
const BATCH: usize = 64 * 1024;
/// A peer that takes nothing while it sends on and on may be owed so many times what fits: then the link ends.
const ANSWERS: usize = 2;
/// How often to look for a stall within the time that it may last.
const LOOKS: u32 = 8;

/// The sending side of a link. Whatever calls it, nobody waits for the peer.
pub(crate) struct Outbox {
    node: Arc<Node>,
    state: Mutex<State>,
    ready: Notify,
    room: Notify,
}

#[derive(Default)]
struct State {
    has_ended: bool,
    is_overrun: bool,
    closed: VecDeque<Load>,
    open: Load,
    on_way: VecDeque<OnWay>,
    /// Packets that wait, or are not confirmed.
    packets: usize,
    /// Bytes of those.
    bytes: usize,
    /// The number of the last batch.
    last: u64,
    receipt: Option<u64>,
}

/// A batch that is being filled.
#[derive(Default)]
struct Load {
    batch: Batch,
    packets: usize,
}

/// A batch that was taken, and is not confirmed.
struct OnWay {
    number: u64,
    packets: usize,
    bytes: usize,
    since: Instant,
}

impl Outbox {
    /// Nothing waits.
    pub fn new(node: Arc<Node>) -> Self {
        Self { node, state: Mutex::default(), ready: Notify::new(), room: Notify::new() }
    }

    /// Resolves when there may be something to take. Cancel-safe; for the writer only.
    pub async fn ready(&self) {
        self.ready.notified().await;
    }

    // ANCHOR: take
    /// The next batch to write, if there is anything to say.
    pub fn take(&self) -> Option<Bytes> {
        let mut state = self.state();
        let Load { mut batch, packets } = state.closed.pop_front().unwrap_or_else(|| std::mem::take(&mut state.open));
        let bytes = batch.len();
        let receipt = state.receipt.take();
        if let Some(number) = receipt {
            batch.push(&Packet::Receipt { batch: number });
        }
        if packets == 0 {
            // Who confirmed a confirmation would never stop.
            return receipt.map(|_| batch.finish(0));
        }
        state.last += 1;
        let number = state.last;
        state.on_way.push_back(OnWay { number, packets, bytes, since: Instant::now() });
        Some(batch.finish(number))
    }
    // ANCHOR_END: take

    /// The peer has handed on all batches up to this one.
    pub fn confirmed(&self, number: u64) {
        let mut state = self.state();
        while state.on_way.front().is_some_and(|oldest| oldest.number <= number) {
            let Some(OnWay { packets, bytes, .. }) = state.on_way.pop_front() else { break };
            state.packets -= packets;
            state.bytes -= bytes;
        }
        drop(state);
        self.room.notify_one();
    }

    /// Batches up to this one have come, and are handed on.
    pub fn owe_receipt(&self, number: u64) {
        if number > 0 {
            let mut state = self.state();
            state.receipt = state.receipt.max(Some(number));
            drop(state);
            self.ready.notify_one();
        }
    }

    /// Resolves when a batch is not confirmed that was taken so long ago, or when there was no room left even for answers.
    pub async fn stalled(&self, patience: Duration) {
        let mut looks = interval((patience / LOOKS).max(Duration::from_millis(1)));
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            looks.tick().await;
            let state = self.state();
            if state.is_overrun || state.on_way.front().is_some_and(|oldest| oldest.since.elapsed() > patience) {
                return;
            }
        }
    }

    /// Takes nothing more, and forgets what was not taken.
    pub fn end(&self) {
        *self.state() = State { has_ended: true, ..State::default() };
        self.room.notify_one();
    }

    // ANCHOR: has_room
    /// Whether a packet of this size fits; an answer may exceed the bounds, but not without end.
    fn has_room(&self, state: &State, packet: &Packet, bytes: usize) -> bool {
        // ANCHOR: step-5-7-room
        // BEFORE 5.7: how much may wait for a peer that takes nothing?
        //| let _ = (state, packet, bytes, &self.node, ANSWERS);
        //| true
        let config = &self.node.config.links;
        let times = if matches!(packet, Packet::Outcome { .. }) { ANSWERS } else { 1 };
        state.packets < config.packets * times && state.bytes + bytes <= config.bytes * times
        // ANCHOR_END: step-5-7-room
    }
    // ANCHOR_END: has_room

    // Every critical section leaves the state whole, so a poisoned lock is still good.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Link for Outbox {
    // ANCHOR: try_send
    fn try_send(&self, packet: &Packet) -> Result<(), SendError> {
        let mut state = self.state();
        if state.has_ended {
            return Err(SendError::Down);
        }
        if !self.has_room(&state, packet, packet.size_hint()) {
            state.is_overrun |= matches!(packet, Packet::Outcome { .. });
            self.node.stats.links.full.increment();
            return Err(SendError::Full);
        }
        let before = state.open.batch.len();
        state.open.batch.push(packet);
        state.open.packets += 1;
        state.packets += 1;
        state.bytes += state.open.batch.len() - before;
        if state.open.batch.len() >= BATCH {
            let full = std::mem::take(&mut state.open);
            state.closed.push_back(full);
        }
        drop(state);
        self.node.stats.links.sent.increment();
        self.ready.notify_one();
        Ok(())
    }
    // ANCHOR_END: try_send

    fn room(&self) -> BoxFuture<'_, ()> {
        self.room.notified().boxed()
    }
}
// ANCHOR_END: step-5-1-outbox
