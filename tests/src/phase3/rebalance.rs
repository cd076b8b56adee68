//! Step 3.6: settle before letting go.

use std::collections::BTreeSet;
use std::ops::{Range, RangeInclusive};
use std::time::Duration;

use tokio::time::{Instant, interval, timeout};

use super::scene::{JOIN, deaf_bob, node, node_called, stuck, too_much_for_bob};
use crate::Observed;
use crate::harness::broker::NewRecord;
use crate::harness::topic::large_record_for;
use crate::harness::{
    Client, Failure, Node, PATIENCE, Peer, ROOM_FOR_TWO, RawClient, Seen, Talk, Topic, World, ensure, eventually,
};

/// Nothing is committed but by what the check is about.
const NEVER: [&str; 2] = ["--commit-interval", "1h"];
/// A node that is in the group already has so long, less a second, to hear that another joins: the mock cluster waits for just that time
/// in each rebalance.
const SESSIONS: [Duration; 3] = [Duration::from_millis(1600), Duration::from_millis(1900), Duration::from_millis(2900)];
/// The mock cluster takes a group for whole as soon as its leader, the older node, has come back from a rebalance: the younger one is refused
/// if it is later, joins anew, and meanwhile commits are refused to both. No broker does so. So the older one's answers come later: first
/// the younger asks, then the older; in the second rebalance the other way round.
const YOUNGER_FIRST_MS: [u16; 4] = [0, 150, 150, 0];
/// Between two messages of somebody who reads slowly.
const PACE: Duration = Duration::from_millis(120);
/// Lasts at this pace until a partition has moved, also on a busy machine.
const BACKLOG: usize = 48;
/// More than a slow client's kernel and mailbox have room for.
const TOO_MUCH: usize = 8;

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
/// does everything right repeats: one that hears of a rebalance too late is given up by the group. Or the readers are through by then, and
/// nothing was under way. Neither proves anything, so another pair tries.
pub async fn join(world: &World) -> Result<(), Failure> {
    let mut result = Ok(());
    for session in SESSIONS {
        let joined = join_within(world, session).await?;
        result = joined.result;
        let late: u16 = YOUNGER_FIRST_MS.iter().sum();
        let in_time = (session - Duration::from_secs(1)) * 5 / 2 + Duration::from_millis(late.into());
        let proves = if result.is_ok() { joined.was_under_way } else { joined.took < in_time };
        if proves {
            break;
        }
    }
    result
}

/// What became of a pair.
struct Joined {
    /// How long the second node waited for partitions.
    took: Duration,
    /// Whether n1 had something under way of each partition then.
    was_under_way: bool,
    /// Whether each record is written once.
    result: Result<(), Failure>,
}

/// Of each partition there is something under way on n1 for as long as its users read, and they read slowly.
async fn join_within(world: &World, session: Duration) -> Result<Joined, Failure> {
    let mock = world.own_mock().await?;
    let topic = match &mock {
        Some(mock) => Topic::new(mock, 2).await?,
        None => world.topic(2).await?,
    };
    let session = format!("{}ms", session.as_millis());
    let flags = [NEVER, ROOM_FOR_TWO, ["--kafka-session-timeout", &session]].concat();
    let n1 = node_called(world, "n1", &topic, &flags).await?;
    let (mut bob, mut carol) = (slow_user(&n1, "bob#1").await?, slow_user(&n1, "carol#1").await?);
    topic.produce_many(&backlog(0..TOO_MUCH)).await?;
    stuck(&n1, &bob.conn).await?;
    for slow in [&bob, &carol] {
        slow.client.record_sent(format!("(reads, a message each {} ms)", PACE.as_millis()));
    }
    if let Some(mock) = &mock {
        mock.hold_back("JoinGroup", &YOUNGER_FIRST_MS).await?;
    }
    // Paused, so that nothing is read before it is known which partition has moved.
    let n2 = node_called(world, "n2", &topic, &[&flags[..], &["--ingest-paused"]].concat()).await?;
    let began = Instant::now();
    topic.produce_many(&backlog(TOO_MUCH..BACKLOG)).await?;
    let (mut bob_again, _) = n2.user("bob#2").await?;
    let (mut carol_again, _) = n2.user("carol#2").await?;
    let joined = eventually(2 * JOIN, || async {
        let own = n2.admin().counter("ingest.paused_partitions").await?;
        ensure(own > 0, Observed::TookTooLong, "n2 has a partition").map(|()| own)
    });
    let own = tokio::select! {
        own = joined => own?,
        ended = bob.read() => return Err(ended),
        ended = carol.read() => return Err(ended),
    };
    let took = began.elapsed();
    let was_under_way = [&bob, &carol].iter().all(|slow| slow.seen.len() < BACKLOG);
    n2.admin().record_seen(format!("(has {own} of 2 partitions)"));
    n2.admin().post("/ingest/resume", "").await?.expect(202, None)?;
    let both = tokio::try_join!(bob.each_once(&mut bob_again), carol.each_once(&mut carol_again));
    Ok(Joined { took, was_under_way, result: both.map(drop) })
}

