//! Step 1.4: the writer apart.

use std::collections::HashSet;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::task::AbortOnDropHandle;

use super::flood::{Flood, PUSH_BYTES, Tally, fill_up, label, message, push_until, stall};
use crate::Observed;
use crate::harness::frame::{self, Frame};
use crate::harness::{Failure, Judge, PATIENCE, Peer, RawClient, Seen, World, ensure};

/// How many messages a pipelining client sends: many times what a mailbox of 64 holds.
const PIPELINED: usize = 1000;
/// The size of a message in a client's flood of its own: large, so that the kernel's buffers are soon full.
const FLOOD_BYTES: usize = 12_000;
/// Between two attempts to find the connection gone.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

pub async fn slow(world: &World) -> Result<(), Failure> {
    let graces = ["--slow-grace", "150ms", "--close-grace", "100ms", "--deliver-timeout", "50ms"];
    let node = world.node(&graces).await?;
    let mut deaf = node.connect_stalled("a").await?;
    let id = node.listed(&[]).await?;
    stall(&node, &id).await?;
    node.counted("closed.slow", 1).await.judged(Observed::NotClosedAsSlow, "closed.slow 1, after 150 ms")?;
    node.unlisted(&id).await?;
    let (_, rest) = deaf.read_to_end().await?;
    let other_code = rest.iter().any(|seen| matches!(seen, Seen::Close(code) if *code != Some(1013)));
    ensure(!other_code, Observed::WrongCloseCode, "Close 1013, or the bare end")
}

pub async fn let_go(world: &World) -> Result<(), Failure> {
    let graces = ["--slow-grace", "100ms", "--close-grace", "50ms", "--deliver-timeout", "50ms"];
    let node = world.node(&graces).await?;
    let mut deaf = node.connect_stalled("a").await?;
    let id = node.listed(&[]).await?;
    stall(&node, &id).await?;
    deaf.record_sent("(goes on without reading)");
    let deadline = Instant::now() + PATIENCE;
    while !deaf.is_let_go().await {
        if Instant::now() >= deadline {
            deaf.record_seen(format!("(still connected after {} ms)", PATIENCE.as_millis()));
            return Err(Failure::new(Observed::StillOpen, "the end of the connection after 150 ms"));
        }
        sleep(LOOK_AGAIN).await;
    }
    node.unlisted(&id).await
}

pub async fn reset(world: &World) -> Result<(), Failure> {
    let node = world.node(&["--mailbox-messages", "64"]).await?;
    let mut a = node.connect_stalled("a").await?;
    let id = node.listed(&[]).await?;
    let Some(mut flood) = Flood::start(&mut a, FLOOD_BYTES) else { return Ok(()) };
    a.record_sent("messages, and reads no echo");
    flood.stuck_behind(&node, 33).await?;
    a.record_sent("(resets the TCP connection)");
    // Its kernel says so by itself, since there are unread echoes.
    drop((flood, a));
    node.unlisted(&id).await
}

pub async fn others(world: &World) -> Result<(), Failure> {
    let node = world.node(&["--deliver-timeout", "50ms"]).await?;
    let _deaf = node.connect_stalled("a").await?;
    let stuck = node.listed(&[]).await?;
    let mut b = node.connect("b").await?;
    let id = node.listed(&[&stuck]).await?;
    stall(&node, &stuck).await?;
    for n in 0..10 {
        let (echo, push) = (format!("echo {n}"), format!("push {n}"));
        b.send_text(&echo).await?;
        b.expect_text(&echo).await.judged(Observed::PushBlockedOthers, "the echo, at once")?;
        // A 504 only says that this machine is busy; whether it arrives is what counts.
        node.push(&id, &push).await.judged(Observed::PushBlockedOthers, "202")?;
        b.expect_text(&push).await.judged(Observed::PushBlockedOthers, "the push, at once")?;
    }
    Ok(())
}

pub async fn bytes(world: &World) -> Result<(), Failure> {
    let node = world.node(&["--mailbox-bytes", "262144", "--deliver-timeout", "50ms"]).await?;
    let _deaf = node.connect_stalled("a").await?;
    let id = node.listed(&[]).await?;
    let tally = push_until(&node, &id, Tally::full).await?;
    ensure(tally.overloaded > 0, Observed::NeverOverloaded, "503 overloaded, once 262144 bytes are queued")?;
    fill_up(&node, &id, 262_144 / PUSH_BYTES as u64).await
}

