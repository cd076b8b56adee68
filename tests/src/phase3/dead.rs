//! Step 3.2: what nobody can read is kept. And `--missing-user`.

use super::scene::{JOIN, expect_first, expect_record, node};
use crate::Observed;
use crate::harness::broker::{NewRecord, Record};
use crate::harness::topic::{record_for, value};
use crate::harness::{Failure, Topic, World, ensure, eventually};

pub async fn letter(world: &World) -> Result<(), Failure> {
    let topic = world.topic(1).await?;
    let node = node(world, &topic, &[]).await?;
    let (mut a, _) = node.user("alice").await?;
    topic.produce(&[record(Some("alice"), Some("hello"))]).await?;
    let letters = letters(&topic, 1).await?;
    expect_letter(&topic, &letters[0], ("alice", "hello"), "malformed", 0)?;
    topic.produce(&[record_for("alice", "1")]).await?;
    expect_first(&mut a, "1").await.map(drop)
}

pub async fn reasons(world: &World) -> Result<(), Failure> {
    let topic = world.topic(1).await?;
    let node = node(world, &topic, &["--max-message", "100"]).await?;
    let (mut a, _) = node.user("alice").await?;
    let large = value("alice", &format!("\"{}\"", "x".repeat(99)));
    let just_fits = format!("\"{}\"", "x".repeat(98));
    let dead = [
        ("malformed", r#"["alice",1]"#),
        ("malformed", r#"{"user_id":7,"payload":1}"#),
        ("malformed", r#"{"payload":1}"#),
        ("malformed", r#"{"user_id":"","payload":1}"#),
        ("malformed", r#"{"user_id":"alice","payload":1,"payload":2}"#),
        ("malformed", r#"{"user_id":"alice","payload":}"#),
        ("key_differs", r#"{"user_id":"bob","payload":1}"#),
        ("no_payload", r#"{"user_id":"alice"}"#),
        ("too_large", &large),
    ];
    let mut records: Vec<_> = dead.iter().map(|(_, value)| record(Some("alice"), Some(value))).collect();
    records.extend([record(Some("alice"), None), record_for("alice", &just_fits)]);
    topic.produce(&records.into_iter().map(|record| record.to_partition(0)).collect::<Vec<_>>()).await?;
    expect_first(&mut a, &just_fits).await?;
    let letters = letters(&topic, dead.len() + 1).await?;
    for (offset, (reason, value)) in dead.iter().enumerate() {
        let own = letters.iter().find(|letter| letter.value.as_deref() == Some(value));
        let own = own.ok_or_else(|| Failure::new(Observed::WrongDeadLetter, format!("the value {value}")))?;
        expect_letter(&topic, own, ("alice", value), reason, offset)?;
    }
    let tombstone = letters.iter().find(|letter| letter.value.is_none());
    let reason = tombstone.and_then(|letter| letter.headers.get("reason")).map(String::as_str);
    ensure(reason == Some("no_value"), Observed::WrongDeadLetter, "no value, reason no_value")
}

pub async fn missing(world: &World) -> Result<(), Failure> {
    let topic = world.topic(1).await?;
    let node = node(world, &topic, &["--missing-user", "dead-letter"]).await?;
    let (mut a, _) = node.user("alice").await?;
    let value = value("bob", "{\"a\": 1}");
    topic.produce(&[record_for("alice", "1"), record(None, Some(&value))]).await?;
    expect_first(&mut a, "1").await?;
    let letters = letters(&topic, 1).await?;
    ensure(letters[0].key.is_none(), Observed::WrongDeadLetter, "no key, as before")?;
    ensure(letters[0].value.as_ref() == Some(&value), Observed::WrongDeadLetter, "the value, unchanged")?;
    let reason = letters[0].headers.get("reason").map(String::as_str);
    ensure(reason == Some("not_connected"), Observed::WrongDeadLetter, "reason not_connected")?;
    node.counted("ingest.not_connected", 1).await?;
    node.counted("ingest.dead_lettered", 1).await?;
    topic.produce(&[record_for("alice", "2")]).await?;
    expect_record(&mut a, "2").await.map(drop)
}

fn record(key: Option<&str>, value: Option<&str>) -> NewRecord {
    NewRecord {
        key: key.map(str::to_owned),
        value: value.map(str::to_owned),
        partition: Some(0),
        ..NewRecord::default()
    }
}

/// All dead letters, once there are so many.
async fn letters(topic: &Topic, count: usize) -> Result<Vec<Record>, Failure> {
    let look = || async {
        let letters = topic.dead_letters().await?;
        let expected = format!("{count} dead letter{}", if count == 1 { "" } else { "s" });
        if letters.len() == count { Ok(letters) } else { Err(Failure::new(Observed::NoDeadLetter, expected)) }
    };
    let found = eventually(JOIN, look).await;
    let count = topic.dead_letters().await?.len();
    topic.record_seen(format!("dead letters: {count}"));
    found
}

fn expect_letter(
    topic: &Topic,
    letter: &Record,
    (key, value): (&str, &str),
    reason: &str,
    offset: usize,
) -> Result<(), Failure> {
    let header = |name| letter.headers.get(name).map(String::as_str);
    topic.record_seen(format!(
        "reason {}, source {}",
        header("reason").unwrap_or("-"),
        header("source").unwrap_or("-")
    ));
    let unchanged = letter.key.as_deref() == Some(key) && letter.value.as_deref() == Some(value);
    ensure(unchanged, Observed::WrongDeadLetter, "key and value unchanged")?;
    ensure(header("reason") == Some(reason), Observed::WrongDeadLetter, format!("the header reason {reason}"))?;
    let source = format!("{}/0/{offset}", topic.name);
    ensure(header("source") == Some(&source), Observed::WrongDeadLetter, format!("the header source {source}"))
}
