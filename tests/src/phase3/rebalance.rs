//! Step 3.6: settle before letting go.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::scene::{JOIN, deaf_bob, node, node_called, stuck, too_much_for_bob};
use crate::Observed;
use crate::harness::broker::NewRecord;
use crate::harness::topic::record_for;
use crate::harness::{Client, Failure, Node, PATIENCE, Peer, ROOM_FOR_TWO, RawClient, Seen, World, ensure, eventually};

/// Nothing is committed but by what the check is about.
const NEVER: [&str; 2] = ["--commit-interval", "1h"];
/// A node that is in the group already has so long, less a second, to hear that another joins: the mock cluster waits for just that time
/// in each rebalance.
const SESSIONS: [Duration; 3] = [Duration::from_millis(1900), Duration::from_millis(1900), Duration::from_millis(2900)];
const PARTITIONS: usize = 4;
/// Before the second node joins.
const FIRST: usize = 40;

pub async fn stop(world: &World) -> Result<(), Failure> {
    let topic = world.topic(1).await?;
    let first = node(world, &topic, &[NEVER, ROOM_FOR_TWO].concat()).await?;
    let (mut deaf, conn) = deaf_bob(&first).await?;
    topic.produce_many(&too_much_for_bob()).await?;
    stuck(&first, &conn).await?;
    first.terminate();
    stopping(&first).await?;
    deaf.record_sent("(begins to read)");
    let last = read_to_close(&mut deaf).await?;
    first.exits(Duration::from_secs(3)).await?;
    let second = node(world, &topic, &["--ingest-paused"]).await?;
    let (mut bob, _) = second.user("bob").await?;
    second.admin().post("/ingest/resume", "").await?.expect(202, None)?;
    expect_rest(&mut bob, last + 1..=last + 1).await
}

/// Until nobody is let in any more: what a node reads from Kafka has been told to stop by then.
async fn stopping(node: &Node) -> Result<(), Failure> {
    let look = || async {
        let health = node.admin().peek("/health").await;
        let stops = health.map_or(true, |answer| answer.status == 503);
        ensure(stops, Observed::AcceptedWhileStopping, "no answer from a node that stops")
    };
    eventually(PATIENCE, look).await
}

/// Reads what is queued for a client, up to the Close; gives the number of the last message.
async fn read_to_close(client: &mut RawClient) -> Result<usize, Failure> {
    let mut last = None;
    loop {
        match timeout(JOIN, client.next()).await {
            Ok(Seen::Text(text)) => last = number(&text).or(last),
            Ok(Seen::Ping(_)) => {}
            Ok(Seen::Close(_)) => break,
            Ok(other) => {
                client.record_seen(other.to_string());
                return Err(Failure::new(other.instead_of_message(), "what is queued, then Close 1001"));
            }
            Err(_) => {
                client.record_seen(format!("(nothing more within {} s)", JOIN.as_secs()));
                return Err(Failure::new(Observed::NothingArrived, "what is queued, then Close 1001"));
            }
        }
    }
    let told = last.map_or_else(|| "no message".to_owned(), |last: usize| format!("messages up to {last}"));
    client.record_seen(format!("{told}, then Close"));
    last.ok_or_else(|| Failure::new(Observed::QueuedFramesLost, "what is queued, then Close 1001"))
}

/// Reads large messages, numbered on without a gap, up to the last of them; the first number is in `first`.
///
/// # Errors
///
/// `RecordRepeated` or `RecordLost` if it begins elsewhere; `RecordLost` or `OutOfOrder` if it does not go on.
pub async fn expect_rest(client: &mut Client, first: RangeInclusive<usize>) -> Result<(), Failure> {
    let records = too_much_for_bob().len();
    let mut before = None;
    while before != Some(records - 1) {
        let patience = if before.is_none() { JOIN } else { PATIENCE };
        let seen = timeout(patience, client.next()).await;
        let Ok(Seen::Text(text)) = &seen else {
            client.record_seen(seen.map_or_else(|_| "(nothing more)".to_owned(), |seen| seen.to_string()));
            let expected = match before {
                Some(before) => format!("message {}", before + 1),
                None if first.start() == first.end() => format!("message {}", first.end()),
                None => format!("message {} or an earlier one", first.end()),
            };
            return Err(Failure::new(Observed::RecordLost, expected));
        };
        let number = number(text).ok_or_else(|| Failure::new(Observed::WrongPayload, "a numbered message"))?;
        match before {
            None => {
                client.record_seen(format!("message {number}"));
                let expected = format!("message {} or an earlier one", first.end());
                ensure(number >= *first.start(), Observed::RecordRepeated, format!("message {}", first.start()))?;
                ensure(number <= *first.end(), Observed::RecordLost, expected)?;
            }
            Some(before) if number != before + 1 => {
                client.record_seen(format!("message {number} behind {before}"));
                let observed = if number <= before { Observed::OutOfOrder } else { Observed::RecordLost };
                return Err(Failure::new(observed, format!("message {}", before + 1)));
            }
            Some(_) => {}
        }
        before = Some(number);
    }
    client.record_seen(format!("all messages up to {}", records - 1));
    Ok(())
}

