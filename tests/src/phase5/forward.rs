//! Step 5.6: a message goes where its user is.

use super::scene::{NO_BEATS, Scene, hears, is_told_ok, knows};
use crate::Observed;
use crate::harness::gateway::message_frame;
use crate::harness::topic::record_for;
use crate::harness::users::place;
use crate::harness::{Client, Failure, Judge, Node, Talk, World, ensure};
use crate::phase3::scene::{expect_first, expect_numbers};

/// Enough to be in many batches.
const IN_ORDER: usize = 500;

/// Two nodes, and bob on the second.
///
/// # Errors
///
/// As `Scene::linked`, `Node::user` and `knows`.
pub async fn bob_on_n2(scene: &Scene<'_>, flags: &[&str]) -> Result<(Vec<Node>, Client), Failure> {
    let nodes = scene.linked(&["n1", "n2"], flags).await?;
    let (bob, conn) = nodes[1].user("bob").await?;
    knows(&nodes[0], "bob", &[place("n2", &conn)]).await?;
    Ok((nodes, bob))
}

pub async fn post(world: &World) -> Result<(), Failure> {
    let scene = Scene::new(world);
    let (nodes, mut bob) = bob_on_n2(&scene, &[]).await?;
    let payload = r#"{"a": [1.50, "\u00e9 é"]}"#;
    let told = nodes[0].post_written("bob", payload, Observed::UserNotFound).await?;
    let heard = hears(&mut bob, None, payload, Observed::MessageLost).await?;
    ensure(told == heard, Observed::WrongId, format!("the id {told}"))?;
    bob.expect_nothing_else(Observed::DeliveredTwice).await
}

pub async fn told(world: &World) -> Result<(), Failure> {
    let scene = Scene::new(world);
    let (nodes, mut bob) = bob_on_n2(&scene, &[]).await?;
    let (mut alice, conn) = nodes[0].user("alice").await?;
    knows(&nodes[1], "alice", &[place("n1", &conn)]).await?;
    alice.message("bob", "1", Some("to-bob")).await?;
    let told = is_told_ok(&mut alice, "to-bob").await?;
    let heard = hears(&mut bob, Some("alice"), "1", Observed::MessageLost).await?;
    ensure(told == heard, Observed::WrongId, format!("the id {told}"))?;
    bob.message("alice", "2", Some("to-alice")).await?;
    hears(&mut alice, Some("bob"), "2", Observed::MessageLost).await?;
    is_told_ok(&mut bob, "to-alice").await.map(drop)
}

pub async fn devices(world: &World) -> Result<(), Failure> {
    let scene = Scene::new(world);
    let nodes = scene.linked(&["n1", "n2", "n3"], &[]).await?;
    let (mut here, on_n1) = nodes[0].user("bob#1").await?;
    let (mut there, on_n2) = nodes[1].user("bob#2").await?;
    // A node is sent it once, however many devices are there.
    let (mut also_there, also_on_n2) = nodes[1].user("bob#3").await?;
    let all = [place("n1", &on_n1), place("n2", &on_n2), place("n2", &also_on_n2)];
    for node in &nodes {
        knows(node, "bob", &all).await?;
    }
    // From where one of them is, and from where none is.
    for (node, payload) in [(&nodes[0], "1"), (&nodes[2], "2")] {
        let told = node.post_written("bob", payload, Observed::UserNotFound).await?;
        for client in [&mut here, &mut there, &mut also_there] {
            let heard = hears(client, None, payload, Observed::DeviceForgotten).await;
            let heard = heard.seen_as(Observed::WrongPayload, Observed::DeliveredTwice)?;
            ensure(heard == told, Observed::WrongId, format!("the id {told} on all of them"))?;
            client.expect_nothing_else(Observed::DeliveredTwice).await?;
        }
    }
    Ok(())
}

