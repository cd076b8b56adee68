//! A connection's mailbox: anybody may put a frame in, without waiting; only the connection's own writer takes frames out.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use contract::{CloseCode, Config, Frame, Item, Node, PushError, Socket};
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;

/// What waits for the writer.
#[derive(Debug)]
pub enum Entry {
    /// A frame for the client.
    Frame(Queued),
    /// Something else to say to the client.
    Control(Control),
}

/// What a connection says on its own account.
#[derive(Debug, Clone, Copy)]
pub enum Control {
    /// Show a sign of life. The writer's own timer puts it in front of the queue.
    Ping,
    /// The last entry: close with this code once all before it is written.
    Close(CloseCode),
}

// Tokio allocates slots for 32 entries at a time, on every connection.
const _: () = assert!(size_of::<Entry>() <= 24);

/// A frame, and since when it waits.
#[derive(Debug)]
pub struct Queued {
    /// What was pushed.
    pub item: Item,
    // Milliseconds since the mailbox was opened: 4 bytes instead of an Instant's 16, good for seven weeks.
    at_ms: u32,
}

/// The side that everybody pushes to. Its bounds are on what is queued and not yet Written.
pub struct Mailbox {
    node: Arc<Node>,
    entries_tx: mpsc::Sender<Entry>,
    load: Load,
    closing: AtomicBool,
    room: Notify,
    opened: Instant,
}

/// How full a mailbox is. Counted apart from the channel, since answers may exceed the bounds and the channel knows no bytes.
#[derive(Default)]
struct Load {
    messages: AtomicUsize,
    bytes: AtomicUsize,
    owed: AtomicUsize,
    written: AtomicU64,
}

/// The side that the writer takes from. When it is dropped the mailbox is closed, and what was queued answers `unavailable`.
pub struct Queue {
    entries: mpsc::Receiver<Entry>,
    mailbox: Arc<Mailbox>,
}

/// A new mailbox, and its other end.
pub fn open(node: &Arc<Node>) -> (Arc<Mailbox>, Queue) {
    // Step 1.2: a channel with room for `capacity` entries: the mailbox keeps one end, the queue the other
    let _ = (node, capacity);
    todo!("step 1.2: make a bounded channel and put its two ends into a Mailbox and a Queue")
}

/// Room for all that may be pushed, for the answers owed at most (reading pauses at half, see `is_crowded`), and for the Close.
fn capacity(config: &Config) -> usize {
    config.mailbox_messages + config.mailbox_messages / 2 + 2
}

impl Mailbox {
    /// Whether more than half of the mailbox is taken, counting the answers owed.
    pub fn is_crowded(&self) -> bool {
        // Step 1.4: more than half, in messages (with what is owed) or in bytes; never when the queue is gone
        false
    }

    /// Resolves when a crowded mailbox may have room again: look once more. Cancel-safe; for the reading loop only.
    pub async fn room(&self) {
        self.room.notified().await;
    }

    /// Puts a frame in, whose room has been taken.
    fn enqueue(&self, item: Item) -> Result<(), PushError> {
        // Step 1.2: into the channel, without waiting; count it as queued, or give its room back
        let _ = item;
        todo!("step 1.2: send the frame into the channel without waiting")
    }

    /// Gives back the room of frames that are Written, or were never queued.
    fn give_back(&self, messages: usize, bytes: usize) {
        let crowded = self.is_crowded();
        self.load.messages.fetch_sub(messages, Relaxed);
        self.load.bytes.fetch_sub(bytes, Relaxed);
        self.tell_room(crowded);
    }

    /// Wakes the reading loop if this was what it waited for.
    fn tell_room(&self, was_crowded: bool) {
        if was_crowded && !self.is_crowded() {
            self.room.notify_one();
        }
    }
}

impl Load {
    /// Takes room for a frame, or none. Two who try at once may both be refused where one would have fitted: a refusal is
    /// allowed to be early, never late.
    fn try_take(&self, bytes: usize, config: &Config) -> bool {
        // Step 1.4: a thousand small frames are little, a thousand large ones are not: bound the bytes as well
        let _ = bytes;
        let fits = self.messages.fetch_add(1, Relaxed) < config.mailbox_messages;
        self.bytes.fetch_add(bytes, Relaxed);
        if !fits {
            self.messages.fetch_sub(1, Relaxed);
            self.bytes.fetch_sub(bytes, Relaxed);
        }
        fits
    }
}

impl Socket for Mailbox {
    fn try_push(&self, item: Item) -> Result<(), PushError> {
        // Step 1.2: take room for it; no room is an answer, not a wait
        let _ = item;
        todo!("step 1.2: take room and enqueue, or answer Overloaded")
    }

    fn owe(&self) {
        self.load.owed.fetch_add(1, Relaxed);
    }

    fn answer(&self, frame: Frame) {
        self.load.messages.fetch_add(1, Relaxed);
        self.load.bytes.fetch_add(frame.len(), Relaxed);
        // A connection that has gone needs no answer.
        let _ = self.enqueue(Item { frame: Arc::new(frame), completion: None });
    }

    fn settle(&self) {
        let crowded = self.is_crowded();
        self.load.owed.fetch_sub(1, Relaxed);
        self.tell_room(crowded);
    }

    fn close(&self, code: CloseCode) {
        // Step 1.6: what is queued comes first, so the goodbye is the last entry of the queue; nothing may follow it
        let _ = code;
    }

    fn queued(&self) -> usize {
        self.load.messages.load(Relaxed)
    }

    fn written(&self) -> u64 {
        self.load.written.load(Relaxed)
    }
}

impl Queue {
    /// The next entry, in the order in which they were put in. Cancel-safe.
    pub async fn recv(&mut self) -> Entry {
        match self.entries.recv().await {
            Some(entry) => entry,
            // The mailbox holds a sender for as long as this queue holds the mailbox.
            None => std::future::pending().await,
        }
    }

    /// The next entry, if there is one now.
    pub fn try_recv(&mut self) -> Option<Entry> {
        self.entries.try_recv().ok()
    }

    /// Since when a frame has waited.
    pub fn queued_at(&self, queued: &Queued) -> Instant {
        self.mailbox.opened + Duration::from_millis(queued.at_ms.into())
    }

    /// Counts frames as Written, and gives back their room.
    pub fn written(&self, messages: usize, bytes: usize) {
        self.mailbox.load.written.fetch_add(messages as u64, Relaxed);
        self.mailbox.node.stats.messages.written.add(messages as u64);
        self.mailbox.give_back(messages, bytes);
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        self.entries.close();
        // A reading loop that waits for room would wait for ever.
        self.mailbox.room.notify_one();
    }
}
