//! From the mailbox to the kernel: many frames a system call, and nobody is told Written before it is.

use contract::{Completion, Config, Outcome, WebSocket};
use futures_util::SinkExt;
use futures_util::stream::SplitSink;
use tokio::time::{Instant, timeout_at};
use tokio_tungstenite::tungstenite::{Bytes, Error, Message};

use crate::closing::Ended;
use crate::heartbeat;
use crate::mailbox::{Control, Entry, Queue, Queued};

/// The half of a connection that is written to.
pub type Sink = SplitSink<WebSocket, Message>;

/// Frames between two flushes, at most: enough to make a system call cheap, few enough that the first is not kept waiting.
const BATCH: usize = 128;

/// Writes what is queued until the client proves slow, or the queue says Close.
pub async fn write(sink: &mut Sink, mut queue: Queue, config: &Config) -> Ended {
    // Step 1.4: take all that is queued, feed each frame, flush once, mark them; and watch how long the first has waited
    let _ = (sink, config, heartbeat::pings, BATCH);
    let _ = queue.recv().await;
    todo!("step 1.4: write what is queued, in batches, and close whoever does not read")
}

/// The connection is broken, which the reading loop is about to see, and to name. Nobody shall wait for this queue meanwhile.
async fn gone(queue: Queue) -> Ended {
    drop(queue);
    std::future::pending().await
}

/// Frames on their way to the kernel. Dropped unmarked, with the connection, they answer `unavailable`.
#[derive(Default)]
struct Batch {
    messages: usize,
    bytes: usize,
    completions: Vec<Completion>,
}

impl Batch {
    /// Feeds `first` and what is queued behind it, then flushes once. `Some` when the queue has come to its Close.
    async fn write(&mut self, sink: &mut Sink, queue: &mut Queue, first: Entry) -> Result<Option<Ended>, Error> {
        // Step 1.4: `feed` puts a frame into the library's buffer, `flush` hands the buffer to the kernel
        let _ = (sink, queue, first);
        todo!("step 1.4: feed frames until the queue is empty or the batch full, then flush")
    }

    async fn feed(&mut self, sink: &mut Sink, queued: Queued) -> Result<(), Error> {
        let item = queued.item;
        self.messages += 1;
        self.bytes += item.frame.len();
        self.completions.extend(item.completion);
        sink.feed(item.frame.into_message()).await
    }

    /// Written: handed to the kernel. Only now may anybody be told.
    fn mark_written(self, queue: &Queue) {
        queue.written(self.messages, self.bytes);
        self.completions.iter().for_each(|completion| completion.answer(Outcome::Written));
    }
}