pub async fn order(world: &World) -> Result<(), Failure> {
    let scene = Scene::new(world);
    let (nodes, mut bob) = bob_on_n2(&scene, &[]).await?;
    let mut alice = nodes[0].untold().user("alice").await?.0;
    world.story().record("alice", "n1", format!("messages to bob: 0 to {}", IN_ORDER - 1));
    for n in 0..IN_ORDER {
        alice.say(&message_frame("bob", &n.to_string(), None), "").await?;
    }
    expect_numbers(&mut bob, 0, IN_ORDER).await.seen_as(Observed::RecordLost, Observed::MessageLost)
}

pub async fn owner(world: &World) -> Result<(), Failure> {
    let scene = Scene::new(world);
    let nodes = scene.linked(&["n1", "n2", "n3"], &[]).await?;
    let (mut bob, conn) = nodes[1].user("bob").await?;
    let (_carol, _) = nodes[2].user("carol").await?;
    knows(&nodes[0], "bob", &[place("n2", &conn)]).await?;
    for n in 0..5 {
        nodes[0].post_written("bob", &n.to_string(), Observed::UserNotFound).await?;
        hears(&mut bob, None, &n.to_string(), Observed::MessageLost).await?;
    }
    // By the same link and behind them: what n3 was sent has passed by now.
    let (_dave, conn) = nodes[0].user("dave").await?;
    knows(&nodes[2], "dave", &[place("n1", &conn)]).await?;
    let elsewhere = scene.links.passed("n1", "n3", "message") + scene.links.passed("n2", "n3", "message");
    ensure(elsewhere == 0, Observed::ForwardedToAll, "no message to n3, which has nothing to do with bob")?;
    nodes[0].counted("directory.forwarded", 5).await
}

pub async fn once(world: &World) -> Result<(), Failure> {
    let scene = Scene::new(world);
    // A beat would show n1 what is kept back below.
    let nodes = scene.linked(&["n1", "n2", "n3"], &NO_BEATS).await?;
    let (mut old, stale) = nodes[1].user("bob#1").await?;
    let (mut new, conn) = nodes[2].user("bob#2").await?;
    for node in &nodes {
        knows(node, "bob", &[place("n2", &stale), place("n3", &conn)]).await?;
    }
    // n1 will still send to n2, which has nobody by that name any more, but knows who has.
    scene.links.hold("n2", "n1", "left");
    old.close(1000).await?;
    knows(&nodes[1], "bob", &[place("n3", &conn)]).await?;
    // What n1 makes of two answers is another check's matter.
    nodes[0].post_to("bob", "1").await?;
    hears(&mut new, None, "1", Observed::MessageLost).await?;
    // n2's answer comes behind whatever it may have sent on.
    let answered = crate::harness::eventually(super::scene::SOON, || async {
        let outcomes = scene.links.passed("n2", "n1", "outcome");
        ensure(outcomes == 1, Observed::NeverTold, "n2 tells n1 what became of the message")
    });
    answered.await?;
    new.expect_nothing_else(Observed::DeliveredTwice).await?;
    let onward = scene.links.passed("n2", "n3", "message");
    ensure(onward == 0, Observed::DeliveredTwice, "n2 sends on nothing that was sent to it")
}

pub async fn kafka(world: &World) -> Result<(), Failure> {
    let topic = world.topic(1).await?;
    let scene = Scene::new(world);
    let second = scene.node("n2", &[]).await?;
    let (mut bob, conn) = second.user("bob").await?;
    topic.produce(&[record_for("bob", "1"), record_for("bob", "2")]).await?;
    let flags: Vec<_> =
        [topic.flags(), vec!["--ingest-paused".to_owned(), "--commit-interval=20ms".to_owned()]].concat();
    let first = scene.node("n1", &flags.iter().map(String::as_str).collect::<Vec<_>>()).await?;
    knows(&first, "bob", &[place("n2", &conn)]).await?;
    first.admin().post("/ingest/resume", "").await?.expect(202, None)?;
    let id = expect_first(&mut bob, "1").await?;
    ensure(id.ends_with("-0-0"), Observed::WrongId, "the id of the record: topic-0-0")?;
    hears(&mut bob, None, "2", Observed::RecordLost).await?;
    topic.all_committed(super::scene::SOON, Observed::NotCommitted).await
}
