//! Packets as bytes.
//!
//! ```text
//! length of what follows (4 bytes) · kind (1) · correlation (8) · body
//! ```
//!
//! Numbers are big-endian. What the correlation is depends on the kind: a number by which something is answered, or a sequence number.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use thiserror::Error;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::packet::{Packet, Row, Snapshot};
use super::proof::{Challenge, Proof};
use crate::{ConnId, Message, MessageId, Outcome, Payload, UserId};

/// Bytes that are no packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not a packet of this version")]
pub struct Malformed;

/// The bytes that every packet has: length, kind, correlation.
const HEAD: usize = 4 + 1 + 8;
/// What a message takes besides its payload, in round figures: an id and two names.
const ENVELOPE: usize = 512;

mod kind {
    pub const CHALLENGE: u8 = 1;
    pub const PROOF: u8 = 2;
    pub const RECEIPT: u8 = 3;
    pub const BEAT: u8 = 4;
    pub const SNAPSHOT: u8 = 5;
    pub const JOINED: u8 = 6;
    pub const LEFT: u8 = 7;
    pub const ASK: u8 = 8;
    pub const MESSAGE: u8 = 9;
    pub const BROADCAST: u8 = 10;
    pub const OUTCOME: u8 = 11;
}

impl Packet {
    /// Bytes that it takes at most, without encoding it.
    pub fn size_hint(&self) -> usize {
        match self {
            Self::Message { message, .. } => HEAD + ENVELOPE + message.payload.as_str().len(),
            Self::Broadcast { payload, .. } => HEAD + ENVELOPE + payload.as_str().len(),
            Self::Snapshot(snapshot) => HEAD + 8 + snapshot.rows.iter().map(row_size).sum::<usize>(),
            Self::Joined { row, .. } | Self::Left { row, .. } => HEAD + row_size(row),
            Self::Challenge(_) | Self::Proof(_) => HEAD + 32,
            _ => HEAD + 1,
        }
    }

    /// Appends it. A payload is copied here, once.
    pub fn encode(&self, into: &mut BytesMut) {
        let start = into.len();
        into.put_u32(0);
        match self {
            Self::Challenge(Challenge(bytes)) => {
                head(into, kind::CHALLENGE, 0);
                into.put_slice(bytes);
            }
            Self::Proof(Proof(bytes)) => {
                head(into, kind::PROOF, 0);
                into.put_slice(bytes);
            }
            Self::Receipt { batch } => head(into, kind::RECEIPT, *batch),
            Self::Beat { sequence } => head(into, kind::BEAT, *sequence),
            Self::Snapshot(snapshot) => {
                head(into, kind::SNAPSHOT, snapshot.sequence);
                into.put_u32(snapshot.part);
                into.put_u32(snapshot.parts);
                snapshot.rows.iter().for_each(|row| put_row(into, row));
            }
            Self::Joined { sequence, row } => {
                head(into, kind::JOINED, *sequence);
                put_row(into, row);
            }
            Self::Left { sequence, row } => {
                head(into, kind::LEFT, *sequence);
                put_row(into, row);
            }
            Self::Ask => head(into, kind::ASK, 0),
            Self::Message { number, message } => {
                head(into, kind::MESSAGE, *number);
                message.id.encode(into);
                put_text(into, message.from.as_ref().map_or("", UserId::as_str));
                put_text(into, message.to.as_str());
                into.put_slice(message.payload.as_str().as_bytes());
            }
            Self::Broadcast { number, id, payload } => {
                head(into, kind::BROADCAST, *number);
                id.encode(into);
                into.put_slice(payload.as_str().as_bytes());
            }
            Self::Outcome { number, outcome } => {
                head(into, kind::OUTCOME, *number);
                into.put_u8(outcome_code(*outcome));
            }
            // Nobody passes on what it does not understand.
            Self::Unknown { kind } => head(into, *kind, 0),
        }
        let length = (into.len() - start - 4) as u32;
        into[start..start + 4].copy_from_slice(&length.to_be_bytes());
    }

