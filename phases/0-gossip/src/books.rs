//! Who was heard and how often, and who was turned away.

use std::collections::HashMap;
use std::net::SocketAddr;

use tokio::time::Instant;

use crate::bounded::Bounded;
use crate::seal::{Opened, Reason};
use crate::window::Window;

/// Many times the members of a cluster that gossips in single datagrams.
const PEERS: usize = 1024;
/// Addresses of those: a node that is reached by way of others has several.
const ADDRESSES: usize = 4 * PEERS;
/// Addresses at which one and the same life of a node was heard that are remembered: the last ones.
const SOURCES: usize = 4;
/// Strangers that have a row of their own; all others share one. They cost nothing to make up, so rows and lines must have an end.
const STRANGERS: usize = 64;

/// What was exchanged with one life of a node, directly.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Peer {
    /// Datagrams sent to it.
    pub sent: u64,
    /// Datagrams heard from it, each once.
    pub received: u64,
    /// Bytes of those.
    pub received_bytes: u64,
    /// Of those, answers to this node's greetings that chitchat was handed. It answers each with whatever the peer lacks, before it
    /// does anything else.
    pub answers: u64,
    /// Datagrams that came again, or that so many had overtaken that they could not be told from such.
    pub repeats: u64,
    /// When it was heard first.
    pub first_heard: Option<Instant>,
    /// When it was heard last.
    pub last_heard: Option<Instant>,
}

/// Datagrams of one stranger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// Where they came from; `None` stands for all those that there was no row left for.
    pub from: Option<SocketAddr>,
    /// What was wrong with them.
    pub reason: Reason,
    /// How many there were.
    pub count: u64,
}

/// What this node has exchanged with all others.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Datagrams sent.
    pub sent: u64,
    /// Bytes of those, sealed.
    pub sent_bytes: u64,
    /// Datagrams heard, each once.
    pub received: u64,
    /// Bytes of those, sealed.
    pub received_bytes: u64,
    /// Datagrams that came again.
    pub repeats: u64,
    /// Datagrams that were turned away.
    pub rejected: u64,
}

/// A node's name, and which of its lives it is.
pub(crate) type Life = (String, u64);

#[derive(Debug)]
pub(crate) struct Books {
    peers: Bounded<Life, Row>,
    sent: Bounded<SocketAddr, u64>,
    rejected: HashMap<(Option<SocketAddr>, Reason), u64>,
    pub totals: Totals,
}

#[derive(Debug, Default)]
struct Row {
    peer: Peer,
    session: u64,
    window: Window,
    sources: Vec<SocketAddr>,
}

impl Default for Books {
    fn default() -> Self {
        Self {
            peers: Bounded::new(PEERS),
            sent: Bounded::new(ADDRESSES),
            rejected: HashMap::new(),
            totals: Totals::default(),
        }
    }
}

impl Books {
    pub fn note_sent(&mut self, to: SocketAddr, bytes: usize) {
        *self.sent.entry(&to, || 0) += 1;
        self.totals.sent += 1;
        self.totals.sent_bytes += bytes as u64;
    }

    /// Notes a datagram that was opened; `false` if it has come before.
    pub fn note_received(&mut self, opened: &Opened<'_>, from: SocketAddr, bytes: usize) -> bool {
        let row = self.peers.entry(&(opened.node.to_owned(), opened.incarnation), Row::default);
        if row.session != opened.session {
            (row.session, row.window) = (opened.session, Window::default());
        }
        if !row.window.is_new(opened.number) {
            row.peer.repeats += 1;
            self.totals.repeats += 1;
            return false;
        }
        if !row.sources.contains(&from) {
            row.sources.insert(0, from);
            row.sources.truncate(SOURCES);
        }
        let now = Instant::now();
        row.peer.first_heard.get_or_insert(now);
        row.peer.last_heard = Some(now);
        row.peer.received += 1;
        row.peer.received_bytes += bytes as u64;
        self.totals.received += 1;
        self.totals.received_bytes += bytes as u64;
        true
    }

    /// Notes that a datagram of this peer, which was [received](Self::note_received), was an answer.
    pub fn note_answer(&mut self, peer: &Life) {
        self.peers.entry(peer, Row::default).peer.answers += 1;
    }

    /// Notes a datagram that was turned away; `true` if it is the first of its kind from there.
    pub fn note_rejected(&mut self, from: SocketAddr, reason: Reason) -> bool {
        self.totals.rejected += 1;
        let own = (Some(from), reason);
        let has_room = self.rejected.contains_key(&own) || self.rejected.len() < STRANGERS;
        let count = self.rejected.entry(if has_room { own } else { (None, reason) }).or_default();
        *count += 1;
        *count == 1
    }

    pub fn peer(&self, node: &str, incarnation: u64, advertised: SocketAddr) -> Peer {
        let row = self.peers.get(&(node.to_owned(), incarnation));
        let sources = row.map_or(&[][..], |row| &row.sources);
        // It is asked where it listens, and answered where it asked from: the same place, unless somebody stands in between.
        let others = sources.iter().filter(|source| **source != advertised);
        let sent = others.chain([&advertised]).filter_map(|to| self.sent.get(to)).sum();
        Peer { sent, ..row.map(|row| row.peer.clone()).unwrap_or_default() }
    }

    pub fn rejected(&self) -> Vec<Rejected> {
        let row = |((from, reason), count): (&(_, _), &u64)| Rejected { from: *from, reason: *reason, count: *count };
        let mut rows: Vec<_> = self.rejected.iter().map(row).collect();
        rows.sort_by_key(|row| (row.from, row.reason));
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(port: u16) -> SocketAddr {
        ([127, 0, 0, 1], port).into()
    }

    fn opened(session: u64, number: u64) -> Opened<'static> {
        Opened { node: "n2", incarnation: 7, session, number, message: b"" }
    }

    #[test]
    fn what_is_sent_to_a_peer_is_counted_wherever_it_goes() {
        let mut books = Books::default();
        books.note_sent(at(1), 10);
        assert!(books.note_received(&opened(1, 1), at(2), 10));
        books.note_sent(at(2), 10);
        books.note_sent(at(3), 10);
        assert_eq!(books.peer("n2", 7, at(1)).sent, 2);
        assert_eq!(books.peer("n2", 8, at(4)), Peer::default());
    }

    #[test]
    fn a_repeat_is_counted_and_heard_once_and_a_new_seal_begins_anew() {
        let mut books = Books::default();
        assert!(books.note_received(&opened(1, 1), at(2), 10));
        assert!(!books.note_received(&opened(1, 1), at(2), 10));
        assert!(books.note_received(&opened(2, 1), at(2), 10));
        let peer = books.peer("n2", 7, at(2));
        assert_eq!((peer.received, peer.repeats), (2, 1));
    }

    #[test]
    fn strangers_share_a_row_once_there_are_too_many() {
        let mut books = Books::default();
        let firsts = (0..1000).filter(|port| books.note_rejected(at(*port), Reason::Malformed)).count();
        assert_eq!(firsts, STRANGERS + 1);
        let rows = books.rejected();
        assert_eq!(rows.len(), STRANGERS + 1);
        assert_eq!(rows.iter().map(|row| row.count).sum::<u64>(), 1000);
    }
}
