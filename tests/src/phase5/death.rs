//! Step 5.4: what a node has said dies with it.

use super::scene::{Scene, knows, link_is};
use crate::harness::users::place;
use crate::harness::{Failure, World};

pub async fn killed(world: &World) -> Result<(), Failure> {
    let scene = Scene::watchful(world);
    let nodes = scene.linked(&["n1", "n2", "n3"], &[]).await?;
    let (_alice, conn) = nodes[1].user("alice#1").await?;
    let (_also, here) = nodes[0].user("alice#2").await?;
    for node in &nodes {
        knows(node, "alice", &[place("n1", &here), place("n2", &conn)]).await?;
    }
    nodes[1].kill();
    knows(&nodes[0], "alice", &[place("n1", &here)]).await?;
    knows(&nodes[2], "alice", &[place("n1", &here)]).await
}

pub async fn left(world: &World) -> Result<(), Failure> {
    let scene = Scene::new(world);
    let nodes = scene.linked(&["n1", "n2"], &["--drain", "1s"]).await?;
    let (_alice, conn) = nodes[1].user("alice").await?;
    knows(&nodes[0], "alice", &[place("n2", &conn)]).await?;
    nodes[1].terminate();
    knows(&nodes[0], "alice", &[]).await
}

pub async fn restarted(world: &World) -> Result<(), Failure> {
    // No silence would tell: the new life does.
    let scene = Scene::new(world);
    let nodes = scene.linked(&["n1", "n2"], &[]).await?;
    let (_alice, conn) = nodes[1].user("alice").await?;
    knows(&nodes[0], "alice", &[place("n2", &conn)]).await?;
    // So that nothing which the new life says can take the place of what the old one has said.
    scene.links.cut("n1", "n2");
    nodes[1].kill();
    let again = scene.node("n2", &[]).await?;
    knows(&nodes[0], "alice", &[]).await?;
    scene.links.heal("n1", "n2");
    link_is(&nodes[0], "n2", "up").await?;
    let (_bob, conn) = again.user("bob").await?;
    knows(&nodes[0], "bob", &[place("n2", &conn)]).await
}

pub async fn hung(world: &World) -> Result<(), Failure> {
    let scene = Scene::watchful(world);
    let nodes = scene.linked(&["n1", "n2"], &[]).await?;
    let (_alice, conn) = nodes[1].user("alice").await?;
    knows(&nodes[0], "alice", &[place("n2", &conn)]).await?;
    nodes[1].pause();
    knows(&nodes[0], "alice", &[]).await?;
    nodes[1].resume();
    knows(&nodes[0], "alice", &[place("n2", &conn)]).await
}
