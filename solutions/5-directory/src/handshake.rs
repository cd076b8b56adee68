//! How two nodes prove to each other that they know the cookie.
// ANCHOR: step-5-1-handshake
// BEFORE 5.1: both challenge, both answer, both look at the answer: `contract::link` has the challenge and its answer

use std::time::Duration;

use contract::link::{Batch, Challenge, Packet, Packets};
use contract::{Gossip, Peer};
use futures_util::{SinkExt, StreamExt};
use thiserror::Error;
use tokio_tungstenite::tungstenite::{Error as WebSocketError, Message};

use crate::link::LinkStream;

/// From the connection to the proof.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// Why there is no link.
#[derive(Debug, Error)]
pub(crate) enum Refused {
    /// The connection did not come about, or broke.
    #[error("the connection failed: {0}")]
    Broken(#[from] Box<WebSocketError>),
    /// It does not know the cookie, or does not speak this language.
    #[error("no proof that it belongs to the cluster")]
    Unproved,
    /// One of the two is not, or not in that life, a live member in the view of this node; or it has no business to dial.
    #[error("not a member that this node takes a link from")]
    Unknown,
    /// It said nothing in time.
    #[error("no proof in time")]
    Silent,
}

impl From<WebSocketError> for Refused {
    fn from(error: WebSocketError) -> Self {
        Self::Broken(Box::new(error))
    }
}

impl From<std::io::Error> for Refused {
    fn from(error: std::io::Error) -> Self {
        WebSocketError::from(error).into()
    }
}

/// Proves to `peer` that this is a node of its cluster, and wants the same of it.
pub(crate) async fn prove(stream: &mut LinkStream, me: &Peer, peer: &Peer, config: &Gossip) -> Result<(), Refused> {
    // Without a cookie (`--insecure`) the name alone keeps the clusters apart.
    let cookie = config.cookie.as_deref().unwrap_or_default();
    let challenge = Challenge::random();
    say(stream, &Packet::Challenge(challenge)).await?;
    let Packet::Challenge(theirs) = hear(stream).await? else { return Err(Refused::Unproved) };
    say(stream, &Packet::Proof(theirs.answer(&config.cluster, cookie, me, peer))).await?;
    match hear(stream).await? {
        Packet::Proof(proof) if challenge.is_answered(&proof, &config.cluster, cookie, peer, me) => Ok(()),
        _ => Err(Refused::Unproved),
    }
}

async fn say(stream: &mut LinkStream, packet: &Packet) -> Result<(), Refused> {
    let mut batch = Batch::default();
    batch.push(packet);
    Ok(stream.send(Message::Binary(batch.finish(0))).await?)
}

async fn hear(stream: &mut LinkStream) -> Result<Packet, Refused> {
    let Some(Message::Binary(bytes)) = stream.next().await.transpose()? else { return Err(Refused::Unproved) };
    let first = Packets::of(bytes).ok().and_then(|mut packets| packets.next());
    first.and_then(Result::ok).ok_or(Refused::Unproved)
}
// ANCHOR_END: step-5-1-handshake
