//! Step 1.4: the writer apart.

use std::collections::HashSet;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::task::AbortOnDropHandle;

use super::closing::{read_to_close, says};
use super::flood::{Flood, PUSH_BYTES, Tally, fill_up, label, message, push_until, stall, stall_alone};
use crate::Observed;
use crate::harness::frame::{self, Frame};
use crate::harness::{Failure, Judge, Node, PATIENCE, Peer, ROOM_FOR_TWO, RawClient, Seen, Socket, World, ensure};

/// How many messages a pipelining client sends: many times what a mailbox of 64 holds.
const PIPELINED: usize = 1000;
/// The size of a message in a client's flood of its own: large, so that the kernel's buffers are soon full.
const FLOOD_BYTES: usize = 12_000;
/// What the echoes of such a flood may take, and how many fit.
const ECHO_BYTES: &str = "262144";
const ECHOES_AT_MOST: u64 = 262_144 / FLOOD_BYTES as u64;
/// The most that a Ping may carry. Its Pong carries it back.
const PING_BYTES: usize = 125;
/// Pings in a round of a flood: 440 KB of Pongs, of which a kernel mostly keeps 250.
const PINGS: usize = 3_500;
/// Where a kernel keeps more, a flood goes on: at most so many rounds, or 5 MB.
const ROUNDS_AT_MOST: u64 = 12;
/// Once the kernel's buffers are full: 1 MB, of which a node may keep little.
const PINGS_AGAIN: usize = 8_000;
/// Several times what a node may keep of all those Pongs, which is a mailbox of 128 KiB, and half of what it keeps if it keeps all.
const PONGS_KIB: u64 = 500;
/// Between two attempts to find the connection gone.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

pub async fn slow(world: &World) -> Result<(), Failure> {
    let graces = ["--slow-grace", "150ms", "--close-grace", "2s", "--deliver-timeout", "50ms"];
    let node = world.node(&graces).await?;
    let mut deaf = node.connect_stalled("a").await?;
    let id = node.listed(&[]).await?;
    stall(&node, &id).await?;
    node.counted("closed.slow", 1).await.judged(Observed::NotClosedAsSlow, "closed.slow 1, after 150 ms")?;
    node.unlisted(&id).await?;
    // It reads again, long before the grace is over: so it can still be told.
    let (_, end) = read_to_close(&mut deaf, 1013).await?;
    says(&end, 1013)
}

pub async fn pings(world: &World) -> Result<(), Failure> {
    // A push that takes as long as its timeout is taken for stuck: longer than a busy machine is late, and so long before the grace is over.
    let graces = ["--slow-grace", "450ms", "--close-grace", "2s", "--deliver-timeout", "150ms"];
    let node = world.node(&[&graces[..], &ROOM_FOR_TWO].concat()).await?;
    let mut deaf = node.connect_stalled("a").await?;
    let id = node.listed(&[]).await?;
    // What a node touches for the first time is not counted.
    deaf.send(&Frame::client(frame::PING, []), "Ping").await?;
    deaf.send_text("hello").await?;
    node.push(&id, "hello").await?;
    let settled = |rows: &[Socket]| rows.iter().all(|row| row.written == 2).then_some(());
    node.sockets_until(settled, Observed::WrongCount, "an echo and a push, written").await?;
    let before = node.rss_kib().await?;
    let Some(mut write) = deaf.take_writing() else { return Ok(()) };
    fill_with_pongs(&node, &id, &deaf, &mut write).await?;
    let slow = async {
        let slow = node.counted("closed.slow", 1).await;
        slow.judged(Observed::NotClosedAsSlow, "closed.slow 1, after 450 ms at most")
    };
    tokio::pin!(slow);
    // A node without a bound keeps all of these as well; others have closed by now, or soon take no more.
    tokio::select! {
        slow = &mut slow => slow?,
        () = send_pings(&deaf, &mut write, PINGS_AGAIN) => slow.await?,
    }
    // While it says its last words, it still has what it kept.
    let grown = node.rss_kib().await?.saturating_sub(before);
    node.admin().record_seen(format!("({grown} KiB more than before the Pings)"));
    ensure(grown <= PONGS_KIB, Observed::TooMuchMemory, format!("{PONGS_KIB} KiB more at most"))
}

