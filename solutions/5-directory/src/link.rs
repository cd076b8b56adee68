//! One link, from the proof to its end.
// ANCHOR: step-5-1-link
// BEFORE 5.1: read and write side by side, until the peer goes, the view disagrees, or a newer link takes over

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use contract::cluster::{ClusterView, View};
use contract::link::{BATCH_BESIDES, Malformed, Packet, Packets};
use contract::{Inbound, Opening, Peer, stats};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use crate::outbox::Outbox;
use crate::up::Up;

pub(crate) type LinkStream = WebSocketStream<TcpStream>;

/// What all links of this node share.
pub(crate) struct Links {
    pub opening: Opening,
    pub up: Arc<Up>,
}

/// A few links carry what thousands of sockets do: a buffer for many packets at once.
const BUFFER: usize = 64 * 1024;

impl Links {
    /// This node, in the life that its own view tells of; `None` before its first round.
    pub fn me(&self) -> Option<Peer> {
        let node = &self.opening.node.config.node;
        let view = self.opening.view.borrow();
        view.live.get(node).map(|member| Peer { node: node.clone(), incarnation: member.incarnation })
    }

    /// Sizes of buffers and batches. All nodes of a cluster are to have the same `--max-message`.
    pub fn limits(&self) -> WebSocketConfig {
        let largest = self.opening.node.config.max_message + BATCH_BESIDES;
        WebSocketConfig::default()
            .read_buffer_size(BUFFER)
            .write_buffer_size(BUFFER)
            .max_message_size(Some(largest))
            .max_frame_size(Some(largest))
    }

    /// How long a peer may confirm nothing: less than the time in which senders want to be told.
    fn patience(&self) -> Duration {
        self.opening.node.config.deliver_timeout / 2
    }
}

/// Whether `peer` is live in that very life.
pub(crate) fn agrees(view: &View, peer: &Peer) -> bool {
    view.live.get(&peer.node).is_some_and(|member| member.incarnation == peer.incarnation)
}

// ANCHOR: link_run
/// Runs a link to its end.
pub(crate) async fn run(links: &Links, stream: LinkStream, me: &Peer, peer: &Peer) {
    let node = &links.opening.node;
    let entered = links.up.enter(&peer.node);
    let _counted = Counted::begin(&node.stats.links);
    let outbox = Arc::new(Outbox::new(node.clone()));
    let inbound = links.opening.receive.opened(peer.clone(), outbox.clone());
    let (mut sink, stream) = stream.split();
    tracing::info!(peer = %peer.node, incarnation = peer.incarnation, "link up");
    let why = tokio::select! {
        why = read(stream, inbound, &outbox, &node.stats.links) => why,
        () = write(&mut sink, &outbox) => "it takes nothing more",
        () = disagree(links.opening.view.clone(), me, peer) => "the view tells of another life, or of none",
        () = entered.replaced.cancelled() => "a newer one has come up",
        // ANCHOR: step-5-7-stalled
        // BEFORE 5.7: and what if it is there, and takes nothing?
        () = outbox.stalled(links.patience()) => {
            node.stats.links.stalled.increment();
            "it has confirmed nothing for too long"
        }
        // ANCHOR_END: step-5-7-stalled
        () = links.opening.stop.cancelled() => {
            // What became of the peer's messages is still to be told.
            let _ = timeout(node.config.close_grace, finish(&mut sink, &outbox)).await;
            "this node stops"
        }
    };
    outbox.end();
    tracing::info!(peer = %peer.node, why, "link down");
}
// ANCHOR_END: link_run

async fn read(
    mut stream: SplitStream<LinkStream>,
    mut inbound: Box<dyn Inbound>,
    outbox: &Outbox,
    stats: &stats::Links,
) -> &'static str {
    while let Some(Ok(message)) = stream.next().await {
        let handed_on = match message {
            Message::Binary(bytes) => hand_on(bytes, &mut *inbound, outbox, stats),
            Message::Close(_) => break,
            _ => Ok(()),
        };
        if handed_on.is_err() {
            return "it says what is no packet";
        }
    }
    "it was closed from there"
}

fn hand_on(bytes: Bytes, inbound: &mut dyn Inbound, outbox: &Outbox, stats: &stats::Links) -> Result<(), Malformed> {
    let packets = Packets::of(bytes)?;
    let number = packets.number;
    for packet in packets {
        match packet? {
            Packet::Receipt { batch } => outbox.confirmed(batch),
            packet => {
                stats.received.increment();
                inbound.packet(packet);
            }
        }
    }
    // All of it is handed on: now the peer may count on that.
    outbox.owe_receipt(number);
    Ok(())
}

/// Writes what there is, and flushes when there is no more.
async fn write(sink: &mut SplitSink<LinkStream, Message>, outbox: &Outbox) {
    loop {
        outbox.ready().await;
        // Whoever else is ready may have something to say, too: fewer and larger writes, here and there.
        tokio::task::yield_now().await;
        if write_all(sink, outbox).await.is_err() {
            return;
        }
    }
}

async fn write_all(
    sink: &mut SplitSink<LinkStream, Message>,
    outbox: &Outbox,
) -> Result<(), tokio_tungstenite::tungstenite::Error> {
    while let Some(batch) = outbox.take() {
        sink.feed(Message::Binary(batch)).await?;
    }
    sink.flush().await
}

async fn finish(sink: &mut SplitSink<LinkStream, Message>, outbox: &Outbox) {
    // An error means that the peer has gone first.
    if write_all(sink, outbox).await.is_ok() {
        let _ = sink.close().await;
    }
}

/// Resolves when the view does not tell of both lives any more.
async fn disagree(mut view: ClusterView, me: &Peer, peer: &Peer) {
    // An error means that nobody is left who could tell; then the node stops.
    let _ = view.wait_for(|view| !agrees(view, peer) || !agrees(view, me)).await;
}

/// Counts a link for as long as it is up.
struct Counted<'a>(&'a stats::Links);

impl<'a> Counted<'a> {
    fn begin(stats: &'a stats::Links) -> Self {
        stats.up.increment();
        stats.opened.increment();
        Self(stats)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.up.decrement();
    }
}
// ANCHOR_END: step-5-1-link
