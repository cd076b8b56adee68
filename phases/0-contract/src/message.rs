//! What one user sends to another.

use std::ops::Range;
use std::sync::Arc;

use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::gateway::encode;
use crate::{Frame, MessageId, UserId};

/// A message on its way to a user. A clone shares the payload.
#[derive(Debug, Clone)]
pub struct Message {
    /// The same on each of the recipient's sockets.
    pub id: MessageId,
    /// Who sent it; nobody when it came over HTTP.
    pub from: Option<UserId>,
    /// Whom it is for.
    pub to: UserId,
    /// What it says.
    pub payload: Payload,
}

/// One JSON value, validated at the edge and carried byte for byte from there. A clone shares the bytes.
#[derive(Debug, Clone)]
pub struct Payload {
    source: Utf8Bytes,
    // Where in the source it stands: a slice of its own would have to be checked for UTF-8 again.
    range: Range<usize>,
}

impl Payload {
    /// The value that `part`, a part of `source`, spells out. The caller has validated it.
    pub(crate) fn within(source: &Utf8Bytes, part: &str) -> Self {
        let start = part.as_ptr() as usize - source.as_str().as_ptr() as usize;
        Self { source: source.clone(), range: start..start + part.len() }
    }

    /// Validates a text that is one JSON value and nothing else; `None` if it is not.
    pub fn parse(text: Utf8Bytes) -> Option<Self> {
        let value: &serde_json::value::RawValue = serde_json::from_str(&text).ok()?;
        Some(Self::within(&text, value.get()))
    }

    /// The value as it was written.
    pub fn as_str(&self) -> &str {
        &self.source[self.range.clone()]
    }
}

impl Message {
    /// The frame that tells the recipient, made once for all sockets.
    pub fn to_frame(&self) -> Arc<Frame> {
        Arc::new(encode::message(self))
    }
}
