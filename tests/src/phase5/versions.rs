//! Step 5.5: the newest word counts, and each node's words are compared with its own.

use super::scene::{NO_BEATS, Scene, is_at, knows, knows_now, link_is};
use crate::Observed;
use crate::harness::users::place;
use crate::harness::{Failure, World};

/// Beats are a fraction of it: what got lost is noticed sooner.
const BEATS: [&str; 2] = ["--deliver-timeout", "1s"];
/// Makes one node's numbers much higher than another's.
const CHANGES: usize = 20;

pub async fn said_again(world: &World) -> Result<(), Failure> {
    let scene = Scene::new(world);
    let nodes = scene.linked(&["n1", "n2"], &BEATS).await?;
    let (mut alice, conn) = nodes[1].user("alice").await?;
    knows(&nodes[0], "alice", &[place("n2", &conn)]).await?;
    alice.close(1000).await?;
    knows(&nodes[0], "alice", &[]).await?;
    scene.links.say_again("n2", "n1", "joined").await;
    // What comes after it shows that it has come.
    let (_carol, conn) = nodes[1].user("carol").await?;
    knows(&nodes[0], "carol", &[place("n2", &conn)]).await?;
    knows_now(&nodes[0], "alice", &[], Observed::RowRevived).await
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
    let second = scene.node("n2", &BEATS).await?;
    link_is(&first, "n2", "up").await?;
    link_is(&second, "n1", "up").await?;
    let (_bob, comes) = first.user("bob").await?;
    alice.close(1000).await?;
    knows(&first, "alice", &[]).await?;
    scene.links.release("n1", "n2").await;
    knows(&second, "carol", &[place("n1", &stays)]).await?;
    knows(&second, "bob", &[place("n1", &comes)]).await?;
    knows(&second, "alice", &[]).await
}

pub async fn lost_change(world: &World) -> Result<(), Failure> {
    let scene = Scene::new(world);
    let nodes = scene.linked(&["n1", "n2"], &BEATS).await?;
    let (mut alice, conn) = nodes[0].user("alice").await?;
    knows(&nodes[1], "alice", &[place("n1", &conn)]).await?;
    scene.links.lose("n1", "n2", "left", 1);
    scene.links.lose("n1", "n2", "joined", 1);
    let (_bob, conn) = nodes[0].user("bob").await?;
    alice.close(1000).await?;
    knows(&nodes[1], "bob", &[place("n1", &conn)]).await?;
    knows(&nodes[1], "alice", &[]).await
}