    /// Takes the first packet off `bytes`. What it carries shares their memory.
    ///
    /// # Errors
    ///
    /// [`Malformed`]: nothing behind it can be read either.
    pub fn decode(bytes: &mut Bytes) -> Result<Self, Malformed> {
        let length = bytes.try_get_u32().map_err(|_| Malformed)? as usize;
        if length > bytes.len() {
            return Err(Malformed);
        }
        let mut packet = bytes.split_to(length);
        let kind = packet.try_get_u8().map_err(|_| Malformed)?;
        let correlation = packet.try_get_u64().map_err(|_| Malformed)?;
        body(kind, correlation, packet)
    }
}

fn head(into: &mut BytesMut, kind: u8, correlation: u64) {
    into.put_u8(kind);
    into.put_u64(correlation);
}

fn body(kind: u8, correlation: u64, mut body: Bytes) -> Result<Packet, Malformed> {
    Ok(match kind {
        kind::CHALLENGE => Packet::Challenge(Challenge(take_32(&body)?)),
        kind::PROOF => Packet::Proof(Proof(take_32(&body)?)),
        kind::RECEIPT => Packet::Receipt { batch: correlation },
        kind::BEAT => Packet::Beat { sequence: correlation },
        kind::SNAPSHOT => Packet::Snapshot(Snapshot {
            sequence: correlation,
            part: body.try_get_u32().map_err(|_| Malformed)?,
            parts: body.try_get_u32().map_err(|_| Malformed)?,
            rows: take_rows(&mut body)?,
        }),
        kind::JOINED => Packet::Joined { sequence: correlation, row: take_row(&mut body)? },
        kind::LEFT => Packet::Left { sequence: correlation, row: take_row(&mut body)? },
        kind::ASK => Packet::Ask,
        kind::MESSAGE => Packet::Message { number: correlation, message: take_message(body)? },
        kind::BROADCAST => {
            let id = MessageId::decode(&mut body).ok_or(Malformed)?;
            Packet::Broadcast { number: correlation, id, payload: take_payload(body)? }
        }
        kind::OUTCOME => {
            let outcome = outcome_of(body.try_get_u8().map_err(|_| Malformed)?)?;
            Packet::Outcome { number: correlation, outcome }
        }
        kind => Packet::Unknown { kind },
    })
}

fn row_size(row: &Row) -> usize {
    8 + 2 + row.user.as_str().len()
}

fn put_row(into: &mut BytesMut, row: &Row) {
    into.put_u64(row.conn.number());
    put_text(into, row.user.as_str());
}

fn take_row(from: &mut Bytes) -> Result<Row, Malformed> {
    let conn = ConnId::new(from.try_get_u64().map_err(|_| Malformed)?);
    Ok(Row { conn, user: take_user(from)?.ok_or(Malformed)? })
}

fn take_rows(from: &mut Bytes) -> Result<Vec<Row>, Malformed> {
    let mut rows = Vec::new();
    while !from.is_empty() {
        rows.push(take_row(from)?);
    }
    Ok(rows)
}

fn put_text(into: &mut BytesMut, text: &str) {
    into.put_u16(text.len() as u16);
    into.put_slice(text.as_bytes());
}

/// A user's name; `None` where there is none.
fn take_user(from: &mut Bytes) -> Result<Option<UserId>, Malformed> {
    let length = usize::from(from.try_get_u16().map_err(|_| Malformed)?);
    if length > from.len() {
        return Err(Malformed);
    }
    let text = from.split_to(length);
    let text = std::str::from_utf8(&text).map_err(|_| Malformed)?;
    if text.is_empty() { Ok(None) } else { UserId::parse(text).map(Some).ok_or(Malformed) }
}

fn take_message(mut from: Bytes) -> Result<Message, Malformed> {
    let id = MessageId::decode(&mut from).ok_or(Malformed)?;
    let sender = take_user(&mut from)?;
    let to = take_user(&mut from)?.ok_or(Malformed)?;
    Ok(Message { id, from: sender, to, payload: take_payload(from)? })
}

