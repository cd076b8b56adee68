//! Step 5.6: the sender is told, wherever the user is.

use std::time::Duration;

use super::forward::bob_on_n2;
use super::scene::{NO_BEATS, SOON, Scene, hears, is_told_ok, knows, knows_now, link_is};
use crate::Observed;
use crate::harness::users::place;
use crate::harness::{Client, Failure, Heard, LARGE_BYTES, Node, ROOM_FOR_TWO, Talk, World, ensure, eventually, large};

/// What is known at once is told within this, a fraction of `--deliver-timeout`, also on a busy machine.
const AT_ONCE: Duration = Duration::from_millis(800);
/// 12 MB: several times what a kernel keeps for a connection.
const BIG_AT_MOST: usize = 200;

pub async fn gone(world: &World) -> Result<(), Failure> {
    let scene = Scene::new(world);
    let (nodes, mut bob) = bob_on_n2(&scene, &NO_BEATS).await?;
    scene.links.hold("n2", "n1", "left");
    bob.close(1000).await?;
    knows(&nodes[1], "bob", &[]).await?;
    // n1 does not know it yet, and n2 does.
    nodes[0].post_to("bob", "1").await?.expect(404, Some("not_connected"))
}

pub async fn full(world: &World) -> Result<(), Failure> {
    let scene = Scene::new(world);
    let nodes = scene.linked(&["n1", "n2"], &[ROOM_FOR_TWO, ["--deliver-timeout", "5s"]].concat()).await?;
    let (_deaf, conn) = nodes[1].stalled_user("bob").await?;
    knows(&nodes[0], "bob", &[place("n2", &conn)]).await?;
    let (mut alice, _) = nodes[0].user("alice").await?;
    let mut told = None;
    for n in 0..BIG_AT_MOST {
        alice.message("bob", &large(n), Some(&n.to_string())).await?;
        while let Some(heard) = alice.hear_within(Duration::from_millis(2)).await? {
            if heard.kind() != "ok" {
                told = Some(heard);
            }
        }
        if told.is_some() {
            break;
        }
    }
    let told = match told {
        Some(told) => told,
        None => {
            alice.hear_within(AT_ONCE).await?.ok_or_else(|| Failure::new(Observed::NeverTold, "error overloaded"))?
        }
    };
    let is_gone = told.member("code") == Some("unavailable");
    ensure(!is_gone, Observed::FullToldAsGone, "error overloaded")?;
    ensure(told.member("code") == Some("overloaded"), Observed::WrongAnswer, "error overloaded")
}

pub async fn unavailable(world: &World) -> Result<(), Failure> {
    let scene = Scene::new(world);
    let (nodes, mut bob) = bob_on_n2(&scene, &["--deliver-timeout", "5s"]).await?;
    let bob_is_at = nodes[0].places("bob").await?;
    let (mut alice, _) = nodes[0].user("alice").await?;
    scene.links.cut("n1", "n2");
    link_is(&nodes[0], "n2", "down").await?;
    // Nobody has given n2 up: bob may well be there.
    alice.message("bob", "1", Some("cut")).await?;
    let told = alice.hear_within(AT_ONCE).await?;
    let told = told.ok_or_else(|| Failure::new(Observed::ToldTooLate, "error unavailable, at once"))?;
    if told.is_error("not_connected", Some("cut")) {
        // Are his rows still there, and was it said all the same?
        knows_now(&nodes[0], "bob", &bob_is_at, Observed::RowsGoneWithLink).await?;
        return Err(Failure::new(Observed::UnreachableToldAsGone, "error unavailable, retry true"));
    }
    let is_told = told.is_error("unavailable", Some("cut")) && told.retry();
    ensure(is_told, Observed::WrongAnswer, "error unavailable, retry true (ref cut)")?;
    scene.links.heal("n1", "n2");
    let again = eventually(SOON, || async {
        let answer = nodes[0].admin().post_quietly("/users/bob/messages", "2".into()).await?;
        ensure(answer.status == 202, Observed::NeverReturned, "202, now that the link is healed")
    });
    again.await?;
    hears(&mut bob, None, "2", Observed::MessageLost).await.map(drop)
}

