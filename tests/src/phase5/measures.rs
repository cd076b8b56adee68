//! What phase 5 costs: until a user is known elsewhere, and what a message takes across a link.

use std::time::Instant;

use super::scene::{NEVER, SOON, link_is};
use crate::Observed;
use crate::harness::frame::{self, Frame};
use crate::harness::gateway::message_frame;
use crate::harness::{Failure, Node, RawClient, Talk, World, ensure, eventually};
use crate::measure::next_text;
use crate::median::median;

/// Characters of a payload, which is a JSON string.
const PAYLOAD: usize = 128;
/// One after another; the median of so many does not notice the odd slow one.
const ROUND_TRIPS: usize = 200;
/// Half a mailbox, so that nothing is refused however late bob reads.
const BURST: usize = 500;
/// Several bursts: one is over too soon to be told from the noise.
const BURSTS: usize = 4;
/// Registrations; the median of so many.
const SEEN: usize = 15;

/// Milliseconds from a registration's answer until another node lists it.
pub async fn seen(world: &World) -> Result<f64, Failure> {
    let nodes = two(world).await?;
    let (mut took_ms, mut users) = (Vec::new(), Vec::new());
    for n in 0..SEEN {
        let name = format!("user-{n}");
        users.push(nodes[0].user(&name).await?.0);
        let began = Instant::now();
        is_known(&nodes[1], &name).await?;
        took_ms.push(began.elapsed().as_secs_f64() * 1e3);
    }
    Ok(median(took_ms))
}

/// µs from the sending of a message to its `ok`, one at a time.
pub async fn forwarded(world: &World) -> Result<f64, Failure> {
    let nodes = two(world).await?;
    let (mut alice, mut bob) = pair(&nodes).await?;
    let frame = Frame::client(frame::TEXT, message());
    let mut took_us = Vec::with_capacity(ROUND_TRIPS);
    for _ in 0..ROUND_TRIPS {
        let began = Instant::now();
        alice.send_quietly(&frame).await?;
        expect_ok(&mut alice).await?;
        took_us.push(began.elapsed().as_secs_f64() * 1e6);
        next_text(&mut bob).await?;
    }
    Ok(median(took_us))
}

/// Messages a second from a user of one node to a user of another, counted when they have arrived and the sender knows.
pub async fn burst(world: &World) -> Result<f64, Failure> {
    let nodes = two(world).await?;
    let (mut alice, mut bob) = pair(&nodes).await?;
    let frames = Frame::client(frame::TEXT, message()).encode().repeat(BURST);
    let began = Instant::now();
    for _ in 0..BURSTS {
        let send = async {
            alice.send_bytes(&frames, "a burst").await?;
            for _ in 0..BURST {
                expect_ok(&mut alice).await?;
            }
            Ok(())
        };
        let receive = async {
            for _ in 0..BURST {
                next_text(&mut bob).await?;
            }
            Ok(())
        };
        tokio::try_join!(send, receive)?;
    }
    Ok((BURST * BURSTS) as f64 / began.elapsed().as_secs_f64())
}

/// Two nodes that are linked directly: a proxy between them would be measured, too.
async fn two(world: &World) -> Result<[Node; 2], Failure> {
    let flags = ["--cookie", "secret", "--gossip-interval", "10ms", "--phi", NEVER];
    let first = world.node_called("n1", &[&["--node", "n1"], &flags[..]].concat()).await?.untold();
    let seed = first.gossip()?.to_string();
    let second = world.node_called("n2", &[&["--node", "n2", "--seed", &seed], &flags[..]].concat()).await?.untold();
    link_is(&first, "n2", "up").await?;
    link_is(&second, "n1", "up").await?;
    Ok([first, second])
}

async fn pair(nodes: &[Node; 2]) -> Result<(RawClient, RawClient), Failure> {
    let (mut alice, mut bob) = (nodes[0].connect_raw("alice").await?, nodes[1].connect_raw("bob").await?);
    alice.register("alice").await?;
    bob.register("bob").await?;
    is_known(&nodes[0], "bob").await?;
    Ok((alice, bob))
}

async fn is_known(node: &Node, user: &str) -> Result<(), Failure> {
    let look = || async {
        let is_known = !node.places(user).await?.is_empty();
        ensure(is_known, Observed::RowUnknown, format!("{user} known on the other node"))
    };
    eventually(SOON, look).await
}

fn message() -> String {
    message_frame("bob", &format!("\"{}\"", "x".repeat(PAYLOAD)), Some("1"))
}

async fn expect_ok(client: &mut RawClient) -> Result<(), Failure> {
    let text = next_text(client).await?;
    ensure(text.starts_with(r#"{"type":"ok""#), Observed::WrongAnswer, "ok")
}
