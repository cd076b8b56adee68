//! Step 1.3: limits, and a close that says why.

use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::time::interval;

use crate::Observed;
use crate::harness::frame::{self, Frame};
use crate::harness::story::Story;
use crate::harness::{Failure, Judge, Node, Peer, RawClient, World, ensure};

/// A limit that is no power of two, and needs a frame header of its own size.
const LIMITED: &[&str] = &["--max-message", "1000"];
/// The same as a number.
const LIMIT: usize = 1000;
/// Well within the grace of a closing connection, so that a grace for each read never ends.
const TALKS_ON: Duration = Duration::from_millis(10);
/// How many sockets share what a measurement of memory is off by.
const IDLE_SOCKETS: u64 = 60;
/// Well below the backlog of a listener, beyond which a connection waits a second.
const AT_A_TIME: usize = 32;
/// Several times what a socket needs with small buffers in a debug build, and a third of what it takes with a
/// library's default ones.
const IDLE_KIB: u64 = 40;

pub async fn one_more(world: &World) -> Result<(), Failure> {
    let node = world.node(LIMITED).await?;
    let mut a = node.connect_raw("a").await?;
    a.send_text(&"x".repeat(LIMIT + 1)).await?;
    a.expect_close(1009)
        .await
        .seen_as(Observed::WrongAnswer, Observed::AcceptedBeyondLimit)
        .seen_as(Observed::StillOpen, Observed::AcceptedBeyondLimit)?;
    node.counted("closed.too_big", 1).await
}

pub async fn exact(world: &World) -> Result<(), Failure> {
    let node = world.node(LIMITED).await?;
    let mut a = node.connect_raw("a").await?;
    let text = "x".repeat(LIMIT);
    a.send_text(&text).await?;
    a.expect_text(&text).await.seen_as(Observed::ClosedWithoutReason, Observed::RefusedAtLimit)?;
    let (first, last) = text.as_bytes().split_at(LIMIT / 2);
    a.send(&Frame::client(frame::TEXT, first).unfinished(), "500 bytes of a message").await?;
    a.send(&Frame::client(frame::CONTINUATION, last), "the other 500").await?;
    a.expect_text(&text).await.seen_as(Observed::ClosedWithoutReason, Observed::RefusedAtLimit)
}

pub async fn fragments(world: &World) -> Result<(), Failure> {
    let node = world.node(LIMITED).await?;
    let mut a = node.connect_raw("a").await?;
    a.send(&Frame::client(frame::BINARY, vec![1; LIMIT / 2]).unfinished(), "500 bytes of a message").await?;
    a.send(&Frame::client(frame::CONTINUATION, vec![2; LIMIT / 2 + 1]), "501 more").await?;
    a.expect_close(1009).await.seen_as(Observed::WrongAnswer, Observed::AcceptedBeyondLimit)?;
    node.counted("closed.too_big", 1).await
}

pub async fn promise(world: &World) -> Result<(), Failure> {
    let node = world.node(LIMITED).await?;
    let mut a = node.connect_raw("a").await?;
    // Beyond this node's limit, and within what the library allows by itself.
    let header = Frame::client(frame::BINARY, []).encode_header(1 << 20);
    a.send_bytes(&header, "a header that promises 1 MiB").await?;
    a.expect_close(1009).await.seen_as(Observed::StillOpen, Observed::AcceptedBeyondLimit)
}

pub async fn protocol(world: &World) -> Result<(), Failure> {
    let node = world.node(&[]).await?;
    let unmasked = Frame { masked: false, ..Frame::client(frame::TEXT, "hello") };
    let reserved = Frame { reserved: 0b100, ..Frame::client(frame::TEXT, "hello") };
    let opcode = Frame::client(0x3, "hello");
    let wrongs = [(unmasked, "an unmasked frame"), (reserved, "a reserved bit"), (opcode, "an unknown opcode")];
    for (count, (frame, text)) in wrongs.iter().enumerate() {
        refuse(&node, frame, text, 1002).await?;
        node.counted("closed.invalid", count as u64 + 1).await?;
    }
    Ok(())
}

