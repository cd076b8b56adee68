//! What phase 1 costs: an echo's way there and back, echoes a second, and memory for a socket that does nothing.

use std::time::Instant;

use tokio::io::AsyncWriteExt;

use crate::harness::frame::{self, Frame};
use crate::harness::{Failure, Node, RawClient, World};
use crate::measure::next_text;
use crate::median::median;

const PAYLOAD: usize = 128;
/// One after another; the median of so many does not notice the odd slow one.
const ROUND_TRIPS: usize = 300;
/// Four mailboxes full: long enough to be told from the noise, and the reader has to be slowed down on the way.
const BURST: usize = 4_096;
/// How many sockets share what a measurement of memory is off by.
const IDLE_SOCKETS: usize = 150;
/// What the first sockets need is not counted: it is there once for all.
const WARM_UP: usize = 20;

/// µs from the sending of a frame to its echo, on one socket, one at a time.
pub async fn round_trip(world: &World) -> Result<f64, Failure> {
    let node = world.node(&[]).await?.untold();
    let mut client = node.connect_raw("client").await?;
    let frame = Frame::client(frame::TEXT, "x".repeat(PAYLOAD));
    let mut took_us = Vec::with_capacity(ROUND_TRIPS);
    for _ in 0..ROUND_TRIPS {
        let began = Instant::now();
        client.send_quietly(&frame).await?;
        next_text(&mut client).await?;
        took_us.push(began.elapsed().as_secs_f64() * 1e6);
    }
    Ok(median(took_us))
}

/// Echoes a second, on one socket that is sent as many as it takes. The frames are encoded before, so that little is measured of
/// the client.
pub async fn burst(world: &World) -> Result<f64, Failure> {
    let node = world.node(&[]).await?.untold();
    let mut client = node.connect_raw("client").await?;
    let frames = Frame::client(frame::TEXT, "x".repeat(PAYLOAD)).encode().repeat(BURST);
    let mut write = client.take_writing();
    let began = Instant::now();
    let send = async {
        if let Some(write) = &mut write {
            // A connection that breaks is seen by whoever waits for the echoes.
            let _ = write.write_all(&frames).await;
        }
        Ok(())
    };
    let receive = async {
        for _ in 0..BURST {
            next_text(&mut client).await?;
        }
        Ok(())
    };
    tokio::try_join!(send, receive)?;
    Ok(BURST as f64 / began.elapsed().as_secs_f64())
}

/// KiB for each socket that has echoed one frame and then does nothing.
pub async fn idle(world: &World) -> Result<f64, Failure> {
    let node = world.node(&[]).await?.untold();
    let _warm = sockets(&node, WARM_UP).await?;
    let before = node.rss_kib().await?;
    let _idle = sockets(&node, IDLE_SOCKETS).await?;
    // Less than before, if memory was given back meanwhile.
    Ok((node.rss_kib().await? as f64 - before as f64) / IDLE_SOCKETS as f64)
}

async fn sockets(node: &Node, count: usize) -> Result<Vec<RawClient>, Failure> {
    let mut clients = Vec::with_capacity(count);
    for _ in 0..count {
        let mut client = node.connect_raw("idle").await?;
        // Buffers are filled when they are first used.
        client.send_text("hello").await?;
        next_text(&mut client).await?;
        clients.push(client);
    }
    Ok(clients)
}
