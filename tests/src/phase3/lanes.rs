//! Step 3.4: one user holds up nobody else.

use super::commit::never_above_written;
use super::scene::{JOIN, OFTEN, deaf_bob, expect_numbers, expect_record, node, numbers, stuck, too_much_for_bob};
use crate::Observed;
use crate::harness::topic::record_for;
use crate::harness::{Failure, Judge, Peer, ROOM_FOR_TWO, World, ensure, eventually};

/// Many times what fits into the mailbox of the check.
const MANY: usize = 1000;

pub async fn others(world: &World) -> Result<(), Failure> {
    let topic = world.topic(1).await?;
    let node = node(world, &topic, &ROOM_FOR_TWO).await?;
    let (mut a, _) = node.user("alice").await?;
    let (_deaf, conn) = deaf_bob(&node).await?;
    topic.produce_many(&too_much_for_bob()).await?;
    stuck(&node, &conn).await?;
    topic.produce(&[record_for("alice", "1").to_partition(0)]).await?;
    expect_record(&mut a, "1").await.judged(Observed::OthersAffected, "message 1, at once")?;
    topic.produce(&[record_for("alice", "2").to_partition(0)]).await?;
    expect_record(&mut a, "2").await.judged(Observed::OthersAffected, "message 2, at once").map(drop)
}

pub async fn watermark(world: &World) -> Result<(), Failure> {
    let topic = world.topic(1).await?;
    let node = node(world, &topic, &[OFTEN, ROOM_FOR_TWO].concat()).await?;
    let (mut a, _) = node.user("alice").await?;
    let (deaf, conn) = deaf_bob(&node).await?;
    topic.produce_many(&too_much_for_bob()).await?;
    stuck(&node, &conn).await?;
    // Behind all of bob's, and decided before them.
    topic.produce(&[record_for("alice", "1").to_partition(0)]).await?;
    expect_record(&mut a, "1").await?;
    never_above_written(&node, &topic, &conn, 0).await?;
    deaf.reset();
    topic.all_committed(JOIN, Observed::NotCommitted).await
}

pub async fn order(world: &World) -> Result<(), Failure> {
    let topic = world.topic(1).await?;
    let node = node(world, &topic, &["--mailbox-messages", "4"]).await?;
    let (mut a, _) = node.user("alice").await?;
    topic.produce_many(&numbers("alice", 0, MANY)).await?;
    expect_numbers(&mut a, 0, MANY).await
}

pub async fn slow(world: &World) -> Result<(), Failure> {
    let topic = world.topic(1).await?;
    let graces = ["--slow-grace", "150ms", "--close-grace", "50ms"];
    let node = node(world, &topic, &[&OFTEN[..], &ROOM_FOR_TWO, &graces].concat()).await?;
    let (_deaf, _) = deaf_bob(&node).await?;
    topic.produce_many(&too_much_for_bob()).await?;
    topic.all_committed(JOIN, Observed::NotCommitted).await?;
    node.counted("closed.slow", 1).await
}

pub async fn gone(world: &World) -> Result<(), Failure> {
    let topic = world.topic(1).await?;
    let node = node(world, &topic, &[OFTEN, ROOM_FOR_TWO].concat()).await?;
    let (deaf, conn) = deaf_bob(&node).await?;
    topic.produce_many(&too_much_for_bob()).await?;
    stuck(&node, &conn).await?;
    deaf.reset();
    topic.all_committed(JOIN, Observed::NotCommitted).await
}

pub async fn reconnect(world: &World) -> Result<(), Failure> {
    let topic = world.topic(1).await?;
    let node = node(world, &topic, &ROOM_FOR_TWO).await?;
    let (deaf, conn) = deaf_bob(&node).await?;
    let records = too_much_for_bob();
    topic.produce_many(&records).await?;
    stuck(&node, &conn).await?;
    let (mut bob, _) = node.user("bob#2").await?;
    deaf.reset();
    // Each goes to one socket or the other, and none to nobody.
    let all_written = eventually(JOIN, || async {
        let written = node.admin().counter("ingest.written").await?;
        ensure(written == records.len() as u64, Observed::RecordLost, format!("ingest.written {}", records.len()))
    });
    let reads = async { while !bob.next().await.is_last() {} };
    let all_written = tokio::select! {
        all_written = all_written => all_written,
        () = reads => Err(Failure::new(Observed::OthersAffected, "bob's new socket stays open")),
    };
    node.admin().counter_seen("ingest.written").await?;
    node.admin().counter_seen("ingest.not_connected").await?;
    all_written
}
