//! Step 1.1: the loop echoes what comes.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::timeout;

use crate::Observed;
use crate::harness::frame::{self, Frame};
use crate::harness::{Client, Failure, Judge, PATIENCE, Peer, Seen, World, ensure};

/// So many echoes take a node longer than a client needs to leave, and do not fit into a mailbox: some have to be written before the
/// client's end can be read.
const UNHEARD: usize = 2000;
/// What went to a wrong client has arrived there long ago.
const MISDIRECTED: Duration = Duration::from_millis(20);

pub async fn text(world: &World) -> Result<(), Failure> {
    let node = world.node(&[]).await?;
    let mut a = node.connect("a").await?;
    let long = world.rng().text(60_000);
    for text in ["hello", "", "grüße, 世界 🦀", r#"{"type":"not json yet"#, &long] {
        a.send_text(text).await?;
        a.expect_text(text).await?;
    }
    Ok(())
}

pub async fn binary(world: &World) -> Result<(), Failure> {
    let node = world.node(&[]).await?;
    let mut a = node.connect("a").await?;
    let mut rng = world.rng();
    for length in [3, 0, 125, 126, 60_000] {
        let bytes = rng.bytes(length);
        a.send_binary(bytes.clone()).await?;
        a.expect_binary(bytes).await?;
    }
    Ok(())
}

pub async fn order(world: &World) -> Result<(), Failure> {
    let node = world.node(&[]).await?;
    let mut a = node.connect("a").await?;
    let mut rng = world.rng();
    let mut sent = VecDeque::new();
    for n in 0..100 {
        let length = rng.below(200);
        let payload = format!("{n} {}", rng.text(length));
        if rng.below(2) == 0 {
            a.send_text(&payload).await?;
            sent.push_back(Seen::Text(payload));
        } else {
            a.send_binary(payload.clone()).await?;
            sent.push_back(Seen::Binary(payload.into()));
        }
    }
    while let Some(next) = sent.pop_front() {
        a.expect(next)
            .await
            .seen_as(Observed::WrongAnswer, Observed::EchoMixedUp)
            .seen_as(Observed::NothingArrived, Observed::EchoDropped)?;
    }
    Ok(())
}

pub async fn fragments(world: &World) -> Result<(), Failure> {
    let node = world.node(&[]).await?;
    let mut a = node.connect_raw("a").await?;
    // The cut goes through the two bytes of the ü: only the whole message is UTF-8.
    let (first, last) = "grüße".as_bytes().split_at(3);
    a.send(&Frame::client(frame::TEXT, first).unfinished(), "first fragment of \"grüße\"").await?;
    a.send(&Frame::client(frame::PING, "between"), "Ping \"between\"").await?;
    a.expect(Seen::Pong("between".into())).await?;
    a.send(&Frame::client(frame::CONTINUATION, last), "last fragment").await?;
    a.expect_text("grüße").await
}

pub async fn ping(world: &World) -> Result<(), Failure> {
    let node = world.node(&[]).await?;
    let mut a = node.connect("a").await?;
    for payload in ["are you there?", ""] {
        a.ping(payload).await?;
        a.expect(Seen::Pong(payload.into())).await?;
    }
    Ok(())
}

pub async fn isolated(world: &World) -> Result<(), Failure> {
    let node = world.node(&[]).await?;
    let mut clients = Vec::new();
    for name in ["a", "b", "c"] {
        clients.push((name, node.connect(name).await?));
    }
    for (name, client) in &mut clients {
        client.send_text(name).await?;
    }
    for at in (0..clients.len()).rev() {
        let (name, client) = &mut clients[at];
        let heard = client.expect_text(name).await.seen_as(Observed::WrongAnswer, Observed::EchoMixedUp);
        if heard.as_ref().is_err_and(|failure| failure.observed() == Some(Observed::NothingArrived)) {
            return Err(misdirected(&mut clients, at).await);
        }
        heard?;
    }
    // A second message would come behind a stray first one.
    for (_, client) in &mut clients {
        client.send_text("again").await?;
        client.expect_text("again").await.seen_as(Observed::WrongAnswer, Observed::EchoMixedUp)?;
    }
    Ok(())
}

/// Looks for what client `at` should have heard at the others.
async fn misdirected(clients: &mut [(&str, Client)], at: usize) -> Failure {
    let (missing, mut observed) = (clients[at].0, Observed::NothingArrived);
    for (name, client) in clients.iter_mut().filter(|(name, _)| *name != missing) {
        while let Some(Seen::Text(text)) = client.see(MISDIRECTED).await {
            if text != *name {
                observed = Observed::EchoMixedUp;
            }
        }
    }
    Failure::new(observed, format!("\"{missing}\" at {missing}, and nowhere else"))
}

pub async fn close(world: &World) -> Result<(), Failure> {
    let node = world.node(&[]).await?;
    let mut watcher = node.connect("b").await?;
    for code in [1000_u16, 4321] {
        let mut a = node.connect_raw("a").await?;
        a.send(&Frame::client(frame::CLOSE, code.to_be_bytes()), &format!("Close {code}")).await?;
        a.expect_close(code).await?;
        a.expect_end().await?;
    }
    watcher.send_text("still here").await?;
    watcher.expect_text("still here").await
}

pub async fn vanish(world: &World) -> Result<(), Failure> {
    // A task that panics takes nobody with it, so only its last words tell: the node's end is waited for, and what it said is then read.
    let node = world.node(&["--drain", "200ms"]).await?;
    let mut resets = node.connect_raw("a").await?;
    let half = &Frame::client(frame::TEXT, "half a message").encode()[..9];
    resets.send_bytes(half, "half a frame").await?;
    resets.reset();
    let mut ends = node.connect_raw("b").await?;
    ends.send_bytes(half, "half a frame").await?;
    ends.record_sent("(ends the TCP connection)");
    drop(ends);
    // The first echo is answered by a reset, which the next ones run into, unless somebody has read of it before: so two try.
    let many = Frame::client(frame::TEXT, "who hears the echo?").encode().repeat(UNHEARD);
    for name in ["c", "d"] {
        let mut leaves = node.connect_raw(name).await?;
        leaves.send_bytes(&many, &format!("{UNHEARD} messages")).await?;
        leaves.record_sent("(ends the TCP connection)");
    }
    node.counted("sockets.open", 0).await.judged(Observed::StillOpen, "sockets.open 0")?;
    node.terminate();
    // How it ends is for others to judge.
    let _ = timeout(PATIENCE, node.process().last_words()).await;
    Ok(())
}

pub async fn plain_get(world: &World) -> Result<(), Failure> {
    let node = world.node(&[]).await?;
    let refused = node.public().get("/ws").await?;
    ensure([400, 426].contains(&refused.status), Observed::WrongAnswer, "400 or 426")?;
    let elsewhere = node.public().get("/elsewhere").await?;
    ensure(elsewhere.status == 404, Observed::WrongAnswer, "404")
}
