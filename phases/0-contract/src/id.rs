//! Who is who.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use serde::Serialize;
use sha2::{Digest, Sha256};

/// A node's name: `--node`, or `node-` and four hexadecimal digits. A clone shares the text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(Arc<str>);

/// A connection's number on its node: counted from 1, never used twice while the process lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnId(u64);

/// A user's name: 1 to 128 bytes of UTF-8 without control characters. A clone shares the text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserId(Arc<str>);

/// A message's id: the same on every socket that gets the message. A clone allocates nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MessageId(Spelling);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Spelling {
    Number(u128),
    Record { topic: Topic, partition: i32, offset: i64 },
}

/// A topic's name: 1 to 249 letters, digits, '.', '_' or '-'. Its text is never freed, so that ids which name it are copied without
/// counting: for names from the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Topic(&'static str);

/// Gives each message an id of its own.
#[derive(Debug)]
pub struct MessageIds {
    // Random, so that two nodes, or two lives of one, hardly ever give the same.
    prefix: u64,
    last: AtomicU64,
}

impl UserId {
    /// The user of that name; `None` if it is empty, too long, or has a control character (C0, DEL, C1).
    pub fn parse(text: &str) -> Option<Self> {
        let well_formed = (1..=128).contains(&text.len()) && !text.chars().any(char::is_control);
        well_formed.then(|| Self(text.into()))
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The two spellings, as the first byte tells them apart between nodes.
const NUMBER: u8 = 0;
const RECORD: u8 = 1;

impl MessageId {
    /// The id that a sender's own key stands for: the same for the same sender, recipient and key, on whichever node. `kind`
    /// keeps apart who sends: a user, or a caller over HTTP.
    pub fn keyed(kind: &str, sender: &str, recipient: &UserId, key: &str) -> Self {
        let mut hash = Sha256::new();
        for part in [kind, sender, recipient.as_str(), key] {
            // With its length in front, no part can pass for the end of the one before it.
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        let digest: [u8; 32] = hash.finalize().into();
        Self(Spelling::Number(digest[..16].iter().fold(0, |id, byte| id << 8 | u128::from(*byte))))
    }

    /// Appends it as nodes tell it to each other.
    pub(crate) fn encode(&self, into: &mut BytesMut) {
        match self.0 {
            Spelling::Number(number) => {
                into.put_u8(NUMBER);
                into.put_u128(number);
            }
            Spelling::Record { topic, partition, offset } => {
                into.put_u8(RECORD);
                into.put_u8(topic.as_str().len() as u8);
                into.put_slice(topic.as_str().as_bytes());
                into.put_i32(partition);
                into.put_i64(offset);
            }
        }
    }

    /// Takes off what [`encode`](Self::encode) has appended; `None` if that is something else.
    pub(crate) fn decode(from: &mut Bytes) -> Option<Self> {
        match from.try_get_u8().ok()? {
            NUMBER => Some(Self(Spelling::Number(from.try_get_u128().ok()?))),
            RECORD => {
                let length = usize::from(from.try_get_u8().ok()?);
                let name = (length <= from.len()).then(|| from.split_to(length))?;
                let topic = Topic::shared(std::str::from_utf8(&name).ok()?)?;
                Some(Self::of_record(topic, from.try_get_i32().ok()?, from.try_get_i64().ok()?))
            }
            _ => None,
        }
    }

    /// The id of a record, wherever and however often it is read: `topic-partition-offset`.
    pub fn of_record(topic: Topic, partition: i32, offset: i64) -> Self {
        Self(Spelling::Record { topic, partition, offset })
    }

    /// Bytes of its text.
    pub(crate) fn length(self) -> usize {
        let digits = |number: i64| number.max(1).ilog10() as usize + 1;
        match self.0 {
            Spelling::Number(_) => 32,
            Spelling::Record { topic, partition, offset } => {
                topic.0.len() + 1 + digits(partition.into()) + 1 + digits(offset)
            }
        }
    }
}

impl MessageIds {
    /// Begins a new series.
    pub fn new() -> Self {
        use std::hash::{BuildHasher, RandomState};
        Self { prefix: RandomState::new().hash_one(std::process::id()), last: AtomicU64::new(0) }
    }

    /// The next id.
    pub fn next(&self) -> MessageId {
        let number = u128::from(self.prefix) << 64 | u128::from(self.last.fetch_add(1, Ordering::Relaxed) + 1);
        MessageId(Spelling::Number(number))
    }
}

impl Default for MessageIds {
    fn default() -> Self {
        Self::new()
    }
}

impl Topic {
    /// The topic of that name; `None` if Kafka would refuse it.
    pub fn parse(name: &str) -> Option<Self> {
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        let well_formed = (1..=249).contains(&name.len()) && name.chars().all(plain) && name != "." && name != "..";
        well_formed.then(|| Self(String::from(name).leak()))
    }

    /// As [`parse`](Self::parse), for names that come again and again: each is kept once. Other nodes of the cluster name few topics.
    pub(crate) fn shared(name: &str) -> Option<Self> {
        static KNOWN: RwLock<BTreeSet<&'static str>> = RwLock::new(BTreeSet::new());
        // A set is whole whoever panicked with the lock in hand.
        let known = KNOWN.read().unwrap_or_else(PoisonError::into_inner).get(name).copied();
        known.map(Self).or_else(|| {
            let topic = Self::parse(name)?;
            KNOWN.write().unwrap_or_else(PoisonError::into_inner).insert(topic.0);
            Some(topic)
        })
    }

    /// Its text.
    pub fn as_str(&self) -> &'static str {
        self.0
    }
}

impl NodeId {
    /// The node of that name.
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }
}

impl ConnId {
    /// The connection of that number.
    pub fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number.
    pub fn number(self) -> u64 {
        self.0
    }

