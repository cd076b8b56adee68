//! What the checks of this phase share: a topic, a node that reads it, and users who do not.

use std::time::Duration;

use crate::Observed;
use crate::harness::broker::NewRecord;
use crate::harness::topic::{large_record_for, record_for};
use crate::harness::{Client, Failure, Judge, Node, PATIENCE, RawClient, Talk, Topic, World, ensure, eventually};

/// Until a node has joined its group and read its first record: a tenth of it is usual.
pub const JOIN: Duration = Duration::from_secs(3);
/// The mock cluster lets a group wait for what is above a second of this until a rebalance begins, and forgets a killed node after all of it:
/// so short that neither takes long, and long enough for three heartbeats to announce the rebalance.
const SESSION: [&str; 2] = ["--kafka-session-timeout", "1300ms"];
/// Commits come so often that a check need not wait for them.
pub const OFTEN: [&str; 2] = ["--commit-interval", "20ms"];
/// More than a kernel keeps for a connection with the smallest of buffers.
const BIG_RECORDS: usize = 60;

/// Starts a node that reads `topic`.
///
/// # Errors
///
/// As `World::node`.
pub async fn node(world: &World, topic: &Topic, more: &[&str]) -> Result<Node, Failure> {
    node_called(world, "node", topic, more).await
}

/// Starts a node by name that reads `topic`.
///
/// # Errors
///
/// As `World::node`.
pub async fn node_called(world: &World, name: &str, topic: &Topic, more: &[&str]) -> Result<Node, Failure> {
    let mut flags = topic.flags();
    if !more.contains(&SESSION[0]) {
        flags.extend(SESSION.map(str::to_owned));
    }
    let flags: Vec<&str> = flags.iter().map(String::as_str).chain(more.iter().copied()).collect();
    world.node_called(name, &flags).await
}

/// The next message is this one, however long the node needs to join its group.
///
/// # Errors
///
/// `RecordLost`, or what came instead.
pub async fn expect_first(client: &mut Client, payload: &str) -> Result<String, Failure> {
    let expected = format!("message {payload}");
    let heard = client.hear_within(JOIN).await?;
    if heard.is_none() {
        crate::harness::Peer::record_seen(client, format!("(nothing within {} s)", JOIN.as_secs()));
    }
    let heard = heard.ok_or_else(|| Failure::new(Observed::RecordLost, &expected))?;
    ensure(heard.kind() == "message", Observed::WrongAnswer, &expected)?;
    ensure(heard.payload().as_deref() == Some(payload), Observed::WrongPayload, &expected)?;
    ensure(!heard.has("from"), Observed::WrongSender, "a message without from")?;
    Ok(heard.member("id").unwrap_or_default().to_owned())
}

/// The next message is this one; the node has joined long since.
///
/// # Errors
///
/// `RecordLost`, or what came instead.
pub async fn expect_record(client: &mut Client, payload: &str) -> Result<String, Failure> {
    client.expect_message(None, payload).await.seen_as(Observed::NothingArrived, Observed::RecordLost)
}

/// Reads `count` messages whose payloads are the numbers from `first` on, untold but for the last.
///
/// # Errors
///
/// `OutOfOrder`, `DeliveredTwice`, `RecordLost`.
pub async fn expect_numbers(client: &mut Client, first: usize, count: usize) -> Result<(), Failure> {
    use crate::harness::{Peer, Seen};
    for number in first..first + count {
        let patience = if number == first { JOIN } else { 2 * PATIENCE };
        let seen = loop {
            match tokio::time::timeout(patience, client.next()).await.ok() {
                Some(Seen::Ping(_)) => {}
                other => break other,
            }
        };
        let expected = format!("message {number}");
        let Some(Seen::Text(text)) = seen else {
            client.record_seen(seen.as_ref().map_or_else(|| "(nothing more)".to_owned(), ToString::to_string));
            let observed = seen.map_or(Observed::RecordLost, |seen| seen.instead_of_message());
            return Err(Failure::new(observed, expected));
        };
        let payload = text.rsplit_once(r#""payload":"#).map_or("", |(_, rest)| rest.trim_end_matches('}'));
        if payload != number.to_string() {
            client.record_seen(format!("message {payload}"));
            let got: Option<usize> = payload.parse().ok();
            let observed = match got {
                Some(got) if got < number => Observed::DeliveredTwice,
                Some(_) => Observed::OutOfOrder,
                None => Observed::WrongPayload,
            };
            return Err(Failure::new(observed, expected));
        }
    }
    client.record_seen(format!("{count} messages, in order"));
    Ok(())
}

/// Records for one user whose payloads are the numbers from `first` on.
pub fn numbers(user: &str, first: usize, count: usize) -> Vec<NewRecord> {
    (first..first + count).map(|number| record_for(user, &number.to_string()).to_partition(0)).collect()
}

/// More large records for bob than he, who does not read, and his mailbox can hold.
pub fn too_much_for_bob() -> Vec<NewRecord> {
    (0..BIG_RECORDS).map(|number| large_record_for("bob", number).to_partition(0)).collect()
}

/// Bob, who does not read.
///
/// # Errors
///
/// As `Node::stalled_user`.
pub async fn deaf_bob(node: &Node) -> Result<(RawClient, String), Failure> {
    node.stalled_user("bob").await
}

/// Waits until a socket's mailbox is as full as it gets, and stays so; gives how many frames were written to it.
///
/// # Errors
///
/// `RecordLost` if nothing is queued for it.
pub async fn stuck(node: &Node, conn: &str) -> Result<u64, Failure> {
    let row = async || {
        let rows = node.admin().sockets().await?;
        let row = rows.into_iter().find(|row| row.conn == conn);
        row.ok_or_else(|| Failure::new(Observed::ClosedTooEarly, "bob's socket in /sockets"))
    };
    let look = || async {
        let before = row().await?;
        tokio::time::sleep(STEADY).await;
        let after = row().await?;
        let is_stuck = before.queued > 0 && before.written == after.written;
        if is_stuck { Ok(after) } else { Err(Failure::new(Observed::RecordLost, "bob's records in his mailbox")) }
    };
    let stuck = eventually(JOIN, look).await?;
    node.admin().record_seen(format!("/sockets: bob: queued {}, written {}", stuck.queued, stuck.written));
    Ok(stuck.written)
}

/// A writer that gets nothing written for so long is stuck.
const STEADY: Duration = Duration::from_millis(100);
