//! The last words of a connection: why it ended, and how the client is told.

use std::time::Duration;

use contract::stats::Closed;
use contract::{CloseCode, WebSocket};
use futures_util::stream::{SplitSink, SplitStream};
use tokio::io::AsyncWriteExt;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

/// Why a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The client closed, and was answered.
    Normal,
    /// The client went without a word.
    Lost,
    /// A message was beyond the limit.
    TooBig,
    /// What came was not WebSocket (1002), or its text not UTF-8 (1007).
    Invalid(CloseCode),
    /// No life for the heartbeat timeout.
    Silent,
    /// A queued frame had waited for the slow grace.
    Slow,
    /// The node asked for it, with this code.
    Asked(CloseCode),
}

impl Ended {
    /// What to tell the client; nothing where it has closed or gone by itself.
    pub fn code(self) -> Option<CloseCode> {
        match self {
            Self::Normal | Self::Lost => None,
            Self::TooBig => Some(CloseCode::Size),
            Self::Silent => Some(CloseCode::Policy),
            Self::Slow => Some(CloseCode::Again),
            Self::Invalid(code) | Self::Asked(code) => Some(code),
        }
    }

    /// Counts it under its name.
    pub fn count(self, closed: &Closed) {
        let counter = match self {
            Self::Normal => &closed.normal,
            Self::Lost => &closed.lost,
            Self::TooBig => &closed.too_big,
            Self::Invalid(_) => &closed.invalid,
            Self::Silent => &closed.silent,
            Self::Slow => &closed.slow,
            Self::Asked(CloseCode::Policy) => &closed.expired,
            Self::Asked(_) => &closed.draining,
        };
        counter.increment();
    }
}

// ANCHOR: close
/// Tells the client why and lets go, in `grace` at most: a client that does not read must not keep a closed connection alive.
pub async fn close(mut ws: WebSocket, ended: Ended, grace: Duration) {
    // ANCHOR: step-1-3-close
    // Step 1.3: send a Close frame that says why; then let the client have it (what if it is still sending?)
    drop((ws, ended, grace));
    // ANCHOR_END: step-1-3-close
}
// ANCHOR_END: close

/// The two halves as one again.
pub fn whole(sink: SplitSink<WebSocket, Message>, stream: SplitStream<WebSocket>) -> WebSocket {
    sink.reunite(stream).expect("both are halves of the same connection")
}
