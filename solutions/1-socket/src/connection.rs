//! One task a connection: it reads frames and hands them on, and writes what others have put into its mailbox.

use std::sync::Arc;

use contract::{Config, ConnId, Connection, Frame, Node, Serve, SocketHandle, WebSocket};
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::SplitStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use crate::closing::{self, Ended};
use crate::heartbeat::Life;
use crate::mailbox::{self, Mailbox, Queue};
use crate::{limits, writer};

/// What the node shell calls for each upgraded connection.
pub struct Sockets;

impl Serve for Sockets {
    fn limits(&self, config: &Config) -> WebSocketConfig {
        limits::config(config)
    }

    fn serve(&self, ws: WebSocket, conn: ConnId, node: Arc<Node>) -> BoxFuture<'static, ()> {
        Box::pin(run(ws, conn, node))
    }
}

// ANCHOR: run
/// Runs a connection from its upgrade to its end. By the time it returns, nobody can push to it any more, and its TCP
/// connection is closed.
async fn run(ws: WebSocket, conn: ConnId, node: Arc<Node>) {
    // ANCHOR: step-1-1-loop
    // BEFORE 1.1: read until the client goes; each text or binary message goes straight back
    //| let _ = (ws, conn, node);
    //| todo!("step 1.1: send each text or binary message back to the client it came from")
    // BEFORE 1.2: the echo leaves this loop: open a mailbox, announce its handle to the protocol, then talk and close
    //| use futures_util::SinkExt;
    //| let (mut ws, _) = (ws, (conn, node));
    //| while let Some(Ok(message)) = ws.next().await {
    //|     let data = message.is_text() || message.is_binary();
    //|     if data && ws.send(message).await.is_err() {
    //|         break;
    //|     }
    //| }
    let (mailbox, queue) = mailbox::open(&node);
    let connection = node.protocol.opened(SocketHandle::new(conn, mailbox.clone()));
    let (ws, ended) = talk(ws, connection, &mailbox, queue, &node).await;
    ended.count(&node.stats.closed);
    closing::close(ws, ended, node.config.close_grace).await;
    // ANCHOR_END: step-1-1-loop
}
// ANCHOR_END: run

// ANCHOR: talk
/// Reads and writes until one of the two has a reason to end. It takes the connection with it, so that the protocol is told
/// goodbye before the last words are said: a connection that is closing has left every table.
async fn talk(
    ws: WebSocket,
    mut connection: Box<dyn Connection>,
    mailbox: &Mailbox,
    queue: Queue,
    node: &Node,
) -> (WebSocket, Ended) {
    // ANCHOR: step-1-2-select
    // BEFORE 1.2: wait for a message from the client and for an entry in the mailbox, whichever comes first
    //| let _ = (ws, connection.as_mut(), mailbox, queue, node);
    //| todo!("step 1.2: hand what the client sends to the protocol, and send the client what is in the mailbox")
    // BEFORE 1.4: two loops that run side by side, so that a client that does not read cannot stop you from hearing it
    //| use futures_util::SinkExt;
    //| let (mut ws, mut queue) = (ws, queue);
    //| let ended = loop {
    //|     tokio::select! {
    //|         inbound = ws.next() => match inbound {
    //|             Some(Ok(message)) => hand_on(message, connection.as_mut()),
    //|             Some(Err(error)) => break limits::ended_by(&error),
    //|             None => break Ended::Normal,
    //|         },
    //|         entry = queue.recv() => if let mailbox::Entry::Frame(queued) = entry {
    //|             if ws.send(queued.item.frame.to_message()).await.is_err() {
    //|                 break Ended::Lost;
    //|             }
    //|             queue.written(1, queued.item.frame.len());
    //|             if let Some(completion) = queued.item.completion {
    //|                 completion.answer(contract::Outcome::Written);
    //|             }
    //|         },
    //|     }
    //| };
    //| let _ = (mailbox, node);
    //| (ws, ended)
    let (mut sink, mut stream) = ws.split();
    let ended = tokio::select! {
        // In no fixed order: a client that floods would use up the task's budget, and the other half never get its turn.
        ended = read(&mut stream, connection.as_mut(), mailbox, &node.config) => ended,
        ended = writer::write(&mut sink, queue, &node.config) => ended,
    };
    (closing::whole(sink, stream), ended)
    // ANCHOR_END: step-1-2-select
}
// ANCHOR_END: talk

// ANCHOR: read
/// Hands on what the client sends until it goes, breaks a rule, or falls silent. Reading pauses while the client's own mailbox
/// is crowded: who does not take answers gets to ask nothing new.
async fn read(
    stream: &mut SplitStream<WebSocket>,
    connection: &mut dyn Connection,
    mailbox: &Mailbox,
    config: &Config,
) -> Ended {
    // ANCHOR: step-1-4-read
    // BEFORE 1.4: the reading half of what `talk` did until now, but for the moments when the mailbox is crowded
    //| let _ = (stream, connection, mailbox, config);
    //| todo!("step 1.4: read and hand on; pause while the mailbox is crowded")
    let mut life = Life::new(config.heartbeat_timeout);
    loop {
        let crowded = mailbox.is_crowded();
        tokio::select! {
            // In this order: after a pause of the whole machine, what has arrived counts before the silence does.
            biased;
            inbound = stream.next(), if !crowded => {
                life.seen();
                match inbound {
                    Some(Ok(message)) => hand_on(message, connection),
                    Some(Err(error)) => return limits::ended_by(&error),
                    None => return Ended::Normal,
                }
            }
            // Nothing was read meanwhile, so its silence proves nothing.
            () = mailbox.room(), if crowded => life.seen(),
            // ANCHOR: step-1-5-silence
            // BEFORE 1.5: a third thing can happen: nothing, for too long
            () = life.silence(), if !crowded => return Ended::Silent,
            // ANCHOR_END: step-1-5-silence
        }
    }
    // ANCHOR_END: step-1-4-read
}
// ANCHOR_END: read

/// Ping, Pong and Close are answered by the library the next time somebody reads.
fn hand_on(message: Message, connection: &mut dyn Connection) {
    if let Some(frame) = Frame::from_message(message) {
        connection.frame(frame);
    }
}
