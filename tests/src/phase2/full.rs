//! Step 2.7: a full mailbox answers at once.

use std::time::Duration;

use tokio::time::timeout;

use super::stuck::{fill, read_until, until_refused};
use crate::Observed;
use crate::harness::{Client, Failure, Heard, Judge, Node, ROOM_FOR_TWO, RawClient, Talk, World, ensure, large};

/// What is refused at once is told within this, a fraction of `--deliver-timeout`, also on a busy machine.
const AT_ONCE: Duration = Duration::from_millis(300);
/// How often a full mailbox may turn out to have room again.
const ATTEMPTS: usize = 5;
/// Sent to a full mailbox: 6 MB.
const SENT: usize = 100;
/// So many of them before their answers are read.
const BATCH: usize = 10;
/// A third of what is sent.
const KIB_AT_MOST: u64 = 2048;

pub async fn told(world: &World) -> Result<(), Failure> {
    let node = world.node(&ROOM_FOR_TWO).await?;
    let (mut a, _deaf) = alice_and_stuck_bob(&node).await?;
    // An error is told without a ref as well. Some may still be taken: the kernel moves in jerks.
    let mut told = None;
    for n in 0..ATTEMPTS {
        a.message("bob", &large(n), None).await?;
        told = a.hear_within(AT_ONCE).await?;
        if told.as_ref().is_some_and(|told| told.kind() != "ok") {
            break;
        }
    }
    let told = told.ok_or_else(|| Failure::new(Observed::ToldTooLate, "error overloaded, at once"))?;
    ensure(told.is_error("overloaded", None), Observed::WrongAnswer, "error overloaded, without ref")
}

pub async fn post(world: &World) -> Result<(), Failure> {
    let node = world.node(&ROOM_FOR_TWO).await?;
    let (_a, _deaf) = alice_and_stuck_bob(&node).await?;
    for n in 0..ATTEMPTS {
        // One that is not answered at once was taken.
        let Ok(answer) = timeout(AT_ONCE, node.post_to("bob", &large(n))).await else { continue };
        let answer = answer?;
        if answer.status != 202 {
            let gone = answer.error_code() == Some("unavailable");
            ensure(!gone, Observed::FullToldAsGone, "503 overloaded")?;
            return answer.expect(503, Some("overloaded"));
        }
    }
    Err(Failure::new(Observed::ToldTooLate, "503 overloaded, at once"))
}

pub async fn others(world: &World) -> Result<(), Failure> {
    let node = world.node(&ROOM_FOR_TWO).await?;
    let (mut a, _deaf) = alice_and_stuck_bob(&node).await?;
    let (mut c, _) = node.user("carol").await?;
    for n in 0..10 {
        let (reference, payload) = (format!("carol-{n}"), n.to_string());
        a.message("bob", &large(n), None).await?;
        a.message("carol", &payload, Some(&reference)).await?;
        c.expect_message(Some("alice"), &payload).await.judged(Observed::OthersAffected, "the message, at once")?;
        // What alice is told about bob is not the question here.
        while !a.hear().await.judged(Observed::OthersAffected, "ok, at once")?.is_ok(&reference) {}
    }
    node.post_written("carol", "10", Observed::OthersAffected).await?;
    c.expect_message(None, "10").await.map(drop)
}

pub async fn device(world: &World) -> Result<(), Failure> {
    let node = world.node(&ROOM_FOR_TWO).await?;
    let (mut a, _) = node.user("alice").await?;
    let _full = stuck_bob(&node, "bob#1").await?;
    let (mut healthy, _) = node.user("bob#2").await?;
    let _full_too = stuck_bob(&node, "bob#3").await?;
    for n in 0..3 {
        let reference = n.to_string();
        a.message("bob", &large(n), Some(&reference)).await?;
        healthy
            .expect_message(Some("alice"), &large(n))
            .await
            .seen_as(Observed::NothingArrived, Observed::DeviceForgotten)?;
        let told = a.hear().await.seen_as(Observed::NothingArrived, Observed::NeverTold)?;
        ensure(told.is_ok(&reference), Observed::RefusedThoughTaken, format!("ok (ref {reference})"))?;
    }
    drop(healthy);
    node.counted("sockets.open", 3).await?;
    expect_overloaded(&until_refused(&mut a, "bob").await?)
}

pub async fn memory(world: &World) -> Result<(), Failure> {
    let node = world.node(&ROOM_FOR_TWO).await?;
    let (mut a, _deaf) = alice_and_stuck_bob(&node).await?;
    let before = node.rss_kib().await?;
    let (payload, mut refused) = (large(0), 0);
    for _ in 0..SENT / BATCH {
        for _ in 0..BATCH {
            a.message("bob", &payload, None).await?;
        }
        a.say(r#"{"type":"ping"}"#, "ping").await?;
        loop {
            let told = a.hear().await?;
            refused += usize::from(told.is_error("overloaded", None));
            if told.kind() == "pong" {
                break;
            }
        }
    }
    let more = node.rss_kib().await?.saturating_sub(before);
    node.admin().record_seen(format!("({more} KiB more than before {SENT} large messages)"));
    ensure(more <= KIB_AT_MOST, Observed::TooMuchMemory, format!("{KIB_AT_MOST} KiB more at most"))?;
    ensure(refused > SENT / 2, Observed::NeverOverloaded, format!("most of {SENT} messages refused"))
}

pub async fn room_again(world: &World) -> Result<(), Failure> {
    let node = world.node(&ROOM_FOR_TWO).await?;
    let (mut a, mut deaf) = alice_and_stuck_bob(&node).await?;
    deaf.record_sent("(begins to read)");
    // Small enough for what room there is; behind everything that waits.
    a.message("bob", r#""last""#, Some("last")).await?;
    read_until(&mut deaf, r#""last""#).await?;
    // Those that waited are answered first.
    while !a.hear().await.seen_as(Observed::NothingArrived, Observed::NeverTold)?.is_ok("last") {}
    a.message("bob", &large(0), Some("large")).await?;
    read_until(&mut deaf, &large(0)).await?;
    a.expect_ok("large").await.map(drop)
}

/// Alice, and bob, who does not read and whose mailbox is full.
async fn alice_and_stuck_bob(node: &Node) -> Result<(Client, RawClient), Failure> {
    let (mut a, _) = node.user("alice").await?;
    let (deaf, _) = node.stalled_user("bob").await?;
    expect_overloaded(&until_refused(&mut a, "bob").await?)?;
    Ok((a, deaf))
}

fn expect_overloaded(told: &Heard) -> Result<(), Failure> {
    let (expected, code) = ("error overloaded, at once", told.member("code"));
    ensure(code != Some("unavailable"), Observed::FullToldAsGone, expected)?;
    ensure(code != Some("timeout"), Observed::ToldTooLate, expected)?;
    ensure(code == Some("overloaded") && told.retry(), Observed::WrongAnswer, expected)
}

async fn stuck_bob(node: &Node, name: &str) -> Result<RawClient, Failure> {
    let mut deaf = node.connect_stalled(name).await?;
    let conn = deaf.register("bob").await?;
    fill(node, &conn).await?;
    Ok(deaf)
}
