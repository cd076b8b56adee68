//! Step 5.1: one link for each pair.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use contract::link::{
    Batch, Challenge, INCARNATION_HEADER, NODE_HEADER, PATH, PROTOCOL, PROTOCOL_HEADER, Packet, Packets, Proof,
};
use futures_util::{SinkExt, StreamExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::{WebSocketStream, accept_async, client_async};

use super::scene::{NO_BEATS, SOON, Scene, link, link_is};
use crate::Observed;
use crate::harness::{Failure, Judge, Node, Story, World, ensure, eventually};

/// Much longer than a node takes to look at a proof.
const DOOR: Duration = Duration::from_secs(4);
/// How often a stranger tries.
const KNOCKS: u64 = 2;
/// How long to count dials for, and how many are too many: without a pause there are hundreds.
const DIALLING: Duration = Duration::from_millis(150);
const DIALS_AT_MOST: usize = 20;

pub async fn up(world: &World) -> Result<(), Failure> {
    let scene = Scene::new(world);
    let linked = scene.linked(&["n1", "n2"], &[]).await;
    // Who dials and who takes the link are two halves of this step, and their hints are two.
    let nodes = if scene.links.dialled().is_empty() {
        linked.seen_as(Observed::LinkDown, Observed::NeverDialled)?
    } else {
        linked?
    };
    for (node, name) in nodes.iter().zip(["n1", "n2"]) {
        let cluster = node.cluster().await?;
        ensure(link(&cluster, name).is_none(), Observed::WrongAnswer, format!(r#"{name}, of itself: "link":null"#))?;
        let address = cluster.member(name).and_then(|row| row.addresses.get("link").cloned());
        let place = scene.links.place(name).await?.to_string();
        ensure(address == Some(place.clone()), Observed::WrongAddress, format!("{name}: link={place}"))?;
    }
    Ok(())
}

pub async fn one(world: &World) -> Result<(), Failure> {
    let scene = Scene::new(world);
    let _nodes = scene.linked(&["n1", "n2", "n3"], &[]).await?;
    let pairs = [("n1", "n2"), ("n1", "n3"), ("n2", "n3")];
    let told = || {
        let open = pairs.map(|(a, b)| format!("{a}–{b} {}", scene.links.open(a, b)));
        let dialled = scene.links.dialled();
        let by_greater = dialled.iter().filter(|(by, to)| by > to).count();
        let (open, times) = (open.join(", "), dialled.len());
        format!("links: {open}; dialled {times} times, {by_greater} of them by the greater name")
    };
    let look = || async {
        let is_one = pairs.iter().all(|(a, b)| scene.links.open(a, b) == 1);
        ensure(is_one, Observed::LinkTwice, "one link a pair")
    };
    let looked = eventually(SOON, look).await;
    world.story().record("network", "test", told());
    looked?;
    let by_smaller = scene.links.dialled().iter().all(|(by, to)| by < to);
    ensure(by_smaller, Observed::LinkTwice, "dialled by the smaller name of each pair")
}

pub async fn again(world: &World) -> Result<(), Failure> {
    let scene = Scene::new(world);
    let nodes = scene.linked(&["n1", "n2"], &[]).await?;
    scene.links.cut("n1", "n2");
    link_is(&nodes[0], "n2", "down").await?;
    link_is(&nodes[1], "n1", "down").await?;
    let before = scene.links.refused();
    sleep(DIALLING).await;
    let dials = scene.links.refused() - before;
    world.story().record("n1", "n2", format!("(has dialled {dials} times within {} ms)", DIALLING.as_millis()));
    ensure(dials <= DIALS_AT_MOST, Observed::DialledTooOften, "a pause after each failure, a longer one each time")?;
    scene.links.heal("n1", "n2");
    link_is(&nodes[0], "n2", "up").await?;
    link_is(&nodes[1], "n1", "up").await
}

pub async fn ends(world: &World) -> Result<(), Failure> {
    let scene = Scene::new(world);
    // What is not confirmed ends no link here.
    let nodes = scene.linked(&["n1", "n2"], &NO_BEATS).await?;
    scene.links.orphan("n1", "n2");
    // n1 knows that it has ended, and dials anew; n2 does not, and has two.
    let redialled = eventually(SOON, || async {
        ensure(scene.links.open("n1", "n2") == 1, Observed::LinkDown, "n1 dials n2 anew")
    });
    redialled.await?;
    link_is(&nodes[0], "n2", "up").await?;
    no_orphans(&scene, world.story(), "the older one ended by n2, now that there is a newer one").await?;
    link_is(&nodes[1], "n1", "up").await?;
    // The end of n1's next link does not reach n2, and no newer one comes: but word that n1 has left does.
    scene.links.orphan("n1", "n2");
    scene.links.cut("n1", "n2");
    nodes[0].terminate();
    no_orphans(&scene, world.story(), "its link ended by n2, now that n1 has left").await
}

async fn no_orphans(scene: &Scene<'_>, story: &Story, expected: &str) -> Result<(), Failure> {
    let look = || async { ensure(scene.links.orphans("n1", "n2") == 0, Observed::LinkKept, expected) };
    let ended = eventually(SOON, look).await;
    if ended.is_err() {
        story.record("n2", "test", "(the link that is over is open)");
    }
    ended
}

pub async fn restart(world: &World) -> Result<(), Failure> {
    let scene = Scene::new(world);
    let nodes = scene.linked(&["n1", "n2", "n3"], &[]).await?;
    nodes[1].kill();
    let again = scene.node("n2", &[]).await?;
    for (node, other) in [(&again, "n1"), (&again, "n3"), (&nodes[0], "n2"), (&nodes[2], "n2")] {
        link_is(node, other, "up").await?;
    }
    Ok(())
}

pub async fn stranger(world: &World) -> Result<(), Failure> {
    let scene = Scene::new(world);
    let nodes = scene.linked(&["n1", "n2"], &[]).await?;
    let incarnation = nodes[1].cluster().await?.member("n1").map_or(0, |row| row.incarnation);
    let rejected = nodes[1].admin().counter("links.rejected").await?;
    let dialled = scene.links.dialled().len();
    // Twice: what the first does to n1's link has happened by the end of the second.
    for _ in 0..KNOCKS {
        world.story().record("stranger", "n2", "GET /link as n1, without the cookie");
        let heard = knock(&nodes[1], "n1", incarnation).await;
        world.story().record("n2", "stranger", heard.to_string());
        ensure(heard == Heard::Nothing, Observed::StrangerJoined, "the connection is closed, and nothing is told")?;
    }
    link_is(&nodes[1], "n1", "up").await?;
    link_is(&nodes[0], "n2", "up").await?;
    let is_left_alone = scene.links.open("n1", "n2") == 1 && scene.links.dialled().len() == dialled;
    ensure(is_left_alone, Observed::OthersAffected, "n1's link left alone, since the stranger has proved nothing")?;
    nodes[1].counted("links.rejected", rejected + KNOCKS).await?;
    // And the other way round: whoever answers at n2's address has to prove that it is n2.
    let (listener, address) = listen().await?;
    world.story().record("test", "n2", "a stranger listens at its address");
    scene.links.lead_astray("n2", address);
    scene.links.cut("n1", "n2");
    scene.links.heal("n1", "n2");
    let heard = answer(&listener).await;
    world.story().record("n1", "stranger", heard.to_string());
    ensure(heard != Heard::Nobody, Observed::LinkDown, "n1 dials n2's address anew")?;
    ensure(heard == Heard::Nothing, Observed::StrangerJoined, "the connection is closed, and nothing is told")?;
    drop(listener);
    scene.links.lead_to("n2", &nodes[1])?;
    link_is(&nodes[0], "n2", "up").await
}

/// What a stranger gets to hear.
#[derive(PartialEq, Eq)]
enum Heard {
    Nobody,
    Nothing,
    Packet(&'static str),
    StillOpen,
}

impl std::fmt::Display for Heard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Nobody => f.write_str("(nobody comes)"),
            Self::Nothing => f.write_str("(closed)"),
            Self::Packet(name) => write!(f, "a packet: {name}"),
            Self::StillOpen => f.write_str("(still open)"),
        }
    }
}

/// A stranger who dials, and says that it is `name`.
async fn knock(node: &Node, name: &str, incarnation: u64) -> Heard {
    let knocking = async {
        let address = node.link().ok()?;
        let mut request = format!("ws://{address}{PATH}").into_client_request().ok()?;
        let headers =
            [(NODE_HEADER, name), (INCARNATION_HEADER, &incarnation.to_string()), (PROTOCOL_HEADER, PROTOCOL)];
        for (name, value) in headers {
            request.headers_mut().insert(name, HeaderValue::try_from(value).ok()?);
        }
        let (stream, _) = client_async(request, TcpStream::connect(address).await.ok()?).await.ok()?;
        guess(stream).await
    };
    heard_within_door(knocking).await
}

/// A stranger who is dialled.
async fn answer(listener: &TcpListener) -> Heard {
    let Ok(Ok((stream, _))) = timeout(SOON, listener.accept()).await else { return Heard::Nobody };
    heard_within_door(async { guess(accept_async(stream).await.ok()?).await }).await
}

async fn heard_within_door(talking: impl Future<Output = Option<&'static str>>) -> Heard {
    match timeout(DOOR, talking).await {
        Ok(None) => Heard::Nothing,
        Ok(Some(name)) => Heard::Packet(name),
        Err(_) => Heard::StillOpen,
    }
}

/// Answers the challenge with a guess; gives what it is told all the same.
async fn guess(mut stream: WebSocketStream<TcpStream>) -> Option<&'static str> {
    for packet in [Packet::Challenge(Challenge([7; 32])), Packet::Proof(Proof([7; 32]))] {
        let mut batch = Batch::default();
        batch.push(&packet);
        stream.send(Message::Binary(batch.finish(0))).await.ok()?;
    }
    while let Some(Ok(message)) = stream.next().await {
        let Message::Binary(bytes) = message else { continue };
        for packet in Packets::of(bytes).ok()?.map_while(Result::ok) {
            // That it proves itself to whoever asks gives nothing away.
            if !matches!(packet, Packet::Challenge(_) | Packet::Proof(_)) {
                return Some(packet.name());
            }
        }
    }
    None
}

async fn listen() -> Result<(TcpListener, SocketAddr), Failure> {
    let no_port = |error| Failure::skip(format!("no port for a stranger: {error}"));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(no_port)?;
    let address = listener.local_addr().map_err(no_port)?;
    Ok((listener, address))
}
