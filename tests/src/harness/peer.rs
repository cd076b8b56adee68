//! What every WebSocket client of the harness can be asked, whichever way it speaks.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, timeout, timeout_at};

use crate::Observed;
use crate::harness::failure::Failure;
use crate::harness::story::{Story, show_binary, show_text};

/// How long an answer may take before it counts as missing. Generous, since only failing checks wait for it.
pub const PATIENCE: Duration = Duration::from_millis(600);
/// How long for a connection and its upgrade, which all else needs: nobody waits for this often, and a machine may be busy starting nodes.
pub const CONNECT_PATIENCE: Duration = Duration::from_secs(2);

/// Something that came from a node over a WebSocket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// A text message.
    Text(String),
    /// A binary message.
    Binary(Bytes),
    /// A Ping.
    Ping(Bytes),
    /// A Pong.
    Pong(Bytes),
    /// A Close with its code, if it has one.
    Close(Option<u16>),
    /// The TCP connection was shut down cleanly.
    End,
    /// The TCP connection was reset.
    Reset,
    /// Bytes that are no WebSocket.
    Garbage(String),
}

impl Seen {
    /// Nothing can come after it.
    pub fn is_last(&self) -> bool {
        matches!(self, Self::End | Self::Reset | Self::Garbage(_))
    }

    /// What it means to someone who waited for `wanted`.
    pub fn instead_of(&self, wanted: &Self) -> Observed {
        match (self, wanted) {
            (Self::Text(_), Self::Binary(_)) | (Self::Binary(_), Self::Text(_)) => Observed::WrongKind,
            _ => self.instead_of_message(),
        }
    }

    /// What it means to someone who waited for a message.
    pub fn instead_of_message(&self) -> Observed {
        match self {
            Self::Close(_) => Observed::ClosedWithoutReason,
            Self::End | Self::Reset => Observed::ClosedWithoutCode,
            _ => Observed::WrongAnswer,
        }
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(&show_text(text)),
            Self::Binary(bytes) => f.write_str(&show_binary(bytes)),
            Self::Ping(payload) => write!(f, "Ping {}", show_text(&String::from_utf8_lossy(payload))),
            Self::Pong(payload) => write!(f, "Pong {}", show_text(&String::from_utf8_lossy(payload))),
            Self::Close(Some(code)) => write!(f, "Close {code}"),
            Self::Close(None) => f.write_str("Close without a code"),
            Self::End => f.write_str("(TCP connection ended)"),
            Self::Reset => f.write_str("(TCP connection reset)"),
            Self::Garbage(what) => write!(f, "no WebSocket: {what}"),
        }
    }
}

/// A client's receiving side. Each thing that is expected is recorded in the story, and so is its absence.
pub trait Peer: Send {
    /// Its name in the story.
    fn name(&self) -> &str;

    /// The name of the node it talks to.
    fn node(&self) -> &str;

    /// Where it records.
    fn story(&self) -> &Story;

    /// What comes next, however long it takes, unrecorded. Cancel safe.
    fn next(&mut self) -> impl Future<Output = Seen> + Send;

    /// Adds what came, or did not, to the story.
    fn record_seen(&self, text: impl AsRef<str>) {
        self.story().record(self.node(), self.name(), text);
    }

    /// What comes next, or `None` when nothing has come `within` that time. Recorded.
    fn see(&mut self, within: Duration) -> impl Future<Output = Option<Seen>> + Send {
        async move {
            let seen = timeout(within, self.next()).await.ok();
            match &seen {
                Some(seen) => self.record_seen(seen.to_string()),
                None => self.record_seen(format!("(nothing within {} ms)", within.as_millis())),
            }
            seen
        }
    }

    /// What comes next that is no Ping, or `None` after [`PATIENCE`], however many Pings came meanwhile. Recorded, with the Pings.
    fn see_past_pings(&mut self) -> impl Future<Output = Option<Seen>> + Send {
        async move {
            let deadline = Instant::now() + PATIENCE;
            let mut nothing = "nothing";
            loop {
                let Ok(seen) = timeout_at(deadline, self.next()).await else {
                    self.record_seen(format!("({nothing} within {} ms)", PATIENCE.as_millis()));
                    return None;
                };
                self.record_seen(seen.to_string());
                if !matches!(seen, Seen::Ping(_)) {
                    return Some(seen);
                }
                nothing = "nothing else";
            }
        }
    }

    /// The next thing that is no Ping; a node may send those whenever it likes.
    fn expect(&mut self, wanted: Seen) -> impl Future<Output = Result<(), Failure>> + Send {
        async move {
            match self.see_past_pings().await {
                Some(seen) if seen == wanted => Ok(()),
                Some(seen) => Err(Failure::new(seen.instead_of(&wanted), wanted.to_string())),
                None => Err(Failure::new(Observed::NothingArrived, wanted.to_string())),
            }
        }
    }

    /// The next message is this text.
    fn expect_text(&mut self, text: &str) -> impl Future<Output = Result<(), Failure>> + Send {
        self.expect(Seen::Text(text.to_owned()))
    }

    /// The next message is these bytes.
    fn expect_binary(&mut self, bytes: impl Into<Bytes>) -> impl Future<Output = Result<(), Failure>> + Send {
        self.expect(Seen::Binary(bytes.into()))
    }

    /// A Close with `code` comes next.
    fn expect_close(&mut self, code: u16) -> impl Future<Output = Result<(), Failure>> + Send {
        async move {
            let expected = format!("Close {code}");
            let observed = match self.see_past_pings().await {
                Some(Seen::Close(Some(seen))) if seen == code => return Ok(()),
                Some(Seen::Close(_)) => Observed::WrongCloseCode,
                Some(Seen::End | Seen::Reset) => Observed::ClosedWithoutCode,
                Some(_) => Observed::WrongAnswer,
                None => Observed::StillOpen,
            };
            Err(Failure::new(observed, expected))
        }
    }

    /// The TCP connection ends, one way or the other.
    fn expect_end(&mut self) -> impl Future<Output = Result<(), Failure>> + Send {
        async move {
            match self.see(PATIENCE).await {
                Some(Seen::End | Seen::Reset) => Ok(()),
                Some(_) => Err(Failure::new(Observed::WrongAnswer, "the end of the connection")),
                None => Err(Failure::new(Observed::StillOpen, "the end of the connection")),
            }
        }
    }
}
