//! Step 1.6: a shutdown that loses nothing.

use std::collections::HashSet;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

use super::flood::{Flood, label, stall};
use super::limits::talk_on;
use crate::Observed;
use crate::harness::eventually::eventually;
use crate::harness::frame::{self, Frame};
use crate::harness::{Client, Failure, Judge, Node, PATIENCE, Peer, RawClient, Seen, World, ensure};

/// The size of a message in a client's flood of its own.
const FLOOD_BYTES: usize = 8000;
/// Messages that a client still sends when it has seen the Close: a node that has let go answers the first with a reset, which
/// some later one runs into.
const AFTER_THE_CLOSE: usize = 64;

pub async fn everyone(world: &World) -> Result<(), Failure> {
    let node = world.node(&["--drain", "2s"]).await?;
    let mut clients = [node.connect("a").await?, node.connect("b").await?];
    for client in &mut clients {
        client.send_text("hello").await?;
        client.expect_text("hello").await?;
    }
    node.terminate();
    for mut client in clients {
        client.expect_close(1001).await?;
        client.expect_end().await?;
    }
    node.exits(PATIENCE).await
}

pub async fn queued(world: &World) -> Result<(), Failure> {
    let node = world.node(&["--deliver-timeout", "50ms", "--drain", "2s"]).await?;
    let mut late = node.connect_stalled("a").await?;
    let id = node.listed(&[]).await?;
    let tally = stall(&node, &id).await?;
    stop(&node).await;
    let (texts, end) = read_to_close(&mut late, 1001).await?;
    let arrived: HashSet<&str> = texts.iter().map(|text| label(text)).collect();
    let mut taken = tally.written.iter().chain(&tally.undecided);
    let all = taken.all(|label| arrived.contains(label.as_str()));
    let expected = format!("all {} that were taken", tally.written.len() + tally.undecided.len());
    ensure(all, Observed::QueuedFramesLost, expected)?;
    says(&end, 1001)?;
    late.send(&going_away(), "Close 1001").await?;
    drop(late);
    node.exits(PATIENCE).await
}

pub async fn busy(world: &World) -> Result<(), Failure> {
    let room = ["--mailbox-messages", "512", "--mailbox-bytes", "8388608"];
    let node = world.node(&[&room[..], &["--deliver-timeout", "50ms", "--drain", "2s"]].concat()).await?;
    let mut a = node.connect_stalled("a").await?;
    let id = node.listed(&[]).await?;
    let Some(mut flood) = Flood::start(&mut a, FLOOD_BYTES) else { return Ok(()) };
    a.record_sent("messages, and reads no echo");
    let last_words = leave_queued(&node, &id, &mut flood).await?;
    stop(&node).await;
    let (texts, end) = read_to_close(&mut a, 1001).await?;
    says(&end, 1001).seen_as(Observed::ClosedWithoutCode, Observed::ResetInsteadOfClose)?;
    let expected = format!("\"{last_words}\", queued before");
    ensure(texts.contains(&last_words), Observed::QueuedFramesLost, expected)?;
    let reads_on = flood.goes_on(AFTER_THE_CLOSE).await;
    ensure(reads_on, Observed::ResetInsteadOfClose, "a node that reads on until the client's Close")?;
    flood.stop();
    let (_, mut write) = timeout(PATIENCE, &mut flood.task)
        .await
        .ok()
        .and_then(Result::ok)
        .ok_or_else(|| Failure::new(Observed::StillOpen, "a node that reads on until the client's Close"))?;
    // If the node has gone already, the end of the connection tells how.
    let _ = write.write_all(&going_away().encode()).await;
    let seen = a.see(PATIENCE).await;
    ensure(seen == Some(Seen::End), Observed::ResetInsteadOfClose, "the clean end of the connection")?;
    drop((a, write));
    node.exits(PATIENCE).await
}

/// Asks it to stop, and waits until it does: on a busy machine the signal comes later than what the client does next.
async fn stop(node: &Node) {
    node.terminate();
    let public = node.public();
    let look = || async {
        let healthy = public.peek("/health").await.is_ok_and(|answer| answer.status == 200);
        if healthy { Err(()) } else { Ok(()) }
    };
    // A node that never says so makes the check easier, not wrong.
    let _ = eventually(PATIENCE, look).await;
}

