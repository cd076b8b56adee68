//! Step 3.3: commit what is written, and only then.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::scene::{JOIN, OFTEN, deaf_bob, expect_first, expect_numbers, node, numbers, stuck, too_much_for_bob};
use crate::Observed;
use crate::harness::broker::NewRecord;
use crate::harness::topic::record_for;
use crate::harness::{Failure, Judge, Node, PATIENCE, ROOM_FOR_TWO, Topic, World, ensure, eventually};

/// Several commit intervals: who commits too early does it within one.
const INTERVALS: Duration = Duration::from_millis(120);
/// The code of an error that producers try again after.
const NOT_ENOUGH_REPLICAS: i32 = 19;
const PAUSE: Duration = Duration::from_millis(10);

pub async fn written(world: &World) -> Result<(), Failure> {
    let topic = world.topic(2).await?;
    let node = node(world, &topic, &OFTEN).await?;
    let (mut a, _) = node.user("alice").await?;
    topic.produce(&[record_for("alice", "1").to_partition(0)]).await?;
    expect_first(&mut a, "1").await?;
    topic.produce(&[record_for("alice", "2").to_partition(1)]).await?;
    expect_first(&mut a, "2").await?;
    topic.all_committed(PATIENCE, Observed::NotCommitted).await?;
    node.counted("ingest.written", 2).await
}

pub async fn missing(world: &World) -> Result<(), Failure> {
    let topic = world.topic(1).await?;
    let node = node(world, &topic, &OFTEN).await?;
    topic.produce(&[record_for("nobody", "1")]).await?;
    topic.all_committed(JOIN, Observed::NotCommitted).await?;
    node.counted("ingest.not_connected", 1).await
}

pub async fn dead(world: &World) -> Result<(), Failure> {
    let broker = world.own_broker().await?;
    let topic = Topic::new(&broker, 1).await?;
    let node = node(world, &topic, &[&OFTEN[..], &["--ingest-paused"]].concat()).await?;
    topic.produce(&[NewRecord { value: Some("no JSON".into()), ..NewRecord::default() }]).await?;
    // The dead letter is on its way for a while.
    broker.fail("Produce", &[NOT_ENOUGH_REPLICAS; 3]).await?;
    node.admin().post("/ingest/resume", "").await?.expect(202, None)?;
    let kept = eventually(JOIN, || async {
        let committed = topic.committed(0).await.map_err(Some)?;
        let kept = topic.dead_letters().await.map_err(Some)?.len();
        // What is committed was kept before.
        if committed > 0 { Ok(kept) } else { Err(None) }
    });
    let never = || Failure::new(Observed::NotCommitted, "the dead letter's offset, committed");
    let kept = kept.await.map_err(|failure| failure.unwrap_or_else(never))?;
    topic.record_seen(format!("committed: 1, dead letters: {kept}"));
    ensure(kept == 1, Observed::CommittedTooEarly, "the dead letter, before the commit")?;
    node.counted("ingest.dead_lettered", 1).await
}

pub async fn not_early(world: &World) -> Result<(), Failure> {
    let topic = world.topic(1).await?;
    let node = node(world, &topic, &[OFTEN, ROOM_FOR_TWO].concat()).await?;
    let (_deaf, conn) = deaf_bob(&node).await?;
    topic.produce_many(&too_much_for_bob()).await?;
    stuck(&node, &conn).await?;
    never_above_written(&node, &topic, &conn, 0).await
}

/// Looks for a while that no more is committed of partition 0 than was written to the socket `conn`, and so much before it.
///
/// # Errors
///
/// `CommittedTooEarly`.
pub async fn never_above_written(node: &Node, topic: &Topic, conn: &str, before: i64) -> Result<(), Failure> {
    let end = Instant::now() + INTERVALS;
    while Instant::now() < end {
        let committed = topic.committed(0).await?;
        // After the commit: what is committed was written before.
        let rows = node.admin().sockets().await?;
        let written = rows.iter().find(|row| row.conn == conn).map_or(0, |row| row.written);
        // A socket writes other frames too: the answer to register.
        let most = before + i64::try_from(written).unwrap_or(i64::MAX) - 1;
        if committed > most {
            topic.record_progress(&topic.progress().await?);
            node.admin().record_seen(format!("/sockets: bob: written {written}"));
            return Err(Failure::new(Observed::CommittedTooEarly, format!("{most} committed at most")));
        }
        sleep(PAUSE).await;
    }
    Ok(())
}

pub async fn restart(world: &World) -> Result<(), Failure> {
    let topic = world.topic(1).await?;
    // Only the stop commits.
    let first = node(world, &topic, &["--commit-interval", "1h"]).await?;
    let (mut a, _) = first.user("alice").await?;
    topic.produce_many(&numbers("alice", 0, 20)).await?;
    expect_numbers(&mut a, 0, 20).await?;
    // What the client has read, its node knows to be written a moment later.
    first.counted("messages.written", 21).await?;
    first.terminate();
    first.exits(Duration::from_secs(3)).await?;
    topic.produce_many(&numbers("alice", 20, 20)).await?;
    let second = node(world, &topic, &["--ingest-paused"]).await?;
    let (mut a, _) = second.user("alice").await?;
    second.admin().post("/ingest/resume", "").await?.expect(202, None)?;
    expect_numbers(&mut a, 20, 20).await.seen_as(Observed::DeliveredTwice, Observed::RecordRepeated)
}

pub async fn killed(world: &World) -> Result<(), Failure> {
    let topic = world.topic(1).await?;
    let first = node(world, &topic, &[OFTEN, ROOM_FOR_TWO].concat()).await?;
    let (mut deaf, conn) = deaf_bob(&first).await?;
    topic.produce_many(&too_much_for_bob()).await?;
    stuck(&first, &conn).await?;
    first.kill();
    deaf.record_sent("(begins to read)");
    // What was Written is in his kernel, or on its way there.
    let (come, _) = deaf.read_to_end().await?;
    let second = node(world, &topic, &["--ingest-paused"]).await?;
    let (mut bob, _) = second.user("bob").await?;
    second.admin().post("/ingest/resume", "").await?.expect(202, None)?;
    super::rebalance::expect_rest(&mut bob, 0..=come.len()).await
}