pub async fn written(world: &World) -> Result<(), Failure> {
    let node = world.node(&["--deliver-timeout", "50ms"]).await?;
    let mut late = node.connect_stalled("a").await?;
    let id = node.listed(&[]).await?;
    let tally = stall(&node, &id).await?;
    // What a killed process has handed to the kernel still arrives, and nothing else does.
    node.kill();
    let (texts, _) = late.read_to_end().await?;
    let arrived: HashSet<&str> = texts.iter().map(|text| label(text)).collect();
    let lost = tally.written.iter().filter(|label| !arrived.contains(label.as_str())).count();
    ensure(lost == 0, Observed::WrittenButNeverSent, format!("all {} that were answered 202", tally.written.len()))
}

pub async fn dropped(world: &World) -> Result<(), Failure> {
    let graces = ["--slow-grace", "100ms", "--close-grace", "50ms", "--deliver-timeout", "1s"];
    let node = world.node(&graces).await?;
    let _deaf = node.connect_stalled("a").await?;
    let id = node.listed(&[]).await?;
    let tally = stall(&node, &id).await?;
    let told = tally.unavailable > 0 && tally.undecided.is_empty();
    ensure(told, Observed::DroppedWithoutAnswer, "503 unavailable in place of each 504")
}

pub async fn pipelining(world: &World) -> Result<(), Failure> {
    let node = world.node(&["--mailbox-messages", "64"]).await?;
    let mut a = node.connect_raw("a").await?;
    let Some(mut write) = a.take_writing() else { return Ok(()) };
    let frames = |n| Frame::client(frame::TEXT, message(n, 40)).encode();
    let all: Vec<u8> = (0..PIPELINED).flat_map(frames).collect();
    a.record_sent(format!("{PIPELINED} messages, without waiting for an echo"));
    let writing = AbortOnDropHandle::new(tokio::spawn(async move {
        // Where it fails, the reading side sees why.
        let _ = write.write_all(&all).await;
        write
    }));
    for n in 0..PIPELINED {
        expect_echo(&mut a, n).await?;
    }
    drop(writing);
    Ok(())
}

pub async fn late_reader(world: &World) -> Result<(), Failure> {
    let node = world.node(&["--mailbox-messages", "64"]).await?;
    let mut a = node.connect_stalled("a").await?;
    let Some(mut flood) = Flood::start(&mut a, FLOOD_BYTES) else { return Ok(()) };
    a.record_sent("messages, and reads no echo");
    flood.stuck().await;
    flood.stop();
    a.record_sent("(begins to read)");
    let (mut echoed, mut flooded) = (0, None);
    // The writing half is kept with the count: dropping it would end the connection before the last echo.
    while flooded.as_ref().is_none_or(|(sent, _write)| *sent > echoed) {
        tokio::select! {
            done = &mut flood.task, if flooded.is_none() => flooded = done.ok(),
            echo = expect_echo(&mut a, echoed) => { echo?; echoed += 1; }
        }
    }
    a.record_seen(format!("all {echoed} echoes"));
    Ok(())
}

/// The echo of a flood's message `number` comes next.
async fn expect_echo(client: &mut RawClient, number: usize) -> Result<(), Failure> {
    let seen = timeout(PATIENCE, client.next()).await.ok();
    let observed = match &seen {
        Some(Seen::Text(text)) => match label(text).parse::<usize>() {
            Ok(echoed) if echoed == number => return Ok(()),
            Ok(echoed) if echoed > number => Observed::EchoDropped,
            _ => Observed::EchoMixedUp,
        },
        Some(Seen::Close(Some(1013))) => Observed::ClosedTooEarly,
        Some(other) => other.instead_of_message(),
        None => Observed::NothingArrived,
    };
    client.record_seen(seen.map_or_else(|| "(nothing)".to_owned(), |seen| seen.to_string()));
    Err(Failure::new(observed, format!("the echo of message {number}")))
}
