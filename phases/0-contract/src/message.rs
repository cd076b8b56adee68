//! What one user sends to another.

use std::ops::Range;
use std::sync::Arc;

use serde_json::value::RawValue;
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
        Self { range: range_of(part, source), source: source.clone() }
    }

    /// Validates a text that is one JSON value and nothing else; `None` if it is not.
    pub fn parse(text: Utf8Bytes) -> Option<Self> {
        let value: &RawValue = serde_json::from_str(&text).ok()?;
        Some(Self::within(&text, value.get()))
    }

    /// A text that another node has found to be one JSON value.
    pub(crate) fn validated(source: Utf8Bytes) -> Self {
        let range = 0..source.len();
        Self { source, range }
    }

    /// Copies `source`, once, for the value that was read out of it.
    ///
    /// # Panics
    ///
    /// If it was read out of another text.
    pub fn copy(source: &str, value: &RawValue) -> Self {
        assert!(source.as_bytes().as_ptr_range().contains(&value.get().as_ptr()), "a value of another text");
        Self { range: range_of(value.get(), source), source: source.into() }
    }

    /// The text that it is a part of.
    pub fn source(&self) -> &Utf8Bytes {
        &self.source
    }

    /// The value as it was written.
    pub fn as_str(&self) -> &str {
        &self.source[self.range.clone()]
    }
}

fn range_of(part: &str, source: &str) -> Range<usize> {
    let start = part.as_ptr() as usize - source.as_ptr() as usize;
    start..start + part.len()
}

impl Message {
    /// The frame that tells the recipient, made once for all sockets.
    pub fn to_frame(&self) -> Arc<Frame> {
        Arc::new(encode::message(self))
    }
}
