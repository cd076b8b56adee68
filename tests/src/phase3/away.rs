//! Step 3.7: Kafka goes away, and comes back.

use serde_json::Value;

use super::scene::{JOIN, expect_first, node};
use crate::Observed;
use crate::harness::topic::record_for;
use crate::harness::{Failure, Judge, Node, Topic, World, ensure, eventually};

/// Lines that a trouble may take, whatever it is: one that says it, and one more.
const LINES: u64 = 2;

pub async fn degraded(world: &World) -> Result<(), Failure> {
    let broker = world.own_broker().await?;
    let topic = Topic::new(&broker, 1).await?;
    let node = node(world, &topic, &[]).await?;
    let (mut a, _) = node.user("alice").await?;
    topic.produce(&[record_for("alice", "1")]).await?;
    expect_first(&mut a, "1").await?;
    // What is not committed comes again, and rightly so.
    topic.all_committed(JOIN, Observed::NotCommitted).await?;
    let lines = lines(&node);
    broker.down().await?;
    is_degraded(&node, topic.kafka()).await?;
    let answer = node.public().get("/health").await?;
    answer.expect(200, None)?;
    // Several attempts to connect: each must be silent.
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    let more = self::lines(&node) - lines;
    node.admin().record_seen(format!("(lines on standard error: {more})"));
    ensure(more <= LINES, Observed::SaidTooOften, "one line")?;
    ensure(more > 0, Observed::NotDegraded, "one line that says it")?;
    broker.up().await?;
    topic.produce(&[record_for("alice", "2")]).await?;
    expect_first(&mut a, "2").await?;
    is_ok(&node).await
}

pub async fn at_start(world: &World) -> Result<(), Failure> {
    let broker = world.own_broker().await?;
    let topic = Topic::new(&broker, 1).await?;
    broker.down().await?;
    let node = node(world, &topic, &[]).await?;
    let (mut a, _) = node.user("alice").await?;
    is_degraded(&node, topic.kafka()).await?;
    a_message_still_arrives(&node, &mut a).await?;
    broker.up().await?;
    topic.produce(&[record_for("alice", "1")]).await?;
    expect_first(&mut a, "1").await?;
    is_ok(&node).await
}

async fn a_message_still_arrives(node: &Node, alice: &mut crate::harness::Client) -> Result<(), Failure> {
    node.post_written("alice", r#""hi""#, Observed::OthersAffected).await?;
    expect_first(alice, r#""hi""#).await.judged(Observed::OthersAffected, "the message").map(drop)
}

pub async fn topic(world: &World) -> Result<(), Failure> {
    let topic: Topic = Topic::unborn(&world.broker()?);
    let node = node(world, &topic, &[]).await?;
    let (mut a, _) = node.user("alice").await?;
    is_degraded(&node, &topic.name).await?;
    topic.create(1).await?;
    topic.produce(&[record_for("alice", "1")]).await?;
    expect_first(&mut a, "1").await?;
    is_ok(&node).await
}

/// Lines that the node has printed so far.
fn lines(node: &Node) -> u64 {
    let report = node.process().report("node");
    report.lines_before + report.last_lines.len() as u64
}

/// Waits until `/health` is degraded, for a reason that names `what`.
async fn is_degraded(node: &Node, what: &str) -> Result<(), Failure> {
    let expected = format!("degraded, with a reason that names {what}");
    let looked = eventually(JOIN, || async {
        let body = node.admin().peek("/health").await?.body;
        let reasons = body["reasons"].as_array().cloned().unwrap_or_default();
        let named = reasons.iter().filter_map(Value::as_str).any(|reason| reason.contains(what));
        ensure(body["status"] == "degraded" && named, Observed::NotDegraded, &expected)
    });
    let looked = looked.await;
    node.admin().get("/health").await?;
    looked
}

async fn is_ok(node: &Node) -> Result<(), Failure> {
    let looked = eventually(JOIN, || async {
        let body = node.admin().peek("/health").await?.body;
        ensure(body["status"] == "ok", Observed::StillDegraded, r#"{"status":"ok"}"#)
    });
    let looked = looked.await;
    node.admin().get("/health").await?;
    looked
}
