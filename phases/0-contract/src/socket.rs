//! The handle of a connection, and the seam that phase 1 implements.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use thiserror::Error;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use crate::{CloseCode, Completion, Config, ConnId, Frame, Item, Node};

/// An upgraded connection, before anybody has read from it.
pub type WebSocket = WebSocketStream<TcpStream>;

/// Runs upgraded connections: phase 1.
pub trait Serve: Send + Sync + 'static {
    /// Sizes of buffers and messages, asked once per connection before it is upgraded.
    fn limits(&self, config: &Config) -> WebSocketConfig;

    /// Runs a connection to its end. The shell waits for the future when it stops, and drops it at the drain deadline.
    fn serve(&self, ws: WebSocket, conn: ConnId, node: Arc<Node>) -> BoxFuture<'static, ()>;
}

/// The mailbox side of a connection: phase 1 implements it, everybody else holds it as a [`SocketHandle`].
///
/// No method waits. Frames of one caller keep their order; the queue is bounded in messages and in bytes.
pub trait Socket: Send + Sync + 'static {
    /// Queues a frame. After an error the item is dropped, and with it this socket's share of the completion.
    ///
    /// # Errors
    ///
    /// [`PushError::Overloaded`] when there is no room, [`PushError::Gone`] when the connection is closing. Nothing was queued.
    fn try_push(&self, item: Item) -> Result<(), PushError>;

    /// Promises one answer to the peer. Answers owed count as queued when the connection decides whether to read on.
    fn owe(&self);

    /// Queues an answer that is owed; it is never refused for want of room, and lost if the connection is gone.
    fn answer(&self, frame: Frame);

    /// An answer is owed no longer, given or not.
    fn settle(&self);

    /// Asks the connection to write what is queued, to close with this code, and to end. Later pushes are refused as Gone.
    fn close(&self, code: CloseCode);

    /// Frames queued and not yet Written.
    fn queued(&self) -> usize;

    /// Frames Written since the connection opened.
    fn written(&self) -> u64;
}

/// Why a frame was not queued.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PushError {
    /// The mailbox has no room; it may have some later.
    #[error("the socket's mailbox is full")]
    Overloaded,
    /// The connection is closing or closed, for good.
    #[error("the socket is gone")]
    Gone,
}

/// What the BEAM calls a PID: names one connection of this node and can send to it. A clone costs one reference count; a
/// handle that outlives its connection is harmless, and answers [`PushError::Gone`].
#[derive(Clone)]
pub struct SocketHandle {
    conn: ConnId,
    socket: Arc<dyn Socket>,
}

impl SocketHandle {
    /// The handle of connection `conn`, whose mailbox is `socket`.
    pub fn new(conn: ConnId, socket: Arc<dyn Socket>) -> Self {
        Self { conn, socket }
    }

    /// Which connection this is.
    pub fn conn(&self) -> ConnId {
        self.conn
    }

    /// Queues a frame and returns at once; what becomes of it is told to `completion`.
    ///
    /// # Errors
    ///
    /// As [`Socket::try_push`].
    pub fn try_push(&self, frame: Arc<Frame>, completion: Option<Completion>) -> Result<(), PushError> {
        self.socket.try_push(Item { frame, completion })
    }

    /// Promises the peer an answer, which is given or dropped through what is returned.
    pub fn owe(&self) -> Owed {
        self.socket.owe();
        Owed(self.socket.clone())
    }

    /// As [`Socket::close`].
    pub fn close(&self, code: CloseCode) {
        self.socket.close(code);
    }

    /// As [`Socket::queued`].
    pub fn queued(&self) -> usize {
        self.socket.queued()
    }

    /// As [`Socket::written`].
    pub fn written(&self) -> u64 {
        self.socket.written()
    }
}

/// An answer promised to the peer of a connection. Dropped without one, it gives none and frees its place.
#[must_use = "an answer is owed until this is dropped"]
pub struct Owed(Arc<dyn Socket>);

impl Owed {
    /// Gives the answer. It goes behind what is queued already.
    pub fn answer(self, frame: Frame) {
        self.0.answer(frame);
    }
}

impl Drop for Owed {
    fn drop(&mut self) {
        self.0.settle();
    }
}
