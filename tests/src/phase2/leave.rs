//! Step 2.3: a closed socket leaves nothing behind.

use futures_util::{StreamExt, TryStreamExt, stream};

use super::stuck;
use crate::Observed;
use crate::harness::frame::{self, Frame};
use crate::harness::{Failure, Judge, Node, Peer, ROOM_FOR_TWO, Talk, World, ensure};

/// How many come and go.
const CYCLES: usize = 200;
/// How many of them at a time.
const AT_A_TIME: usize = 8;

pub async fn closed(world: &World) -> Result<(), Failure> {
    let node = world.node(&[]).await?;
    let (mut a, _) = node.user("alice").await?;
    a.close(1000).await?;
    a.expect_close(1000).await?;
    a.expect_end().await?;
    node.forgotten("alice").await?;
    node.post_to("alice", "1").await?.expect(404, Some("not_connected")).judged(Observed::GhostUser, "404")?;
    left_nothing(&node).await
}

pub async fn reset(world: &World) -> Result<(), Failure> {
    let node = world.node(&[]).await?;
    let (mut stays, conn) = node.user("bob").await?;
    let mut a = node.connect_raw("alice").await?;
    a.register("alice").await?;
    // In the middle of a frame, so that the node is in the middle of something too.
    let half = &Frame::client(frame::TEXT, r#"{"type":"ping"}"#).encode()[..9];
    a.send_bytes(half, "half a frame").await?;
    a.reset();
    node.forgotten("alice").await?;
    stays.expect_nothing_else(Observed::OthersAffected).await?;
    node.expect_connections("bob", &[&conn], Observed::OthersAffected).await?;
    node.counted("registry.users", 1).await
}

pub async fn silent(world: &World) -> Result<(), Failure> {
    let node = world.node(&["--heartbeat", "20ms", "--heartbeat-timeout", "80ms"]).await?;
    let mut a = node.connect_raw("alice").await?;
    a.register("alice").await?;
    a.record_sent("(says nothing more, and answers no Ping)");
    node.forgotten("alice").await?;
    left_nothing(&node).await
}

pub async fn slow(world: &World) -> Result<(), Failure> {
    // It is closing for a long time, and nobody may take it for open meanwhile.
    let graces = ["--slow-grace", "100ms", "--close-grace", "3s"];
    let node = world.node(&[&graces[..], &ROOM_FOR_TWO].concat()).await?;
    let (_deaf, conn) = node.stalled_user("alice").await?;
    stuck::fill(&node, &conn).await?;
    node.forgotten("alice").await?;
    node.counted("sockets.open", 1).await.expecting("sockets.open 1, while it closes")?;
    left_nothing(&node).await
}

pub async fn cycles(world: &World) -> Result<(), Failure> {
    let node = world.node(&["--sweep", "10ms"]).await?;
    node.admin().record_asked(format!("({CYCLES} clients connect, register and leave)"));
    // A story of its own would bury everything else; the counters tell this one.
    let quiet = node.untold();
    let come_and_go = |n| cycle(&quiet, n);
    stream::iter(0..CYCLES).map(come_and_go).buffer_unordered(AT_A_TIME).try_collect::<()>().await?;
    left_nothing(&node).await?;
    node.counted("sockets.open", 0).await?;
    let opened = node.admin().counter_seen("sockets.opened").await?;
    ensure(opened == CYCLES as u64, Observed::WrongCount, format!("sockets.opened {CYCLES}"))?;
    let swept = node.admin().counter_seen("registry.swept").await?;
    ensure(swept == 0, Observed::LeftForTheSweep, "registry.swept 0")
}

/// Connects, registers and leaves, each in another way than the one before.
async fn cycle(node: &Node, n: usize) -> Result<(), Failure> {
    let user = format!("user-{n}");
    if n.is_multiple_of(3) {
        let mut client = node.connect_raw(&user).await?;
        client.register(&user).await?;
        client.reset();
        return Ok(());
    }
    let (mut client, _) = node.user(&user).await?;
    if n % 3 == 1 {
        client.close(1000).await?;
        client.expect_close(1000).await?;
    }
    Ok(())
}

async fn left_nothing(node: &Node) -> Result<(), Failure> {
    node.counted("registry.users", 0).await.seen_as(Observed::WrongCount, Observed::GhostUser)
}
