//! The socket that chitchat sends and receives on.
//!
//! chitchat hands a transport messages whose encoding is its own secret. Its own UDP transport knows it, so one of those, on a private
//! port of this machine, is the scribe: what chitchat sends goes to it, comes out at the desk as bytes, is sealed and sent; what
//! arrives is opened, handed over at the desk, and comes out of the scribe as a message.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context;
use async_trait::async_trait;
use chitchat::transport::{RecvOutcome, SendOutcome, Socket, Transport, UdpSocket as Scribe};
use chitchat::{ChitchatEnvelope, ChitchatMessage};
use futures_util::FutureExt;
use tokio::net::UdpSocket;
use tokio::time::{Instant, timeout_at};

use crate::books::{Books, Life, Peer, Rejected, Totals};
use crate::seal::{Opened, Seal};

/// The most that a datagram can carry.
const DATAGRAM: usize = 65_507;
/// Between the scribe and the desk lies no wire: what has not come by then is not readable, or the kernel had no room for it.
const SCRIBE_WITHIN: Duration = Duration::from_millis(50);

/// A node's place in the gossip: an address that stays the same however often the node begins a new life on it. A clone is the same place.
#[derive(Debug, Clone)]
pub struct Gossip {
    outer: Arc<UdpSocket>,
    books: Arc<Mutex<Books>>,
}

impl Gossip {
    /// Binds the address; nothing is sent before a [`transport`](Self::transport) is used.
    ///
    /// # Errors
    ///
    /// The operating system's: the address is in use, or is none of this machine's.
    pub async fn bind(address: SocketAddr) -> std::io::Result<Self> {
        Ok(Self { outer: Arc::new(UdpSocket::bind(address).await?), books: Arc::default() })
    }

    /// As bound.
    ///
    /// # Errors
    ///
    /// The operating system's; none is known.
    pub fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.outer.local_addr()
    }

    /// What chitchat is spawned with, for one life of the node. Of several, the one before has to be shut down.
    pub fn transport(&self, seal: Seal) -> Keyed {
        Keyed { gossip: self.clone(), seal: Arc::new(seal) }
    }

    /// What was exchanged with one life of a node; `advertised` is where it says that it listens.
    pub fn peer(&self, node: &str, incarnation: u64, advertised: SocketAddr) -> Peer {
        self.books().peer(node, incarnation, advertised)
    }

    /// Who was turned away, in a fixed order.
    pub fn rejected(&self) -> Vec<Rejected> {
        self.books().rejected()
    }

    /// What was exchanged with all.
    pub fn totals(&self) -> Totals {
        self.books().totals
    }

    // Each change leaves the books right, so a poisoned lock is still good.
    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens a datagram; `None` if it is not for chitchat, which is counted, and said once for each stranger.
    fn admit<'a>(&self, seal: &Seal, datagram: &'a [u8], from: SocketAddr) -> Option<Opened<'a>> {
        match seal.open(datagram) {
            // A seed may be this node itself.
            Ok(opened) if seal.is_own(&opened) => None,
            Ok(opened) => self.books().note_received(&opened, from, datagram.len()).then_some(opened),
            Err(reason) => {
                if self.books().note_rejected(from, reason) {
                    tracing::warn!(%from, "gossip from a stranger is turned away: {reason}");
                }
                None
            }
        }
    }
}

/// A transport for chitchat that seals what it sends and hears only what is sealed alike.
#[derive(Clone)]
pub struct Keyed {
    gossip: Gossip,
    seal: Arc<Seal>,
}

#[async_trait]
impl Transport for Keyed {
    /// The address is bound already: `listen_addr` is not looked at.
    async fn open(&self, _listen_addr: SocketAddr) -> anyhow::Result<Box<dyn Socket>> {
        let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let (scribe, desk) = (Scribe::open(anywhere).await?, UdpSocket::bind(anywhere).await?);
        // From now on the desk hears the scribe only.
        desk.connect(scribe.local_addr()?).await?;
        // Until the runtime knows that there is room, nothing could be handed over without waiting.
        desk.writable().await?;
        let at_desk = desk.local_addr()?;
        let buffer = vec![0; DATAGRAM + 1].into_boxed_slice();
        Ok(Box::new(KeyedSocket { keyed: self.clone(), scribe, desk, at_desk, buffer, arriving: None }))
    }
}

