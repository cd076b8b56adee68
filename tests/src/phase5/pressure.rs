//! Step 5.7: a peer that stalls harms nobody else.

use std::time::Duration;

use super::forward::bob_on_n2;
use super::scene::{NO_BEATS, SOON, Scene, has_counted, hears, is_told_ok, knows};
use super::told::until_not_written;
use crate::Observed;
use crate::harness::gateway::message_frame;
use crate::harness::users::place;
use crate::harness::{Client, Failure, Judge, Node, ROOM_FOR_TWO, Talk, World, ensure, eventually, large};

/// Room for a few large messages.
const NARROW: [&str; 2] = ["--link-bytes", "200000"];
/// So many large ones do not fit, wherever they wait: 6 MB.
const FLOOD: usize = 100;
/// So many fit into `NARROW` and a few more: whatever the kernel takes besides is on its way, too.
const ON_THEIR_WAY: usize = 10;
/// A third of the flood.
const KIB_AT_MOST: u64 = 2048;
/// Packets that may be on their way in some checks: fewer than there are rows to tell.
const FEW: [&str; 2] = ["--link-packets", "10"];
/// Rows that are told while one peer takes nothing.
const ROWS: usize = 30;
/// What is refused at once is told within this, a fraction of `--deliver-timeout`, also on a busy machine.
const AT_ONCE: Duration = Duration::from_secs(1);

pub async fn bound(world: &World) -> Result<(), Failure> {
    let scene = Scene::new(world);
    let (nodes, _bob) = bob_on_n2(&scene, &[&NARROW[..], &["--deliver-timeout", "20s"]].concat()).await?;
    let mut alice = nodes[0].untold().user("alice").await?.0;
    nodes[1].pause();
    let before = nodes[0].rss_kib().await?;
    world.story().record("alice", "n1", format!("{FLOOD} messages to bob of 60,000 bytes"));
    let mut refused = 0;
    for n in 0..FLOOD {
        alice.say(&message_frame("bob", &large(n), Some(&n.to_string())), "").await?;
        while let Some(heard) = alice.hear_within(Duration::from_micros(200)).await? {
            refused += usize::from(heard.member("code") == Some("overloaded"));
        }
    }
    while refused < FLOOD - ON_THEIR_WAY {
        match alice.hear_within(AT_ONCE).await? {
            Some(heard) => refused += usize::from(heard.member("code") == Some("overloaded")),
            None => break,
        }
    }
    world.story().record("n1", "alice", format!("{refused} of them: error overloaded"));
    let grown = nodes[0].rss_kib().await?.saturating_sub(before);
    ensure(refused > 0, Observed::NeverOverloaded, "error overloaded, once 200,000 bytes are on their way")?;
    let expected = format!("at most {ON_THEIR_WAY} of {FLOOD} on their way, of 60,000 bytes each");
    ensure(refused >= FLOOD - ON_THEIR_WAY, Observed::BeyondBound, expected)?;
    nodes[0].admin().record_seen(format!("(grown by {grown} KiB)"));
    ensure(grown < KIB_AT_MOST, Observed::TooMuchMemory, format!("at most {KIB_AT_MOST} KiB more"))?;
    has_counted(&nodes[0], "links.full").await
}

pub async fn told(world: &World) -> Result<(), Failure> {
    let scene = Scene::new(world);
    let (nodes, _bob) = bob_on_n2(&scene, &["--deliver-timeout", "1200ms"]).await?;
    let (mut alice, _) = nodes[0].user("alice").await?;
    nodes[1].pause();
    alice.message("bob", "1", Some("1")).await?;
    let told = alice.hear_within(SOON).await?;
    let told = told.ok_or_else(|| Failure::new(Observed::NeverTold, "error unavailable, within 1,200 ms"))?;
    ensure(told.member("code") != Some("timeout"), Observed::ToldTooLate, "error unavailable, within 1,200 ms")?;
    ensure(told.is_error("unavailable", Some("1")), Observed::WrongAnswer, "error unavailable (ref 1)")?;
    // And the next one at once: nobody waits for it twice.
    alice.message("bob", "2", Some("2")).await?;
    let told = alice.hear_within(AT_ONCE).await?;
    let told = told.ok_or_else(|| Failure::new(Observed::ToldTooLate, "error unavailable, at once"))?;
    ensure(told.is_error("unavailable", Some("2")), Observed::WrongAnswer, "error unavailable (ref 2)")?;
    has_counted(&nodes[0], "links.stalled").await
}

