//! What travels between a connection and the rest of the node.

use std::sync::Arc;

use bytes::Bytes;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use crate::Completion;

/// A data frame: one whole WebSocket message, however it was fragmented. A clone shares the payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// UTF-8, as the library has checked.
    Text(Utf8Bytes),
    /// Any bytes.
    Binary(Bytes),
}

/// What is put into a socket's mailbox: a frame that all devices of a user share, and whom to tell what became of it.
///
/// 16 bytes, because a mailbox allocates its slots 32 at a time, on each of perhaps a million sockets.
#[derive(Debug)]
pub struct Item {
    /// What to send.
    pub frame: Arc<Frame>,
    /// Whom to tell, if anybody asked.
    pub completion: Option<Completion>,
}

const _: () = assert!(size_of::<Item>() == 16);

impl Frame {
    /// Bytes of payload.
    pub fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary(bytes) => bytes.len(),
        }
    }

    /// Whether there is no payload.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The data in a WebSocket message; `None` for Ping, Pong and Close, which the library answers.
    pub fn from_message(message: Message) -> Option<Self> {
        match message {
            Message::Text(text) => Some(Self::Text(text)),
            Message::Binary(bytes) => Some(Self::Binary(bytes)),
            _ => None,
        }
    }

    /// The WebSocket message that carries it; the payload is shared, not copied.
    pub fn to_message(&self) -> Message {
        self.clone().into()
    }

    /// The same, without the cost of sharing if nobody else holds the frame.
    pub fn into_message(self: Arc<Self>) -> Message {
        Arc::unwrap_or_clone(self).into()
    }
}

impl From<Frame> for Message {
    fn from(frame: Frame) -> Self {
        match frame {
            Frame::Text(text) => Self::Text(text),
            Frame::Binary(bytes) => Self::Binary(bytes),
        }
    }
}
