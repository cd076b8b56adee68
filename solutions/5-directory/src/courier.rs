//! Brings the rows of this node to one peer.
// ANCHOR: step-5-2-courier
// BEFORE 5.1: not needed yet; in 5.2: a task for each link, which waits for that link only
// WITHOUT 5.1: as it is

use std::sync::Arc;
use std::time::Duration;

use contract::link::{Packet, Snapshot};
use contract::{Link, SendError};
use tokio::sync::Notify;
use tokio::time::{MissedTickBehavior, interval};

use crate::own::OwnRows;

/// What a courier works with.
pub(crate) struct Courier {
    pub rows: Arc<OwnRows>,
    pub link: Arc<dyn Link>,
    /// The peer has missed something.
    pub asked: Arc<Notify>,
    /// Rows in a packet.
    pub chunk: usize,
    /// How often to say how far it has come.
    pub beat: Duration,
}

impl Courier {
    // ANCHOR: courier_run
    /// Goes until the link has ended. No lock is held while it waits for room.
    pub async fn run(self) -> Result<(), SendError> {
        let mut changes = self.rows.changes();
        let mut beats = interval(self.beat);
        // After a stall one is enough.
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // ANCHOR: step-5-3-nothing-told
        // BEFORE 5.3: a newcomer knows nothing of those who were here before
        //| let mut told = Some(*changes.borrow_and_update());
        let mut told: Option<u64> = None;
        // ANCHOR_END: step-5-3-nothing-told
        loop {
            changes.borrow_and_update();
            let (packets, last) = match told.and_then(|told| self.rows.since(told)) {
                Some(changes) => changes,
                None => self.snapshot(),
            };
            for packet in &packets {
                self.send(packet).await?;
            }
            told = Some(last);
            tokio::select! {
                // An error is impossible: the rows outlive the courier.
                _ = changes.changed() => {}
                () = self.asked.notified() => told = None,
                _ = beats.tick() => self.send(&Packet::Beat { sequence: last }).await?,
            }
        }
    }
    // ANCHOR_END: courier_run

    // ANCHOR: snapshot
    /// All rows as they are now, in parts.
    fn snapshot(&self) -> (Vec<Packet>, u64) {
        let (rows, sequence) = self.rows.all();
        // ANCHOR: step-5-3-parts
        // BEFORE 5.3: all rows at one moment, a chunk a packet; none at all are one empty part
        //| let _ = (rows, self.chunk, Packet::Snapshot);
        //| (Vec::new(), sequence)
        let chunks: Vec<_> = if rows.is_empty() { vec![&rows[..]] } else { rows.chunks(self.chunk).collect() };
        let parts = chunks.len() as u32;
        let part =
            |(part, rows): (u32, &[_])| Packet::Snapshot(Snapshot { sequence, part, parts, rows: rows.to_vec() });
        ((0..).zip(chunks).map(part).collect(), sequence)
        // ANCHOR_END: step-5-3-parts
    }
    // ANCHOR_END: snapshot

    async fn send(&self, packet: &Packet) -> Result<(), SendError> {
        while let Err(error) = self.link.try_send(packet) {
            match error {
                SendError::Full => self.link.room().await,
                SendError::Down => return Err(error),
            }
        }
        Ok(())
    }
}
// ANCHOR_END: step-5-2-courier