pub async fn others(world: &World) -> Result<(), Failure> {
    let scene = Scene::new(world);
    let nodes = scene.linked(&["n1", "n2", "n3"], &NARROW).await?;
    let (_bob, stopped) = nodes[1].user("bob").await?;
    let (mut carol, elsewhere) = nodes[2].user("carol").await?;
    let (mut dave, _) = nodes[0].user("dave").await?;
    knows(&nodes[0], "bob", &[place("n2", &stopped)]).await?;
    knows(&nodes[0], "carol", &[place("n3", &elsewhere)]).await?;
    let mut flooder = nodes[0].untold().user("erin").await?.0;
    let (mut alice, _) = nodes[0].user("alice").await?;
    nodes[1].pause();
    world.story().record("erin", "n1", "floods bob");
    for n in 0..20 {
        flooder.say(&message_frame("bob", &large(n), None), "").await?;
        is_served(&mut alice, &mut carol, "carol", n).await?;
        is_served(&mut alice, &mut dave, "dave", n).await?;
    }
    Ok(())
}

async fn is_served(alice: &mut Client, to: &mut Client, name: &str, n: usize) -> Result<(), Failure> {
    let reference = format!("{name}-{n}");
    alice.message(name, &n.to_string(), Some(&reference)).await?;
    hears(to, Some("alice"), &n.to_string(), Observed::OthersAffected).await?;
    is_told_ok(alice, &reference).await.seen_as(Observed::NeverTold, Observed::OthersAffected).map(drop)
}

pub async fn rows(world: &World) -> Result<(), Failure> {
    let scene = Scene::new(world);
    let nodes = scene.linked(&["n1", "n2", "n3"], &[FEW, NO_BEATS].concat()).await?;
    nodes[1].pause();
    // More than the link to n2 has room for.
    let mut users = Vec::new();
    for n in 0..ROWS {
        let user = nodes[0].user(&format!("user-{n}")).await;
        users.push(user.judged(Observed::OthersAffected, format!("user-{n} registered on n1"))?.0);
    }
    let (_alice, conn) = nodes[0].user("alice").await?;
    is_known(&nodes[2], &place("n1", &conn)).await?;
    nodes[1].resume();
    knows(&nodes[1], "alice", &[place("n1", &conn)]).await
}

async fn is_known(node: &Node, place: &str) -> Result<(), Failure> {
    knows(node, "alice", &[place.to_owned()]).await.seen_as(Observed::RowUnknown, Observed::OthersAffected)
}

pub async fn answer(world: &World) -> Result<(), Failure> {
    let scene = Scene::new(world);
    let (nodes, mut bob) = bob_on_n2(&scene, &[FEW, NO_BEATS].concat()).await?;
    let (mut alice, _) = nodes[0].user("alice").await?;
    // From now on n2 does not know what n1 has, and its link is full of rows that it has told.
    scene.links.hold("n1", "n2", "receipt");
    let crowd = nodes[1].untold();
    let mut users = Vec::new();
    for n in 0..ROWS {
        users.push(crowd.user(&format!("user-{n}")).await?.0);
    }
    world.story().record("test", "n2", format!("{ROWS} users register: user-0 to user-{}", ROWS - 1));
    let full = eventually(SOON, || async {
        let joined = scene.links.passed("n2", "n1", "joined");
        ensure(joined > 5, Observed::RowUnknown, "n2 tells n1 of its users, as many as there is room for")
    });
    full.await?;
    alice.message("bob", "1", Some("1")).await?;
    hears(&mut bob, Some("alice"), "1", Observed::MessageLost).await?;
    is_told_ok(&mut alice, "1").await.map(drop)
}

pub async fn stuck_user(world: &World) -> Result<(), Failure> {
    let scene = Scene::new(world);
    // Half of it has to be longer than a busy machine lets a confirmation wait.
    let flags = [ROOM_FOR_TWO, ["--deliver-timeout", "1600ms"], ["--slow-grace", "20s"]].concat();
    let nodes = scene.linked(&["n1", "n2"], &flags).await?;
    let (_deaf, stuck) = nodes[1].stalled_user("bob").await?;
    let (mut carol, conn) = nodes[1].user("carol").await?;
    let (mut alice, _) = nodes[0].user("alice").await?;
    knows(&nodes[0], "bob", &[place("n2", &stuck)]).await?;
    knows(&nodes[0], "carol", &[place("n2", &conn)]).await?;
    // The owner has the message and lives: that is a timeout.
    let answer = until_not_written(&nodes[0]).await?;
    ensure(
        answer.error_code() != Some("unavailable"),
        Observed::WrongAnswer,
        "504 timeout: n2 is there, bob is stuck",
    )?;
    answer.expect(504, Some("timeout"))?;
    for n in 0..5 {
        is_served(&mut alice, &mut carol, "carol", n).await?;
    }
    Ok(())
}