struct KeyedSocket {
    keyed: Keyed,
    scribe: Scribe,
    desk: UdpSocket,
    at_desk: SocketAddr,
    buffer: Box<[u8]>,
    arriving: Option<Arriving>,
}

/// What was handed to the scribe and has not come out.
struct Arriving {
    from: SocketAddr,
    sealed_by: Life,
    /// Until then it is waited for.
    until: Instant,
}

#[async_trait]
impl Socket for KeyedSocket {
    fn local_addr(&self) -> anyhow::Result<SocketAddr> {
        Ok(self.keyed.gossip.local_addr()?)
    }

    async fn send(&mut self, to: SocketAddr, envelope: ChitchatEnvelope) -> anyhow::Result<SendOutcome> {
        self.scribe.send(self.at_desk, envelope).await?;
        let written = come_by(Instant::now() + SCRIBE_WITHIN, self.desk.recv(&mut self.buffer)).await;
        let length = written.context("a message got lost on its way to the seal")??;
        let sealed = self.keyed.seal.seal(&self.buffer[..length]);
        let num_bytes_sent = self.keyed.gossip.outer.send_to(&sealed, to).await?;
        self.keyed.gossip.books().note_sent(to, num_bytes_sent);
        Ok(SendOutcome { num_bytes_sent })
    }

    /// # Cancel safety
    ///
    /// chitchat drops this at each of its ticks. Whatever has been taken from the wire by then is with the scribe, and `arriving`
    /// knows.
    async fn recv(&mut self) -> anyhow::Result<RecvOutcome> {
        loop {
            while let Some(arriving) = &self.arriving {
                match come_by(arriving.until, self.scribe.recv()).await {
                    // Anybody on this machine can send to the scribe; only the desk's is authenticated.
                    Some(Ok(read)) if read.from_addr != self.at_desk => {}
                    Some(read) => {
                        let read = RecvOutcome { from_addr: arriving.from, ..read? };
                        if matches!(read.envelope.message, ChitchatMessage::SynAck { .. }) {
                            self.keyed.gossip.books().note_answer(&arriving.sealed_by);
                        }
                        self.arriving = None;
                        return Ok(read);
                    }
                    None => {
                        let from = arriving.from;
                        tracing::warn!(%from, "a member's gossip cannot be read: another version of chitchat?");
                        self.arriving = None;
                    }
                }
            }
            self.take_one().await?;
        }
    }
}

impl KeyedSocket {
    /// Takes a datagram from the wire, and hands it over if it is a member's. Cancel-safe: nothing is awaited once it is taken.
    async fn take_one(&mut self) -> anyhow::Result<()> {
        let (length, from) = match self.keyed.gossip.outer.recv_from(&mut self.buffer).await {
            Ok(received) => received,
            // An earlier datagram met a closed port, or the kernel is short of memory: the socket is as good as before.
            Err(error) if is_passing(&error) => return Ok(()),
            Err(error) => return Err(error).context("the gossip socket is broken"),
        };
        if let Some(opened) = self.keyed.gossip.admit(&self.keyed.seal, &self.buffer[..length], from)
            // The kernel had no room for it: lost, as any datagram may be.
            && self.desk.try_send(opened.message).is_ok()
        {
            let sealed_by = (opened.node.to_owned(), opened.incarnation);
            self.arriving = Some(Arriving { from, sealed_by, until: Instant::now() + SCRIBE_WITHIN });
        }
        Ok(())
    }
}

/// What has come by then. Cancel-safe, if `coming` is.
async fn come_by<T>(until: Instant, coming: impl Future<Output = T>) -> Option<T> {
    tokio::pin!(coming);
    match timeout_at(until, &mut coming).await {
        Ok(come) => Some(come),
        // This thread may have been kept from running since it looked, longer than that.
        Err(_) => coming.now_or_never(),
    }
}

fn is_passing(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionRefused, ConnectionReset, OutOfMemory};
    matches!(error.kind(), ConnectionRefused | ConnectionReset | OutOfMemory)
}