    /// Reads what [`Display`](fmt::Display) writes; anything else names no connection.
    pub fn parse(text: &str) -> Option<Self> {
        text.parse().ok().map(Self)
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// 32 hexadecimal digits, or `topic-partition-offset`; either has nothing that JSON would escape.
impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Spelling::Number(number) => write!(f, "{number:032x}"),
            Spelling::Record { topic, partition, offset } => write!(f, "{topic}-{partition}-{offset}"),
        }
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl fmt::Display for ConnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for UserId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl Serialize for NodeId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// A string in JSON: clients must not count on its being a number.
impl Serialize for ConnId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_and_printable() {
        for good in ["a", "zoë", "a b", &"x".repeat(128), "\u{a0}"] {
            assert!(UserId::parse(good).is_some(), "{good:?}");
        }
        for bad in ["", &"x".repeat(129), "a\n", "\u{7f}", "\u{85}", "\0"] {
            assert!(UserId::parse(bad).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn a_record_is_named_by_its_place() {
        let topic = Topic::parse("messages.v1").expect("a name");
        assert_eq!(MessageId::of_record(topic, 3, 71).to_string(), "messages.v1-3-71");
        for offset in [0, 9, 10, i64::MAX] {
            let id = MessageId::of_record(topic, 0, offset);
            assert_eq!(id.length(), id.to_string().len());
        }
        assert!(["", ".", "a b", "ä", &"x".repeat(250)].into_iter().all(|bad| Topic::parse(bad).is_none()));
    }

    #[test]
    fn a_key_means_the_same_id_for_the_same_three_only() {
        let (bob, bo) = (UserId::parse("bob").expect("a name"), UserId::parse("bo").expect("a name"));
        let id = MessageId::keyed("user", "alice", &bob, "1");
        assert_eq!(id, MessageId::keyed("user", "alice", &bob, "1"));
        assert_ne!(id, MessageId::keyed("http", "alice", &bob, "1"));
        assert_ne!(id, MessageId::keyed("user", "alice", &bo, "b1"));
        assert_eq!(id.to_string().len(), 32);
    }
}