pub async fn utf8(world: &World) -> Result<(), Failure> {
    let node = world.node(&[]).await?;
    refuse(&node, &Frame::client(frame::TEXT, b"\xC3\x28".as_slice()), "text that is not UTF-8", 1007).await?;
    node.counted("closed.invalid", 1).await
}

pub async fn closing(world: &World) -> Result<(), Failure> {
    let node = world.node(&[LIMITED, &["--close-grace", "5s"]].concat()).await?;
    let mut a = node.connect_raw("a").await?;
    let id = node.listed(&[]).await?;
    a.send_text(&"x".repeat(LIMIT + 1)).await?;
    a.expect_close(1009).await?;
    // It has not closed its side, so the node may be in the middle of its last words for seconds.
    node.unlisted(&id).await?;
    node.push(&id, "too late").await?.expect(404, Some("not_found"))
}

pub async fn let_go(world: &World) -> Result<(), Failure> {
    let node = world.node(&[LIMITED, &["--close-grace", "200ms"]].concat()).await?;
    let mut a = node.connect_raw("a").await?;
    a.send_text(&"x".repeat(LIMIT + 1)).await?;
    a.expect_close(1009).await?;
    let gone = node.counted("sockets.open", 0);
    let gone = talk_on(&mut a, gone).await;
    gone.judged(Observed::StillOpen, "sockets.open 0, after 200 ms")
}

/// A client that has seen the Close, and goes on sending until `done`.
pub async fn talk_on<T>(client: &mut RawClient, done: impl Future<Output = T>) -> T {
    client.record_sent("a Pong each 10 ms, and no Close");
    let talking = async {
        let mut again = interval(TALKS_ON);
        loop {
            again.tick().await;
            // Where it fails the node has let go, which `done` sees.
            let _ = client.send_quietly(&Frame::client(frame::PONG, [])).await;
        }
    };
    tokio::select! {
        done = done => done,
        () = talking => unreachable!("it talks for ever"),
    }
}

pub async fn others(world: &World) -> Result<(), Failure> {
    let node = world.node(LIMITED).await?;
    let mut b = node.connect("b").await?;
    let mut a = node.connect_raw("a").await?;
    a.send_text(&"x".repeat(LIMIT + 1)).await?;
    a.expect_close(1009).await?;
    b.send_text("unharmed").await?;
    b.expect_text("unharmed").await.judged(Observed::OthersAffected, "\"unharmed\"")
}

pub async fn memory(world: &World) -> Result<(), Failure> {
    let node = world.node(&[]).await?;
    let mut warm = node.connect("warm").await?;
    warm.send_text("what the first socket needs is not counted").await?;
    warm.expect_text("what the first socket needs is not counted").await?;
    let before = node.rss_kib().await?;
    world.story().record("idle", "node", format!("{IDLE_SOCKETS} times: connect, \"hello\""));
    let clients: Vec<_> =
        stream::iter(0..IDLE_SOCKETS).map(|n| idle(&node, n)).buffered(AT_A_TIME).try_collect().await?;
    let each = node.rss_kib().await?.saturating_sub(before) / IDLE_SOCKETS;
    node.admin().record_seen(format!("({IDLE_SOCKETS} sockets, {each} KiB each)"));
    drop(clients);
    ensure(each <= IDLE_KIB, Observed::TooMuchMemory, format!("{IDLE_KIB} KiB a socket at most"))
}

/// A socket that has said one small thing: buffers are filled when they are first read into.
async fn idle(node: &Node, number: u64) -> Result<impl Peer + use<>, Failure> {
    // With a story of its own: a hundred times the same would bury the one that is told.
    let mut client = RawClient::connect(&Story::begin(), &format!("idle#{number}"), "node", node.ws(), false).await?;
    client.send_text("hello").await?;
    client.expect_text("hello").await?;
    Ok(client)
}

async fn refuse(node: &Node, frame: &Frame, text: &str, code: u16) -> Result<(), Failure> {
    let mut a = node.connect_raw("a").await?;
    a.send(frame, text).await?;
    a.expect_close(code)
        .await
        .seen_as(Observed::WrongAnswer, Observed::AcceptedInvalid)
        .seen_as(Observed::StillOpen, Observed::AcceptedInvalid)
}
