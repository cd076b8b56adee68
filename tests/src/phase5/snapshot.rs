//! Step 5.3: a newcomer is told everything.

use futures_util::future::try_join_all;

use super::scene::{SOON, Scene, knows, link_is};
use crate::Observed;
use crate::harness::users::place;
use crate::harness::{Client, Failure, Node, World, ensure, eventually};

/// More than fit into one part.
const USERS: usize = 150;
const CHUNK: usize = 16;

pub async fn newcomer(world: &World) -> Result<(), Failure> {
    let scene = Scene::new(world);
    let first = scene.node("n1", &["--snapshot-chunk", &CHUNK.to_string()]).await?;
    let users = crowd(&first).await?;
    world.story().record("test", "n1", format!("{USERS} users register: user-0 to user-{}", USERS - 1));
    let second = scene.node("n2", &[]).await?;
    link_is(&second, "n1", "up").await?;
    // Some of each part: a look takes a while.
    for n in (0..USERS).step_by(7) {
        let is_known = || async {
            let seen = second.places(&format!("user-{n}")).await?;
            ensure(!seen.is_empty(), Observed::RowUnknown, format!("user-{n} known on n2"))
        };
        eventually(SOON, is_known).await?;
    }
    let largest = scene.links.largest_part("n1", "n2");
    ensure(largest <= CHUNK, Observed::PartTooLarge, format!("at most {CHUNK} rows a packet, and not {largest}"))?;
    // And it goes on from there.
    let (_alice, conn) = first.user("alice").await?;
    knows(&second, "alice", &[place("n1", &conn)]).await?;
    drop(users);
    Ok(())
}

pub async fn after_cut(world: &World) -> Result<(), Failure> {
    let scene = Scene::new(world);
    let nodes = scene.linked(&["n1", "n2"], &[]).await?;
    let (mut alice, conn) = nodes[0].user("alice").await?;
    knows(&nodes[1], "alice", &[place("n1", &conn)]).await?;
    scene.links.cut("n1", "n2");
    link_is(&nodes[0], "n2", "down").await?;
    alice.close(1000).await?;
    knows(&nodes[0], "alice", &[]).await?;
    let (_bob, on_n1) = nodes[0].user("bob").await?;
    let (_carol, on_n2) = nodes[1].user("carol").await?;
    scene.links.heal("n1", "n2");
    knows(&nodes[1], "bob", &[place("n1", &on_n1)]).await?;
    knows(&nodes[1], "alice", &[]).await?;
    knows(&nodes[0], "carol", &[place("n2", &on_n2)]).await
}

async fn crowd(node: &Node) -> Result<Vec<Client>, Failure> {
    let untold = node.untold();
    let user = async |n: usize| Ok(untold.user(&format!("user-{n}")).await?.0);
    let mut users = Vec::new();
    // Not all at once: a crowd at the door is another check's matter.
    for some in (0..USERS).collect::<Vec<_>>().chunks(20) {
        users.extend(try_join_all(some.iter().map(|n| user(*n))).await?);
    }
    Ok(users)
}