/// The rest is a payload, which the node that sent it has validated; that it is UTF-8 has to hold for whoever reads it here.
fn take_payload(from: Bytes) -> Result<Payload, Malformed> {
    Utf8Bytes::try_from(from).map(Payload::validated).map_err(|_| Malformed)
}

fn take_32(from: &Bytes) -> Result<[u8; 32], Malformed> {
    from.as_ref().try_into().map_err(|_| Malformed)
}

fn outcome_code(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Written => 0,
        Outcome::Overloaded => 1,
        Outcome::NotConnected => 2,
        Outcome::Timeout => 3,
        Outcome::Unavailable => 4,
    }
}

fn outcome_of(code: u8) -> Result<Outcome, Malformed> {
    match code {
        0 => Ok(Outcome::Written),
        1 => Ok(Outcome::Overloaded),
        2 => Ok(Outcome::NotConnected),
        3 => Ok(Outcome::Timeout),
        4 => Ok(Outcome::Unavailable),
        _ => Err(Malformed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{MessageIds, Topic};

    fn user(name: &str) -> UserId {
        UserId::parse(name).expect("a name")
    }

    fn there_and_back(packet: &Packet) -> Packet {
        let mut bytes = BytesMut::new();
        packet.encode(&mut bytes);
        assert!(bytes.len() <= packet.size_hint(), "{packet:?} takes {} bytes", bytes.len());
        let mut bytes = bytes.freeze();
        let decoded = Packet::decode(&mut bytes).expect("a packet");
        assert!(bytes.is_empty());
        decoded
    }

    #[test]
    fn what_is_encoded_is_what_is_decoded() {
        let row = |name, conn| Row { user: user(name), conn: ConnId::new(conn) };
        let payload = || Payload::parse(r#"{"a": "é"}"#.into()).expect("JSON");
        let topic = Topic::parse("messages").expect("a name");
        let message =
            |id, from: Option<&str>| Message { id, from: from.map(user), to: user("bob"), payload: payload() };
        let ids = MessageIds::new();
        for packet in [
            Packet::Challenge(Challenge([7; 32])),
            Packet::Proof(Proof([9; 32])),
            Packet::Receipt { batch: 3 },
            Packet::Beat { sequence: u64::MAX },
            Packet::Snapshot(Snapshot { sequence: 4, part: 1, parts: 2, rows: vec![row("zoë", 1), row("b", 2)] }),
            Packet::Joined { sequence: 5, row: row("alice", 3) },
            Packet::Left { sequence: 6, row: row("alice", 3) },
            Packet::Ask,
            Packet::Message { number: 8, message: message(ids.next(), Some("alice")) },
            Packet::Message { number: 9, message: message(MessageId::of_record(topic, 2, 71), None) },
            Packet::Broadcast { number: 10, id: ids.next(), payload: payload() },
            Packet::Outcome { number: 11, outcome: Outcome::Unavailable },
        ] {
            let back = there_and_back(&packet);
            // A payload remembers what it was cut out of, which differs.
            let told = |packet: &Packet| match packet {
                Packet::Message { number, message } => {
                    let Message { id, from, to, payload } = message;
                    format!("{number} {id} {from:?} {to} {}", payload.as_str())
                }
                Packet::Broadcast { number, id, payload } => format!("{number} {id} {}", payload.as_str()),
                other => format!("{other:?}"),
            };
            assert_eq!(told(&back), told(&packet));
        }
    }

    #[test]
    fn what_is_no_packet_is_refused_and_what_is_newer_is_skipped() {
        let decode = |bytes: &'static [u8]| Packet::decode(&mut Bytes::from_static(bytes));
        assert!(decode(b"").is_err());
        assert!(decode(b"\0\0\0\xff\x01").is_err());
        assert!(decode(b"\0\0\0\x01\x08").is_err());
        assert!(decode(b"\0\0\0\x0a\x0b\0\0\0\0\0\0\0\0\x09").is_err());
        let newer = decode(b"\0\0\0\x0a\x63\0\0\0\0\0\0\0\0\x09").expect("a packet of some kind");
        assert!(matches!(newer, Packet::Unknown { kind: 0x63 }));
    }
}
