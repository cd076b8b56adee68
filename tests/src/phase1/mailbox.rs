//! Step 1.2: a mailbox others can push into.

use bytes::Bytes;

use super::flood::{Tally, fill_up, push_until};
use crate::Observed;
use crate::harness::frame::{self, Frame};
use crate::harness::{Failure, Judge, Node, Peer, Socket, World, ensure};

pub async fn listed(world: &World) -> Result<(), Failure> {
    let node = world.node(&[]).await?;
    let _a = node.connect("a").await?;
    let first = node.listed(&[]).await?;
    let _b = node.connect("b").await?;
    node.listed(&[&first]).await?;
    Ok(())
}

pub async fn push(world: &World) -> Result<(), Failure> {
    let node = world.node(&[]).await?;
    let mut a = node.connect("a").await?;
    let a_id = node.listed(&[]).await?;
    let mut b = node.connect("b").await?;
    let b_id = node.listed(&[&a_id]).await?;
    push_written(&node, &b_id, "for b").await?;
    b.expect_text("for b").await.seen_as(Observed::NothingArrived, Observed::PushLost)?;
    push_written(&node, &a_id, "for a").await?;
    a.expect_text("for a").await.seen_as(Observed::WrongAnswer, Observed::PushMisdelivered)?;
    b.send_text("and nothing else").await?;
    b.expect_text("and nothing else").await.seen_as(Observed::WrongAnswer, Observed::PushMisdelivered)
}

pub async fn push_binary(world: &World) -> Result<(), Failure> {
    let node = world.node(&[]).await?;
    let mut a = node.connect("a").await?;
    let id = node.listed(&[]).await?;
    let bytes = Bytes::from_static(&[0, 159, 146, 150]);
    node.admin().post_binary(&format!("/sockets/{id}"), bytes.clone()).await?.expect(202, None)?;
    a.expect_binary(bytes).await.seen_as(Observed::WrongAnswer, Observed::WrongKind)
}

pub async fn order(world: &World) -> Result<(), Failure> {
    let node = world.node(&[]).await?;
    let mut a = node.connect("a").await?;
    let id = node.listed(&[]).await?;
    for n in 0..10 {
        let (pushed, echoed) = (format!("push {n}"), format!("echo {n}"));
        push_written(&node, &id, &pushed).await?;
        a.send_text(&echoed).await?;
        for text in [pushed, echoed] {
            a.expect_text(&text).await.seen_as(Observed::WrongAnswer, Observed::EchoMixedUp)?;
        }
    }
    Ok(())
}

pub async fn closed(world: &World) -> Result<(), Failure> {
    let node = world.node(&[]).await?;
    let mut a = node.connect("a").await?;
    let id = node.listed(&[]).await?;
    a.close(1000).await?;
    a.expect_close(1000).await?;
    a.expect_end().await?;
    node.unlisted(&id).await?;
    node.push(&id, "too late").await?.expect(404, Some("not_found"))?;
    node.counted("closed.normal", 1).await
}

pub async fn reset(world: &World) -> Result<(), Failure> {
    let node = world.node(&[]).await?;
    let mut stays = node.connect("a").await?;
    let first = node.listed(&[]).await?;
    let mut resets = node.connect_raw("b").await?;
    let second = node.listed(&[&first]).await?;
    // In the middle of a frame, so that the node is in the middle of something too.
    let half = &Frame::client(frame::TEXT, "half a message").encode()[..9];
    resets.send_bytes(half, "half a frame").await?;
    resets.reset();
    node.unlisted(&second).await?;
    node.push(&second, "too late").await?.expect(404, Some("not_found"))?;
    lost(&node, 1).await?;
    let ends = node.connect_raw("c").await?;
    let third = node.listed(&[&first]).await?;
    ends.record_sent("(ends the TCP connection, without a Close)");
    drop(ends);
    node.unlisted(&third).await?;
    lost(&node, 2).await?;
    stays.send_text("still here").await?;
    stays.expect_text("still here").await
}

pub async fn counts(world: &World) -> Result<(), Failure> {
    let node = world.node(&[]).await?;
    let gone = node.connect_raw("a").await?;
    let first = node.listed(&[]).await?;
    gone.reset();
    node.unlisted(&first).await?;
    let mut b = node.connect("b").await?;
    let id = node.listed(&[]).await?;
    for n in 0..3 {
        b.send_text(&format!("echo {n}")).await?;
        b.expect_text(&format!("echo {n}")).await?;
        push_written(&node, &id, "push").await?;
        b.expect_text("push").await?;
    }
    let settled = |rows: &[Socket]| rows.iter().find(|row| row.queued == 0 && row.written == 6).map(|_| ());
    node.sockets_until(settled, Observed::WrongCount, "queued 0 and written 6").await?;
    node.counted("messages.queued", 6).await?;
    node.counted("messages.written", 6).await?;
    node.counted("sockets.opened", 2).await?;
    node.counted("sockets.open", 1).await
}

pub async fn bounded(world: &World) -> Result<(), Failure> {
    let node = world.node(&["--mailbox-messages", "8", "--deliver-timeout", "50ms"]).await?;
    let _deaf = node.connect_stalled("a").await?;
    let id = node.listed(&[]).await?;
    let tally = push_until(&node, &id, Tally::full).await?;
    ensure(tally.overloaded > 0, Observed::NeverOverloaded, "503 overloaded, once 8 are queued")?;
    fill_up(&node, &id, 8).await
}

/// So many have gone without a Close, and nobody in another way.
async fn lost(node: &Node, wanted: u64) -> Result<(), Failure> {
    node.counted("closed.lost", wanted).await?;
    let closed = node.admin().peek("/stats").await?.body["closed"].clone();
    let all: u64 = closed.as_object().into_iter().flatten().filter_map(|(_, count)| count.as_u64()).sum();
    ensure(all == wanted, Observed::WrongCount, format!("closed.lost {wanted}, and nothing else"))
        .inspect_err(|_| node.admin().record_seen(format!("/stats: closed {closed}")))
}

/// Pushes, and expects to hear that it was written.
async fn push_written(node: &Node, conn: &str, text: &str) -> Result<(), Failure> {
    node.push(conn, text).await?.expect(202, None).expecting(r#"202 {"outcome":"written"}"#)
}