/// Pushes a last message behind the echoes that wait for a client that does not read, and gives its text.
async fn leave_queued(node: &Node, conn: &str, flood: &mut Flood) -> Result<String, Failure> {
    let mut number = 1;
    loop {
        // More than a writer takes at a time, if it takes a hundred.
        flood.stuck_behind(node, 200).await?;
        let text = format!("last words {number}");
        // Written at once, on a busy machine: then the client was not stuck yet.
        if node.push(conn, &text).await?.status != 202 {
            return Ok(text);
        }
        number += 1;
    }
}

pub async fn stuck(world: &World) -> Result<(), Failure> {
    let node = world.node(&["--drain", "200ms", "--deliver-timeout", "50ms"]).await?;
    let _deaf = stick(&node).await?;
    node.terminate();
    node.exits(Duration::from_millis(200) + PATIENCE).await.expecting("exit status 0 within 200 ms")
}

pub async fn talker(world: &World) -> Result<(), Failure> {
    let node = world.node(&["--close-grace", "200ms", "--drain", "2s"]).await?;
    let mut a = node.connect_raw("a").await?;
    a.send_text("hello").await?;
    a.expect_text("hello").await?;
    node.terminate();
    a.expect_close(1001).await?;
    talk_on(&mut a, node.exits(PATIENCE)).await.expecting("exit status 0, after 200 ms")
}

pub async fn newcomers(world: &World) -> Result<(), Failure> {
    let node = world.node(&["--drain", "2s", "--deliver-timeout", "50ms"]).await?;
    let (_deaf, _told) = stopping(&node).await?;
    match node.connect("late").await {
        Err(_) => Ok(()),
        Ok(_) => Err(Failure::new(Observed::AcceptedWhileStopping, "a refused connection, or 503")),
    }
}

pub async fn second_signal(world: &World) -> Result<(), Failure> {
    let node = world.node(&["--deliver-timeout", "50ms"]).await?;
    let (_deaf, _told) = stopping(&node).await?;
    node.terminate();
    let ended = timeout(PATIENCE, node.process().exited()).await;
    ensure(ended.is_ok(), Observed::ExitTooLate, "an exit at once")
}

/// A node that has begun to stop and cannot finish, since one client does not read; another has been told.
async fn stopping(node: &Node) -> Result<(RawClient, Client), Failure> {
    let mut told = node.connect("b").await?;
    let known = node.listed(&[]).await?;
    let deaf = node.connect_stalled("a").await?;
    let id = node.listed(&[&known]).await?;
    stall(node, &id).await?;
    node.terminate();
    told.expect_close(1001).await?;
    Ok((deaf, told))
}

/// A client that does not read, with its mailbox in use.
async fn stick(node: &Node) -> Result<RawClient, Failure> {
    let deaf = node.connect_stalled("a").await?;
    let id = node.listed(&[]).await?;
    stall(node, &id).await?;
    Ok(deaf)
}

/// All texts until a Close, which should have this code, or the bare end, and that.
pub async fn read_to_close(client: &mut RawClient, code: u16) -> Result<(Vec<String>, Seen), Failure> {
    let mut texts = Vec::new();
    loop {
        match timeout(PATIENCE, client.next()).await {
            Ok(Seen::Text(text)) => texts.push(text),
            Ok(end) if end.is_last() || matches!(end, Seen::Close(_)) => {
                client.record_seen(format!("{} messages, then {end}", texts.len()));
                return Ok((texts, end));
            }
            Ok(_) => {}
            Err(_) => {
                client.record_seen(format!("{} messages, then nothing", texts.len()));
                return Err(Failure::new(Observed::StillOpen, format!("Close {code}")));
            }
        }
    }
}

/// Fails unless it is a Close with this code.
pub fn says(end: &Seen, code: u16) -> Result<(), Failure> {
    let observed = match end {
        Seen::Close(Some(said)) if *said == code => return Ok(()),
        Seen::Close(_) => Observed::WrongCloseCode,
        Seen::Reset => Observed::ResetInsteadOfClose,
        _ => Observed::ClosedWithoutCode,
    };
    Err(Failure::new(observed, format!("Close {code}")))
}

fn going_away() -> Frame {
    Frame::client(frame::CLOSE, 1001_u16.to_be_bytes())
}
