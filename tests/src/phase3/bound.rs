//! Step 3.5: a backlog stays in Kafka.

use std::time::Duration;

use super::scene::{
    JOIN, OFTEN, deaf_bob, expect_first, expect_numbers, expect_record, node, numbers, stuck, too_much_for_bob,
};
use crate::Observed;
use crate::harness::topic::record_for;
use crate::harness::{Failure, Judge, Node, ROOM_FOR_TWO, Talk, World, ensure, eventually};

/// Partitions full of bob's records: 14 MB.
const PARTITIONS: i32 = 4;
/// What may be undecided, what is read ahead, and what an allocator keeps: half of what there is.
const KIB_AT_MOST: u64 = 7 * 1024;
const AT_MOST: u64 = 100;
/// A backlog, many times what may be undecided.
const BACKLOG: usize = 3000;
/// How long nothing may come.
const QUIET: Duration = Duration::from_millis(100);

pub async fn memory(world: &World) -> Result<(), Failure> {
    let topic = world.topic(PARTITIONS as u32).await?;
    let node = node(world, &topic, &[&ROOM_FOR_TWO[..], &["--max-undecided-bytes", "1000000"]].concat()).await?;
    let (mut a, _) = node.user("alice").await?;
    let (_deaf, conn) = deaf_bob(&node).await?;
    topic.produce(&[record_for("alice", "1").to_partition(0)]).await?;
    expect_first(&mut a, "1").await?;
    let before = node.rss_kib().await?;
    for partition in 0..PARTITIONS {
        let records: Vec<_> = too_much_for_bob().into_iter().map(|record| record.to_partition(partition)).collect();
        topic.produce_many(&records).await?;
    }
    stuck(&node, &conn).await?;
    steady(&node).await?;
    let more = node.rss_kib().await?.saturating_sub(before);
    node.admin().record_seen(format!("({more} KiB more than before 14 MB of records)"));
    ensure(more <= KIB_AT_MOST, Observed::TooMuchMemory, format!("{KIB_AT_MOST} KiB more at most"))
}

/// Waits until nothing more is taken.
async fn steady(node: &Node) -> Result<(), Failure> {
    let look = || async {
        let before = node.admin().counter("ingest.in_flight").await?;
        tokio::time::sleep(QUIET).await;
        let after = node.admin().counter("ingest.in_flight").await?;
        ensure(before == after, Observed::WrongCount, "ingest.in_flight, steady")
    };
    eventually(JOIN, look).await
}

pub async fn records(world: &World) -> Result<(), Failure> {
    let topic = world.topic(1).await?;
    let bound = ["--max-undecided", "100"];
    let node = node(world, &topic, &[&OFTEN[..], &ROOM_FOR_TWO, &bound].concat()).await?;
    let (deaf, conn) = deaf_bob(&node).await?;
    topic.produce_many(&[too_much_for_bob(), numbers("bob", 0, BACKLOG)].concat()).await?;
    stuck(&node, &conn).await?;
    node.counted("ingest.paused_partitions", 1).await.judged(Observed::NeverPaused, "ingest.paused_partitions 1")?;
    let taken = node.admin().counter_seen("ingest.in_flight").await?;
    // Who looks only now and then is a little above it.
    ensure(taken <= 2 * AT_MOST, Observed::BeyondBound, format!("ingest.in_flight {AT_MOST} or so"))?;
    deaf.reset();
    topic.all_committed(JOIN, Observed::NeverResumed).await?;
    node.counted("ingest.paused_partitions", 0).await
}

pub async fn healthy(world: &World) -> Result<(), Failure> {
    let topic = world.topic(1).await?;
    topic.produce_many(&numbers("alice", 0, BACKLOG)).await?;
    let bounds = ["--ingest-paused", "--max-undecided", "300", "--mailbox-messages", "64"];
    let node = node(world, &topic, &bounds).await?;
    let (mut a, _) = node.user("alice").await?;
    node.admin().post("/ingest/resume", "").await?.expect(202, None)?;
    expect_numbers(&mut a, 0, BACKLOG).await?;
    node.counted("closed.slow", 0).await
}

pub async fn operator(world: &World) -> Result<(), Failure> {
    let topic = world.topic(1).await?;
    let node = node(world, &topic, &[]).await?;
    let (mut a, _) = node.user("alice").await?;
    topic.produce(&[record_for("alice", "1")]).await?;
    expect_first(&mut a, "1").await?;
    node.admin().post("/ingest/pause", "").await?.expect(202, None)?;
    node.counted("ingest.paused_partitions", 1).await.judged(Observed::NeverPaused, "ingest.paused_partitions 1")?;
    topic.produce(&[record_for("alice", "2")]).await?;
    let heard = a.hear_within(QUIET).await?;
    ensure(heard.is_none(), Observed::ReadThoughPaused, "nothing, while it is paused")?;
    node.admin().post("/ingest/resume", "").await?.expect(202, None)?;
    expect_record(&mut a, "2").await.seen_as(Observed::RecordLost, Observed::NeverResumed).map(drop)
}
