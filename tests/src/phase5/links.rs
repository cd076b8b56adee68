//! Step 5.1: one link for each pair.

use std::time::Duration;

use contract::link::{
    Batch, Challenge, INCARNATION_HEADER, NODE_HEADER, PROTOCOL, PROTOCOL_HEADER, Packet, Packets, Proof,
};
use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;

use super::scene::{SOON, Scene, link, link_is};
use crate::Observed;
use crate::harness::{Failure, Node, World, ensure, eventually};

/// Much longer than a node takes to look at a proof.
const DOOR: Duration = Duration::from_secs(4);

pub async fn up(world: &World) -> Result<(), Failure> {
    let scene = Scene::new(world);
    let nodes = scene.linked(&["n1", "n2"], &[]).await?;
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
    scene.links.heal("n1", "n2");
    link_is(&nodes[0], "n2", "up").await?;
    link_is(&nodes[1], "n1", "up").await
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
    world.story().record("stranger", "n2", "GET /link as n1, without the cookie");
    let heard = knock(&nodes[1], "n1", incarnation).await;
    world.story().record("n2", "stranger", heard.to_string());
    ensure(heard == Heard::Nothing, Observed::StrangerJoined, "the connection is closed, and nothing is told")?;
    link_is(&nodes[1], "n1", "up").await?;
    link_is(&nodes[0], "n2", "up").await
}

/// What a stranger gets to hear.
#[derive(PartialEq, Eq)]
enum Heard {
    Nothing,
    Packet(&'static str),
    StillOpen,
}

impl std::fmt::Display for Heard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Nothing => f.write_str("(closed)"),
            Self::Packet(name) => write!(f, "a packet: {name}"),
            Self::StillOpen => f.write_str("(still open)"),
        }
    }
}

/// Answers the challenge with a guess.
async fn knock(node: &Node, name: &str, incarnation: u64) -> Heard {
    let knocking = async {
        let address = node.link().ok()?;
        let mut request = format!("ws://{address}/link").into_client_request().ok()?;
        let headers =
            [(NODE_HEADER, name), (INCARNATION_HEADER, &incarnation.to_string()), (PROTOCOL_HEADER, PROTOCOL)];
        for (name, value) in headers {
            request.headers_mut().insert(name, HeaderValue::try_from(value).ok()?);
        }
        let (mut stream, _) = client_async(request, TcpStream::connect(address).await.ok()?).await.ok()?;
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
    };
    match timeout(DOOR, knocking).await {
        Ok(None) => Heard::Nothing,
        Ok(Some(name)) => Heard::Packet(name),
        Err(_) => Heard::StillOpen,
    }
}
