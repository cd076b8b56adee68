//! Step 5.2: who comes and goes is told to all.

use super::scene::{Scene, knows};
use crate::Observed;
use crate::harness::users::place;
use crate::harness::{Failure, World};

pub async fn seen(world: &World) -> Result<(), Failure> {
    let scene = Scene::new(world);
    let nodes = scene.linked(&["n1", "n2", "n3"], &[]).await?;
    let (_alice, conn) = nodes[0].user("alice").await?;
    let (_bob, other) = nodes[1].user("bob").await?;
    for node in &nodes {
        knows(node, "alice", &[place("n1", &conn)]).await?;
        knows(node, "bob", &[place("n2", &other)]).await?;
    }
    Ok(())
}

pub async fn gone(world: &World) -> Result<(), Failure> {
    let scene = Scene::new(world);
    let nodes = scene.linked(&["n1", "n2", "n3"], &[]).await?;
    let (mut alice, conn) = nodes[0].user("alice").await?;
    let (bob, other) = nodes[0].user("bob").await?;
    for node in &nodes {
        knows(node, "alice", &[place("n1", &conn)]).await?;
        knows(node, "bob", &[place("n1", &other)]).await?;
    }
    alice.close(1000).await?;
    world.story().record("bob", "n1", "(goes without a word)");
    drop(bob);
    for node in &nodes {
        knows(node, "alice", &[]).await?;
        knows(node, "bob", &[]).await?;
    }
    Ok(())
}

pub async fn devices(world: &World) -> Result<(), Failure> {
    let scene = Scene::new(world);
    let nodes = scene.linked(&["n1", "n2", "n3"], &[]).await?;
    // The same connection ids on both nodes, in all likelihood: they mean something on their own node only.
    let (mut first, on_n1) = nodes[0].user("alice#1").await?;
    let (_second, on_n2) = nodes[1].user("alice#2").await?;
    let (_third, also_on_n2) = nodes[1].user("alice#3").await?;
    let [one, two, three] = [place("n1", &on_n1), place("n2", &on_n2), place("n2", &also_on_n2)];
    for node in &nodes {
        knows(node, "alice", &[one.clone(), two.clone(), three.clone()]).await?;
    }
    first.close(1000).await?;
    for node in &nodes {
        let wanted = [two.clone(), three.clone()];
        super::scene::is_at(node, "alice", &wanted, Observed::RowErased, Observed::RowKept).await?;
    }
    Ok(())
}
