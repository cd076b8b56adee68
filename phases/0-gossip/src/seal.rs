//! What travels, and who may have sent it: a header, chitchat's message, and an HMAC-SHA256 over both with the cookie.
//!
//! ```text
//! "rg1" · name of the cluster · name of the node · incarnation · session · number · message · tag
//! ```
//!
//! Names have their length in a byte before them; the three numbers are eight bytes each, big-endian. The cookie itself never travels.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

const MAGIC: &[u8] = b"rg1";
const TAG: usize = 32;

/// A node's pen and its key: seals what it sends, opens what others of the same cluster have sealed.
pub struct Seal {
    cluster: String,
    cookie: Vec<u8>,
    node: String,
    incarnation: u64,
    session: u64,
    last: AtomicU64,
}

/// What was sealed, by whom.
#[derive(Debug, PartialEq, Eq)]
pub struct Opened<'a> {
    /// The sender's name.
    pub node: &'a str,
    /// Which of the sender's lives it is.
    pub incarnation: u64,
    /// Which of its seals it is; random, so that two lives with the same incarnation can be told apart.
    pub session: u64,
    /// Its number of that seal, counted from 1.
    pub number: u64,
    /// chitchat's message.
    pub message: &'a [u8],
}

/// Why a datagram was turned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// It is no sealed datagram.
    Malformed,
    /// It names another cluster.
    Cluster,
    /// It was sealed with another cookie, or changed on its way.
    Cookie,
}

impl Seal {
    /// A seal for this life of `node`. Names are cut to 255 bytes. An empty cookie keeps out only those who have one.
    pub fn new(cluster: &str, cookie: &str, node: &str, incarnation: u64) -> Self {
        use std::hash::{BuildHasher, RandomState};
        Self {
            cluster: cut(cluster),
            cookie: cookie.into(),
            node: cut(node),
            incarnation,
            session: RandomState::new().hash_one(incarnation),
            last: AtomicU64::new(0),
        }
    }

    /// A seal that everybody has who uses it: it keeps out nobody else's nodes.
    pub fn open_to_all(node: &str, incarnation: u64) -> Self {
        Self::new("", "", node, incarnation)
    }

    /// Seals a message.
    pub fn seal(&self, message: &[u8]) -> Vec<u8> {
        let mut sealed = MAGIC.to_vec();
        for name in [&self.cluster, &self.node] {
            sealed.push(name.len() as u8);
            sealed.extend(name.as_bytes());
        }
        let number = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        for part in [self.incarnation, self.session, number] {
            sealed.extend(part.to_be_bytes());
        }
        sealed.extend(message);
        let tag = self.mac(&sealed).finalize().into_bytes();
        sealed.extend(tag);
        sealed
    }

    /// Opens what another node has sealed.
    ///
    /// # Errors
    ///
    /// Why it is turned away.
    pub fn open<'a>(&self, datagram: &'a [u8]) -> Result<Opened<'a>, Reason> {
        let (signed, tag) = datagram.split_last_chunk::<TAG>().ok_or(Reason::Malformed)?;
        let (cluster, opened) = parse(signed).ok_or(Reason::Malformed)?;
        if cluster != self.cluster.as_bytes() {
            return Err(Reason::Cluster);
        }
        // In a time that tells nothing about how much of the tag was right.
        self.mac(signed).verify_slice(tag).map_err(|_| Reason::Cookie)?;
        Ok(opened)
    }

    /// Whether this very seal has sealed it.
    pub fn is_own(&self, opened: &Opened<'_>) -> bool {
        opened.session == self.session && opened.incarnation == self.incarnation
    }

    fn mac(&self, signed: &[u8]) -> Hmac<Sha256> {
        let mac = Hmac::<Sha256>::new_from_slice(&self.cookie);
        mac.expect("HMAC takes keys of any length").chain_update(signed)
    }
}

impl Reason {
    /// As `GET /cluster` has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Cluster => "cluster",
            Self::Cookie => "cookie",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "it is no gossip of this program",
            Self::Cluster => "it names another cluster (--cluster)",
            Self::Cookie => "it was sealed with another cookie (--cookie)",
        })
    }
}

fn cut(name: &str) -> String {
    name[..name.floor_char_boundary(usize::from(u8::MAX))].to_owned()
}

/// The name of the cluster, and the rest.
fn parse(mut signed: &[u8]) -> Option<(&[u8], Opened<'_>)> {
    signed = signed.strip_prefix(MAGIC)?;
    let (cluster, node) = (take_name(&mut signed)?, take_name(&mut signed)?);
    let node = std::str::from_utf8(node).ok()?;
    let (incarnation, session, number) =
        (take_number(&mut signed)?, take_number(&mut signed)?, take_number(&mut signed)?);
    Some((cluster, Opened { node, incarnation, session, number, message: signed }))
}

fn take_name<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, after) = rest.split_first()?;
    let (name, after) = after.split_at_checked(usize::from(*length))?;
    *rest = after;
    Some(name)
}

fn take_number(rest: &mut &[u8]) -> Option<u64> {
    let (number, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(u64::from_be_bytes(*number))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seal(cluster: &str, cookie: &str) -> Seal {
        Seal::new(cluster, cookie, "n1", 7)
    }

    #[test]
    fn what_was_sealed_opens_and_says_who_and_how_often() {
        let (pen, key) = (seal("router", "secret"), seal("router", "secret"));
        for number in 1..=2 {
            let sealed = pen.seal(b"syn");
            let opened = key.open(&sealed).expect("the same cluster and cookie");
            assert_eq!((opened.node, opened.incarnation, opened.number), ("n1", 7, number));
            assert_eq!(opened.message, b"syn");
            assert!(pen.is_own(&opened) && !key.is_own(&opened));
        }
    }

    #[test]
    fn strangers_are_turned_away_for_what_they_are() {
        let sealed = seal("router", "secret").seal(b"syn");
        let reason = |key: &Seal| key.open(&sealed).expect_err("a stranger");
        assert_eq!(reason(&seal("router", "another")), Reason::Cookie);
        assert_eq!(reason(&seal("router", "")), Reason::Cookie);
        assert_eq!(reason(&seal("another", "secret")), Reason::Cluster);
        assert_eq!(reason(&Seal::open_to_all("n1", 7)), Reason::Cluster);
    }

    #[test]
    fn no_byte_can_be_changed_or_left_out() {
        let key = seal("router", "secret");
        let sealed = key.seal(b"syn");
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(key.open(&changed).is_err(), "byte {at}");
            assert!(key.open(&sealed[..at]).is_err(), "cut before byte {at}");
        }
        assert_eq!(key.open(b"hello?"), Err(Reason::Malformed));
    }

    #[test]
    fn the_cookie_does_not_travel() {
        let sealed = seal("router", "open-sesame").seal(b"syn");
        assert!(!sealed.windows(11).any(|part| part == b"open-sesame"));
    }
}
