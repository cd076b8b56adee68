//! What a record says, and what may be wrong with it.

use std::borrow::Cow;

use contract::{Message, MessageId, Payload, Topic, UserId};
use rdkafka::Message as _;
use rdkafka::message::BorrowedMessage;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::dead::Letter;

/// Where a record stands in its topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Its partition.
    pub partition: i32,
    /// Its offset there: ascending, not always without gaps.
    pub offset: i64,
}

/// A record that names a user.
#[derive(Debug)]
pub struct Record {
    /// Where it stands.
    pub place: Place,
    /// What it brings to whom.
    pub message: Message,
    // If there is a key, it is the user's name.
    keyed: bool,
}

/// Why a record cannot be brought to anybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// It has no value: a tombstone.
    NoValue,
    /// Its value is not an object with a user's name, or the name is none.
    Malformed,
    /// Its key is not its user.
    KeyDiffers,
    /// It has no payload.
    NoPayload,
    /// Its payload is larger than a message may be.
    TooLarge,
    /// Its user is not connected.
    NotConnected,
}

impl Reason {
    /// As the header `reason` spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoValue => "no_value",
            Self::Malformed => "malformed",
            Self::KeyDiffers => "key_differs",
            Self::NoPayload => "no_payload",
            Self::TooLarge => "too_large",
            Self::NotConnected => "not_connected",
        }
    }
}

/// Where a record that was just read stands.
pub fn place_of(raw: &BorrowedMessage<'_>) -> Place {
    Place { partition: raw.partition(), offset: raw.offset() }
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    user_id: Cow<'a, str>,
    #[serde(borrow, default, deserialize_with = "present")]
    payload: Option<&'a RawValue>,
}

/// `null` is a payload like any other, not an absence.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// Reads a record of `topic`, whose payload may have `limit` bytes. The value is copied once, out of librdkafka's memory; the payload is a
/// part of that copy.
///
/// # Errors
///
/// The [`Reason`] why it goes to the dead letters; it will be the same each time.
pub fn decode(raw: &BorrowedMessage<'_>, topic: Topic, limit: usize) -> Result<Record, Reason> {
    // Step 3.1: value, envelope, user, key, payload: in this order, each with what may be wrong with it
    let _ = (raw, topic, limit, envelope);
    todo!("step 3.1: read the record's value")
}

fn envelope(value: &str) -> Result<Envelope<'_>, Reason> {
    // The derived reader would take an array for an object with its members in order.
    if !value.trim_start_matches([' ', '\t', '\r', '\n']).starts_with('{') {
        return Err(Reason::Malformed);
    }
    serde_json::from_str(value).map_err(|_| Reason::Malformed)
}

impl Record {
    /// The record as it was, for the dead-letter topic.
    pub fn into_letter(self, reason: Reason) -> Letter {
        let key = self.keyed.then(|| self.message.to.as_str().as_bytes().to_vec());
        Letter { place: self.place, reason, key, value: Some(self.message.payload.source().as_bytes().to_vec()) }
    }
}
