//! What phase 2 costs: a message until its sender knows, messages a second, and memory for a user who does nothing.

use std::time::Instant;

use crate::Observed;
use crate::harness::frame::{self, Frame};
use crate::harness::gateway::message_frame;
use crate::harness::{Failure, Node, RawClient, Talk, World, ensure};
use crate::measure::next_text;
use crate::median::median;

/// Characters of a payload, which is a JSON string.
const PAYLOAD: usize = 128;
/// One after another; the median of so many does not notice the odd slow one.
const ROUND_TRIPS: usize = 300;
/// Half a mailbox, so that nothing is refused however late bob reads.
const BURST: usize = 500;
/// Several bursts: one is over too soon to be told from the noise.
const BURSTS: usize = 4;
/// How many users share what a measurement of memory is off by.
const IDLE_USERS: usize = 150;
/// What the first users need is not counted: it is there once for all.
const WARM_UP: usize = 20;

/// µs from the sending of a message to its `ok`, one at a time.
pub async fn told(world: &World) -> Result<f64, Failure> {
    let node = world.node(&[]).await?.untold();
    let (mut alice, mut bob) = (user(&node, "alice").await?, user(&node, "bob").await?);
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

/// Messages a second from one user to another, counted when they have arrived and the sender knows. The frames are encoded before,
/// so that little is measured of the clients.
pub async fn burst(world: &World) -> Result<f64, Failure> {
    let node = world.node(&[]).await?.untold();
    let (mut alice, mut bob) = (user(&node, "alice").await?, user(&node, "bob").await?);
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
    Ok((BURSTS * BURST) as f64 / began.elapsed().as_secs_f64())
}

/// KiB for each user who has registered and then does nothing.
pub async fn idle(world: &World) -> Result<f64, Failure> {
    let node = world.node(&[]).await?.untold();
    let _warm = users(&node, "warm", WARM_UP).await?;
    let before = node.rss_kib().await?;
    let _idle = users(&node, "idle", IDLE_USERS).await?;
    // Less than before, if memory was given back meanwhile.
    Ok((node.rss_kib().await? as f64 - before as f64) / IDLE_USERS as f64)
}

async fn users(node: &Node, name: &str, count: usize) -> Result<Vec<RawClient>, Failure> {
    let mut clients = Vec::with_capacity(count);
    for number in 0..count {
        clients.push(user(node, &format!("{name}-{number}")).await?);
    }
    Ok(clients)
}

async fn user(node: &Node, name: &str) -> Result<RawClient, Failure> {
    let mut client = node.connect_raw(name).await?;
    client.register(name).await?;
    Ok(client)
}

/// From alice to bob, as her node reads it.
fn message() -> String {
    message_frame("bob", &format!("\"{}\"", "x".repeat(PAYLOAD)), Some("1"))
}

/// The form of an `ok` is for the checks to look at; here, parsing it would be a part of what is measured.
async fn expect_ok(client: &mut RawClient) -> Result<(), Failure> {
    let text = next_text(client).await?;
    ensure(text.contains(r#""ok""#), Observed::WrongAnswer, "ok")
}
