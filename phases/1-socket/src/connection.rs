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

/// Runs a connection from its upgrade to its end. By the time it returns, nobody can push to it any more, and its TCP
/// connection is closed.
async fn run(ws: WebSocket, conn: ConnId, node: Arc<Node>) {
    // Step 1.1: read until the client goes; each text or binary message goes straight back
    // Step 1.2: the echo leaves this loop: open a mailbox, announce its handle to the protocol, then talk and close
    let _ = (ws, conn, node);
    todo!("step 1.1: send each text or binary message back to the client it came from")
}

/// Reads and writes until one of the two has a reason to end. It takes the connection with it, so that the protocol is told
/// goodbye before the last words are said: a connection that is closing has left every table.
async fn talk(
    ws: WebSocket,
    mut connection: Box<dyn Connection>,
    mailbox: &Mailbox,
    queue: Queue,
    node: &Node,
) -> (WebSocket, Ended) {
    // Step 1.2: wait for a message from the client and for an entry in the mailbox, whichever comes first
    // Step 1.4: two loops that run side by side, so that a client that does not read cannot stop you from hearing it
    let _ = (ws, connection.as_mut(), mailbox, queue, node);
    todo!("step 1.2: hand what the client sends to the protocol, and send the client what is in the mailbox")
}

/// Hands on what the client sends until it goes, breaks a rule, or falls silent. Reading pauses while the client's own mailbox
/// is crowded: who does not take answers gets to ask nothing new.
async fn read(
    stream: &mut SplitStream<WebSocket>,
    connection: &mut dyn Connection,
    mailbox: &Mailbox,
    config: &Config,
) -> Ended {
    // Step 1.4: the reading half of what `talk` did until now, but for the moments when the mailbox is crowded
    let _ = (stream, connection, mailbox, config);
    todo!("step 1.4: read and hand on; pause while the mailbox is crowded")
}

/// Ping, Pong and Close are answered by the library the next time somebody reads.
fn hand_on(message: Message, connection: &mut dyn Connection) {
    if let Some(frame) = Frame::from_message(message) {
        connection.frame(frame);
    }
}