/// Somebody who reads at a pace.
struct Slow {
    client: RawClient,
    conn: String,
    /// The numbers of the messages so far.
    seen: BTreeSet<usize>,
}

async fn slow_user(node: &Node, name: &str) -> Result<Slow, Failure> {
    let (client, conn) = node.stalled_user(name).await?;
    Ok(Slow { client, conn, seen: BTreeSet::new() })
}

impl Slow {
    /// Reads until something comes that should not.
    async fn read(&mut self) -> Failure {
        let mut pace = interval(PACE);
        loop {
            pace.tick().await;
            let next = self.client.next().await;
            if let Err((text, failure)) = self.note(&next) {
                self.client.record_seen(text);
                return failure;
            }
        }
    }

    /// All the other messages come, here or to the same user's other connection, and none comes twice.
    async fn each_once(&mut self, other: &mut Client) -> Result<(), Failure> {
        self.client.record_seen(format!("{} messages so far", self.seen.len()));
        while self.seen.len() < BACKLOG {
            let next = async {
                tokio::select! {
                    next = self.client.next() => (true, next),
                    next = other.next() => (false, next),
                }
            };
            let Ok((is_here, next)) = timeout(JOIN, next).await else {
                other.record_seen(format!("(nothing more; {} of {BACKLOG} have come)", self.seen.len()));
                return Err(Failure::new(Observed::RecordLost, "the other messages"));
            };
            if let Err((text, failure)) = self.note(&next) {
                if is_here {
                    self.client.record_seen(text)
                } else {
                    other.record_seen(text)
                }
                return Err(failure);
            }
        }
        other.record_seen(format!("all {BACKLOG} messages by now, each once"));
        // What the other node has read may be here sooner than what this one has queued.
        self.client.expect_nothing_else(Observed::RecordRepeated).await
    }

    /// Notes a message; what was seen and how that fails, unless it is the first with its number.
    fn note(&mut self, seen: &Seen) -> Result<(), (String, Failure)> {
        let number = match seen {
            Seen::Ping(_) => return Ok(()),
            Seen::Text(text) => number(text),
            _ => None,
        };
        let strange = || (seen.to_string(), Failure::new(seen.instead_of_message(), "a numbered message"));
        let number = number.ok_or_else(strange)?;
        let again =
            || (format!("message {number}, again"), Failure::new(Observed::RecordRepeated, "each message once"));
        self.seen.insert(number).then_some(()).ok_or_else(again)
    }
}

/// Large records, numbered, for two users, each in a partition of his own.
fn backlog(numbers: Range<usize>) -> Vec<NewRecord> {
    let users = [("bob", 0), ("carol", 1)];
    let of = |(user, partition), number| large_record_for(user, number).to_partition(partition);
    numbers.flat_map(|number| users.map(|user| of(user, number))).collect()
}