/// The number that a payload begins with.
fn number(text: &str) -> Option<usize> {
    let (_, payload) = text.rsplit_once(r#""payload":"#)?;
    payload.trim_start_matches('"').split([' ', '}']).next()?.parse().ok()
}

/// Two rebalances: one that asks for what is to move, and one that moves it. On a busy machine there may be more, and then even a node that
/// does everything right repeats: one that hears of a rebalance too late is given up by the group, and the mock cluster refuses a
/// newcomer that is later than the leader, and then commits while it joins again. That proves nothing, so another pair tries.
pub async fn join(world: &World) -> Result<(), Failure> {
    let mut result = Ok(());
    for session in SESSIONS {
        let (took, joined) = join_within(world, session).await?;
        result = joined;
        if result.is_ok() || took < (session - Duration::from_secs(1)) * 5 / 2 {
            break;
        }
    }
    result
}

/// How long the second node waited for partitions, and whether it repeats nothing.
async fn join_within(world: &World, session: Duration) -> Result<(Duration, Result<(), Failure>), Failure> {
    let topic = world.topic(PARTITIONS as u32).await?;
    let session = format!("{}ms", session.as_millis());
    let flags = [NEVER, ["--kafka-session-timeout", &session]].concat();
    let n1 = node_called(world, "n1", &topic, &flags).await?;
    let (mut a1, _) = n1.user("alice#1").await?;
    topic.produce_many(&spread(0, FIRST)).await?;
    let mut first = BTreeSet::new();
    while first.len() < FIRST {
        first.insert(next_number(&mut a1, JOIN).await?.ok_or_else(|| lost("all of them on n1"))?);
    }
    a1.record_seen(format!("{FIRST} messages"));
    // Paused, so that what it has is known before anything is read.
    let n2 = node_called(world, "n2", &topic, &[&flags[..], &["--ingest-paused"]].concat()).await?;
    let began = Instant::now();
    let (mut a2, _) = n2.user("alice#2").await?;
    let joined = || async {
        let own = n2.admin().counter("ingest.paused_partitions").await?;
        ensure(own > 0, Observed::TookTooLong, "n2 has partitions").map(|()| own)
    };
    let own = eventually(2 * JOIN, joined).await?;
    let took = began.elapsed();
    n2.admin().record_seen(format!("(has {own} of {PARTITIONS} partitions)"));
    n2.admin().post("/ingest/resume", "").await?.expect(202, None)?;
    topic.produce_many(&spread(FIRST, PARTITIONS)).await?;
    Ok((took, expect_new(world, &mut a1, &mut a2).await))
}

/// One message from each partition, by way of either node, and none that was there before.
async fn expect_new(world: &World, a1: &mut Client, a2: &mut Client) -> Result<(), Failure> {
    let mut second = BTreeSet::new();
    while second.len() < PARTITIONS {
        let (client, next) = tokio::select! {
            next = next_number(a1, JOIN) => (1, next?),
            next = next_number(a2, JOIN) => (2, next?),
        };
        let number = next.ok_or_else(|| lost("one from each partition"))?;
        if number < FIRST || !second.insert(number) {
            world.story().record(&format!("n{client}"), &format!("alice#{client}"), format!("message {number}, again"));
            return Err(Failure::new(Observed::RecordRepeated, "only what is new"));
        }
    }
    Ok(())
}

fn lost(expected: &str) -> Failure {
    Failure::new(Observed::RecordLost, expected)
}

/// Records for alice, in all partitions in turn, whose payloads are numbers.
fn spread(first: usize, count: usize) -> Vec<NewRecord> {
    let record = |number: usize| record_for("alice", &number.to_string()).to_partition((number % PARTITIONS) as i32);
    (first..first + count).map(record).collect()
}

/// The number in the next message, or `None` when nothing comes. Cancel safe.
async fn next_number(client: &mut Client, within: Duration) -> Result<Option<usize>, Failure> {
    loop {
        match timeout(within, client.next()).await {
            Ok(Seen::Ping(_)) => {}
            Ok(Seen::Text(text)) => return Ok(number(&text)),
            Ok(other) => {
                client.record_seen(other.to_string());
                return Err(Failure::new(other.instead_of_message(), "a message"));
            }
            Err(_) => {
                client.record_seen(format!("(nothing more within {} s)", within.as_secs()));
                return Ok(None);
            }
        }
    }
}