pub async fn several(world: &World) -> Result<(), Failure> {
    let scene = Scene::new(world);
    // A beat would show n1 what is kept back below.
    let nodes = scene.linked(&["n1", "n2", "n3"], &NO_BEATS).await?;
    let (mut gone, stale) = nodes[1].user("bob#1").await?;
    let (mut bob, conn) = nodes[2].user("bob#2").await?;
    let (mut alice, here) = nodes[0].user("alice").await?;
    let (mut carol, _) = nodes[1].user("carol").await?;
    knows(&nodes[0], "bob", &[place("n2", &stale), place("n3", &conn)]).await?;
    knows(&nodes[1], "alice", &[place("n1", &here)]).await?;
    scene.links.hold("n2", "n1", "left");
    gone.close(1000).await?;
    knows(&nodes[1], "bob", &[place("n3", &conn)]).await?;
    // n2 says at once that nobody is there; n3, which has written it, says so later.
    scene.links.hold("n3", "n1", "outcome");
    alice.message("bob", "1", Some("1")).await?;
    hears(&mut bob, Some("alice"), "1", Observed::MessageLost).await?;
    let refused = eventually(SOON, || async {
        let answers = scene.links.passed("n2", "n1", "outcome");
        ensure(answers == 1, Observed::NeverTold, "n2 tells n1 what became of the message")
    });
    refused.await?;
    // By the same link and behind that answer: once she hears this, n1 has heard the other.
    carol.message("alice", "2", None).await?;
    let told = hears_of(&mut alice, "message 2, from carol").await?;
    let is_refused = told.is_error("not_connected", Some("1"));
    ensure(!is_refused, Observed::RefusedThoughTaken, "ok (ref 1), as soon as n3 says that it has written it")?;
    ensure(told.payload().as_deref() == Some("2"), Observed::WrongAnswer, "message 2, from carol")?;
    scene.links.release("n3", "n1").await;
    is_told_ok(&mut alice, "1").await?;
    // Now n2 says the same, and nobody can say what n3 would: he may be there.
    scene.links.cut("n1", "n3");
    link_is(&nodes[0], "n3", "down").await?;
    alice.message("bob", "3", Some("3")).await?;
    let told = hears_of(&mut alice, "error unavailable (ref 3)").await?;
    let is_gone = told.is_error("not_connected", Some("3"));
    ensure(!is_gone, Observed::UnreachableToldAsGone, "error unavailable (ref 3): he may be on n3")?;
    ensure(told.is_error("unavailable", Some("3")), Observed::WrongAnswer, "error unavailable (ref 3)")
}

async fn hears_of(client: &mut Client, expected: &str) -> Result<Heard, Failure> {
    client.hear_within(SOON).await?.ok_or_else(|| Failure::new(Observed::NeverTold, expected))
}

pub async fn dies(world: &World) -> Result<(), Failure> {
    let scene = Scene::watchful(world);
    let (nodes, _bob) = bob_on_n2(&scene, &["--deliver-timeout", "20s"]).await?;
    let (mut alice, _) = nodes[0].user("alice").await?;
    // It takes the message, and tells nobody: its answer is kept back, and then it is dead.
    scene.links.hold("n2", "n1", "outcome");
    alice.message("bob", "1", Some("last")).await?;
    let taken = eventually(SOON, || async {
        let sent = scene.links.passed("n1", "n2", "message");
        ensure(sent == 1, Observed::MessageLost, "the message on its way to n2")
    });
    taken.await?;
    nodes[1].kill();
    let told = hears_of(&mut alice, "error unavailable").await?;
    let is_told = told.is_error("unavailable", Some("last")) && told.retry();
    ensure(is_told, Observed::WrongAnswer, "error unavailable, retry true (ref last)")?;
    // Once it is given up, nobody is there by that name.
    knows(&nodes[0], "bob", &[]).await?;
    nodes[0].post_to("bob", "2").await?.expect(404, Some("not_connected"))
}

/// Posts large messages to bob until one is not written; gives that answer.
///
/// # Errors
///
/// `ToldTooEarly` if more is written than can have been.
pub async fn until_not_written(node: &Node) -> Result<crate::harness::Answer, Failure> {
    let admin = node.admin().clone().patient(SOON);
    for n in 0..BIG_AT_MOST {
        let answer = admin.post_quietly("/users/bob/messages", large(n).into()).await?;
        if answer.status != 202 {
            node.admin().record_asked(format!("POST /users/bob/messages, {LARGE_BYTES} bytes, number {}", n + 1));
            node.admin().record(&answer);
            return Ok(answer);
        }
    }
    Err(Failure::new(Observed::ToldTooEarly, "504 timeout, once the client's buffers are full"))
}
