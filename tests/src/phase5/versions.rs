//! Step 5.5: the newest word counts, and each node's words are compared with its own.

use super::scene::{NO_BEATS, SOON, Scene, has_counted, is_at, knows, knows_now, link_is};
use crate::Observed;
use crate::harness::users::place;
use crate::harness::{Failure, Judge, World, ensure, eventually};

/// Beats are a fraction of it: what got lost is noticed sooner.
const BEATS: [&str; 2] = ["--deliver-timeout", "1s"];
/// Makes one node's numbers much higher than another's.
const CHANGES: usize = 20;

pub async fn said_again(world: &World) -> Result<(), Failure> {
    let scene = Scene::new(world);
    let nodes = scene.linked(&["n1", "n2"], &NO_BEATS).await?;
    let (mut alice, conn) = nodes[1].user("alice").await?;
    knows(&nodes[0], "alice", &[place("n2", &conn)]).await?;
    alice.close(1000).await?;
    knows(&nodes[0], "alice", &[]).await?;
    scene.links.say_again("n2", "n1", "joined").await;
    // What comes after it shows that it has come.
    let (_carol, conn) = nodes[1].user("carol").await?;
    knows(&nodes[0], "carol", &[place("n2", &conn)]).await?;
    knows_now(&nodes[0], "alice", &[], Observed::RowRevived).await?;
    nodes[0].counted("directory.repeats", 1).await
}

pub async fn late_goodbye(world: &World) -> Result<(), Failure> {
    let scene = Scene::new(world);
    let nodes = scene.linked(&["n1", "n2", "n3"], &BEATS).await?;
    let (mut alice, old) = nodes[0].user("alice").await?;
    knows(&nodes[2], "alice", &[place("n1", &old)]).await?;
    scene.links.hold("n1", "n3", "left");
    alice.close(1000).await?;
    knows(&nodes[0], "alice", &[]).await?;
    let (_again, new) = nodes[1].user("alice").await?;
    for node in &nodes[..2] {
        knows(node, "alice", &[place("n2", &new)]).await?;
    }
    scene.links.release("n1", "n3").await;
    is_at(&nodes[2], "alice", &[place("n2", &new)], Observed::RowErased, Observed::RowKept).await
}

pub async fn own_numbers(world: &World) -> Result<(), Failure> {
    let scene = Scene::new(world);
    let nodes = scene.linked(&["n1", "n2", "n3"], &NO_BEATS).await?;
    let busy = nodes[0].untold();
    world.story().record("test", "n1", format!("{CHANGES} users come and go"));
    for n in 0..CHANGES {
        let name = format!("passer-by-{n}");
        drop(busy.user(&name).await?);
        knows(&busy, &name, &[]).await?;
    }
    let (mut alice, old) = nodes[0].user("alice").await?;
    knows(&nodes[2], "alice", &[place("n1", &old)]).await?;
    let (_again, new) = nodes[1].user("alice").await?;
    knows(&nodes[2], "alice", &[place("n1", &old), place("n2", &new)]).await?;
    alice.close(1000).await?;
    is_at(&nodes[2], "alice", &[place("n2", &new)], Observed::RowErased, Observed::RowKept).await
}

pub async fn before_snapshot(world: &World) -> Result<(), Failure> {
    let scene = Scene::new(world);
    let first = scene.node("n1", &BEATS).await?;
    let (mut alice, _) = first.user("alice").await?;
    let (_carol, stays) = first.user("carol").await?;
    scene.links.hold("n1", "n2", "snapshot");
    // Nor another one before the changes are there.
    scene.links.hold("n2", "n1", "ask");
    let second = scene.node("n2", &BEATS).await?;
    link_is(&first, "n2", "up").await?;
    link_is(&second, "n1", "up").await?;
    let (_bob, comes) = first.user("bob").await?;
    alice.close(1000).await?;
    has_told(&scene, "left", 0).await?;
    scene.links.discard("n2", "n1");
    scene.links.release("n1", "n2").await;
    knows(&second, "carol", &[place("n1", &stays)]).await?;
    let made_up = async {
        knows(&second, "bob", &[place("n1", &comes)]).await?;
        knows(&second, "alice", &[]).await
    };
    // What was let go is not among those that have passed.
    answered(&scene, 0, made_up.await)
}

pub async fn lost_change(world: &World) -> Result<(), Failure> {
    let scene = Scene::new(world);
    let nodes = scene.linked(&["n1", "n2"], &BEATS).await?;
    let (mut alice, conn) = nodes[0].user("alice").await?;
    knows(&nodes[1], "alice", &[place("n1", &conn)]).await?;
    let (told, joined) = (scene.links.passed("n1", "n2", "snapshot"), scene.links.passed("n1", "n2", "joined"));
    // A gap, and a change behind it: 1, 3. No beat tells of what is missing before that has come.
    scene.links.hold("n1", "n2", "beat");
    scene.links.hold("n1", "n2", "left");
    alice.close(1000).await?;
    knows(&nodes[0], "alice", &[]).await?;
    let (_bob, on_n1) = nodes[0].user("bob").await?;
    has_told(&scene, "joined", joined).await?;
    scene.links.discard("n1", "n2");
    let made_up = async {
        knows(&nodes[1], "bob", &[place("n1", &on_n1)]).await?;
        knows(&nodes[1], "alice", &[]).await
    };
    answered(&scene, told, made_up.await)?;
    // And the last one, which nothing follows.
    scene.links.lose("n1", "n2", "joined", 1);
    let (_carol, conn) = nodes[0].user("carol").await?;
    knows(&nodes[1], "carol", &[place("n1", &conn)]).await?;
    has_counted(&nodes[1], "directory.missed").await
}

/// Waits until n1 has told n2 of more changes of this kind than before.
async fn has_told(scene: &Scene<'_>, kind: &str, before: usize) -> Result<(), Failure> {
    let look = || async {
        let has_passed = scene.links.passed("n1", "n2", kind) > before;
        ensure(has_passed, Observed::RowUnknown, format!("{kind}, from n1 to n2"))
    };
    eventually(SOON, look).await
}

/// If n2 lacks something and has asked for it: was it told, beyond the `told` parts of snapshots that it had?
fn answered(scene: &Scene<'_>, told: usize, known: Result<(), Failure>) -> Result<(), Failure> {
    let has_asked = scene.links.passed("n2", "n1", "ask") > 0;
    if !has_asked || scene.links.passed("n1", "n2", "snapshot") > told {
        return known;
    }
    let in_vain = Observed::AskedInVain;
    known.seen_as(Observed::RowUnknown, in_vain).seen_as(Observed::RowKept, in_vain)
}
