//! What one node can say to another; [`codec`](super::codec) says in which bytes.

use super::proof::{Challenge, Proof};
use crate::{ConnId, Message, MessageId, Outcome, Payload, UserId};

/// What one node says to another.
#[derive(Debug, Clone)]
pub enum Packet {
    /// Prove that you know the cookie.
    Challenge(Challenge),
    /// The answer to that.
    Proof(Proof),
    /// All batches up to this number have come, and what was in them was handed on.
    Receipt {
        /// The last of them.
        batch: u64,
    },
    /// I live, and have come so far in telling you of my rows.
    Beat {
        /// The sequence number of the last change that was told.
        sequence: u64,
    },
    /// A part of all my rows.
    Snapshot(Snapshot),
    /// A row more.
    Joined {
        /// The number of this change: one more than that of the change before.
        sequence: u64,
        /// The row.
        row: Row,
    },
    /// A row less.
    Left {
        /// The number of this change: one more than that of the change before.
        sequence: u64,
        /// The row.
        row: Row,
    },
    /// I have missed something: tell me all your rows.
    Ask,
    /// For the sockets that a user has with you; answered by an [`Outcome`](Packet::Outcome) of the same number.
    Message {
        /// By which it is answered.
        number: u64,
        /// What to bring to whom.
        message: Message,
    },
    /// For every user that is with you; answered by an [`Outcome`](Packet::Outcome) once it is handed to their sockets.
    Broadcast {
        /// By which it is answered.
        number: u64,
        /// The same on every socket.
        id: MessageId,
        /// What to bring to them.
        payload: Payload,
    },
    /// What became of a message.
    Outcome {
        /// Which one.
        number: u64,
        /// What became of it.
        outcome: Outcome,
    },
    /// Something that a newer version says.
    Unknown {
        /// Its kind.
        kind: u8,
    },
}

/// A user and one of the connections that the issuer of the row holds for it. The node is the issuer: nobody writes rows for another.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Row {
    /// The user.
    pub user: UserId,
    /// The connection, by its number on that node.
    pub conn: ConnId,
}

/// A part of all rows of a node, as they were at one moment.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The number of the last change that is in it.
    pub sequence: u64,
    /// Which part, counted from 0.
    pub part: u32,
    /// How many parts there are; one at least.
    pub parts: u32,
    /// The rows.
    pub rows: Vec<Row>,
}

impl Packet {
    /// What it is, in a word.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Challenge(_) => "challenge",
            Self::Proof(_) => "proof",
            Self::Receipt { .. } => "receipt",
            Self::Beat { .. } => "beat",
            Self::Snapshot(_) => "snapshot",
            Self::Joined { .. } => "joined",
            Self::Left { .. } => "left",
            Self::Ask => "ask",
            Self::Message { .. } => "message",
            Self::Broadcast { .. } => "broadcast",
            Self::Outcome { .. } => "outcome",
            Self::Unknown { .. } => "unknown",
        }
    }
}