/// Sends Pings until the kernel's buffers are full of Pongs, so that a push is written no more.
async fn fill_with_pongs(node: &Node, id: &str, client: &RawClient, write: &mut OwnedWriteHalf) -> Result<(), Failure> {
    // Longer than a Pong: there might be room for it where there is none for another of those.
    let long = message(0, 2 * PING_BYTES);
    for round in 1..=ROUNDS_AT_MOST {
        send_pings(client, write, PINGS).await;
        client.record_sent("a message");
        // Where it fails the node has closed, which is seen next.
        let _ = write.write_all(&Frame::client(frame::TEXT, &*long).encode()).await;
        // Where its echo waits, each Pong before it waits too, or is with the kernel.
        let answered = |rows: &[Socket]| rows.iter().all(|row| row.queued + row.written > 2 * round).then_some(());
        node.sockets_until(answered, Observed::EchoDropped, "its echo in the mailbox, or written").await?;
        let is_written = node.push(id, &long).await?.status == 202;
        // Or it was late, and has been written since.
        if !is_written && node.admin().sockets().await?.iter().all(|row| row.queued > 0) {
            return Ok(());
        }
    }
    Err(Failure::skip("this machine's kernel keeps more Pongs than the check sends Pings"))
}

async fn send_pings(client: &RawClient, write: &mut OwnedWriteHalf, count: usize) {
    client.record_sent(format!("{count} Pings, and reads no Pong"));
    let all = Frame::client(frame::PING, vec![b'x'; PING_BYTES]).encode().repeat(count);
    // Where it fails the node has closed, which is seen next.
    let _ = write.write_all(&all).await;
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
    let mut many = node.connect_stalled("a").await?;
    let many_id = node.listed(&[]).await?;
    let mut one = node.connect_stalled("b").await?;
    let one_id = node.listed(&[&many_id]).await?;
    // Many share a batch with what gets stuck; and one gets stuck that is the first of its batch, and the last.
    let (together, alone) = tokio::try_join!(stall(&node, &many_id), stall_alone(&node, &one_id))?;
    // What a killed process has handed to the kernel still arrives, and nothing else does.
    node.kill();
    all_arrive(&mut many, &together).await?;
    all_arrive(&mut one, &alone).await
}

/// All that was answered 202 reaches the client before its connection ends.
async fn all_arrive(client: &mut RawClient, tally: &Tally) -> Result<(), Failure> {
    let (texts, _) = client.read_to_end().await?;
    let arrived: HashSet<&str> = texts.iter().map(|text| label(text)).collect();
    let lost = tally.written.iter().filter(|label| !arrived.contains(label.as_str())).count();
    ensure(lost == 0, Observed::WrittenButNeverSent, format!("all {} that were answered 202", tally.written.len()))
}

pub async fn dropped(world: &World) -> Result<(), Failure> {
    // Whoever is told only when the last words have been said is told too late.
    let graces = ["--slow-grace", "100ms", "--close-grace", "2s", "--deliver-timeout", "1s"];
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
    let node = world.node(&["--mailbox-bytes", ECHO_BYTES]).await?;
    let mut a = node.connect_stalled("a").await?;
    let Some(mut flood) = Flood::start(&mut a, FLOOD_BYTES) else { return Ok(()) };
    a.record_sent(format!("messages of {FLOOD_BYTES} bytes, and reads no echo"));
    let queued = flood.stuck_for_good(&node).await?;
    node.admin().record_seen(format!("/sockets: queued {queued}"));
    let expected = format!("at most {ECHOES_AT_MOST} queued, of {ECHO_BYTES} bytes");
    ensure(queued <= ECHOES_AT_MOST, Observed::BeyondBound, expected)?;
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
