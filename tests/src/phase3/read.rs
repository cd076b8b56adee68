//! Step 3.1: a record reaches its user.

use super::scene::{expect_first, expect_numbers, expect_record, node, numbers};
use crate::Observed;
use crate::harness::broker::NewRecord;
use crate::harness::topic::{record_for, value};
use crate::harness::{Failure, Judge, Talk, World, ensure};

/// Records of one user, in a row.
const MANY: usize = 1000;

pub async fn arrives(world: &World) -> Result<(), Failure> {
    let topic = world.topic(1).await?;
    let node = node(world, &topic, &[]).await?;
    let (mut a, _) = node.user("alice").await?;
    let (mut b, _) = node.user("bob").await?;
    let places = topic.produce(&[record_for("alice", r#""hi""#)]).await?;
    let id = expect_first(&mut a, r#""hi""#).await?;
    let wanted = format!("{}-{}-{}", topic.name, places[0].partition, places[0].offset);
    ensure(id == wanted, Observed::WrongId, format!("the id {wanted}"))?;
    b.expect_nothing_else(Observed::Misdelivered).await
}

pub async fn unchanged(world: &World) -> Result<(), Failure> {
    let topic = world.topic(1).await?;
    let node = node(world, &topic, &[]).await?;
    let (mut a, _) = node.user("alice").await?;
    let payloads = [r#"{"b": 1.0e2,"a":"\u00e9 \" \\"}"#, "1.50e1", "null", "[ 1 ,2]", r#""é🦀""#];
    let records: Vec<_> = payloads.iter().map(|payload| record_for("alice", payload).to_partition(0)).collect();
    topic.produce(&records).await?;
    expect_first(&mut a, payloads[0]).await?;
    for payload in &payloads[1..] {
        expect_record(&mut a, payload).await?;
    }
    // Members in another order, and one that nobody knows.
    let record = NewRecord {
        key: Some("alice".into()),
        value: Some(r#" { "x":{"user_id":"bob"}, "payload" : [1.50] ,"user_id":"\u0061lice"}"#.into()),
        ..NewRecord::default()
    };
    topic.produce(&[record]).await?;
    expect_record(&mut a, "[1.50]").await.map(drop)
}

pub async fn order(world: &World) -> Result<(), Failure> {
    let topic = world.topic(1).await?;
    let node = node(world, &topic, &[]).await?;
    let (mut a, _) = node.user("alice").await?;
    topic.produce_many(&numbers("alice", 0, MANY)).await?;
    expect_numbers(&mut a, 0, MANY).await
}

pub async fn without_key(world: &World) -> Result<(), Failure> {
    let topic = world.topic(2).await?;
    let node = node(world, &topic, &[]).await?;
    let (mut a, _) = node.user("alice").await?;
    topic.produce(&[NewRecord { value: Some(value("alice", "1")), ..NewRecord::default() }]).await?;
    expect_first(&mut a, "1").await.map(drop)
}

pub async fn missing_user(world: &World) -> Result<(), Failure> {
    let topic = world.topic(1).await?;
    let node = node(world, &topic, &[]).await?;
    let (mut a, _) = node.user("alice").await?;
    topic.produce(&[record_for("nobody", "1").to_partition(0), record_for("alice", "2").to_partition(0)]).await?;
    expect_first(&mut a, "2").await.map(drop)
}

pub async fn earliest(world: &World) -> Result<(), Failure> {
    let topic = world.topic(1).await?;
    topic.produce(&[record_for("alice", "1")]).await?;
    // Otherwise the first record may be read before anybody is there to get it.
    let node = node(world, &topic, &["--ingest-paused"]).await?;
    let (mut a, _) = node.user("alice").await?;
    node.admin().post("/ingest/resume", "").await?.expect(202, None)?;
    expect_first(&mut a, "1").await.seen_as(Observed::WrongPayload, Observed::RecordLost).map(drop)
}
