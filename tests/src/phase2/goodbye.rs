//! Step 2.4: a late goodbye erases only itself.

use crate::Observed;
use crate::harness::{Client, Failure, Judge, Peer, Talk, World};

/// How often the user moves to a new connection.
const MOVES: usize = 20;

pub async fn late(world: &World) -> Result<(), Failure> {
    let node = world.node(&[]).await?;
    let (first, first_conn) = node.user("alice#1").await?;
    let (mut second, second_conn) = node.user("alice#2").await?;
    close(first).await?;
    // A socket leaves this list only after its registration has ended.
    node.unlisted(&first_conn).await?;
    node.post_written("alice", r#""hi""#, Observed::NewerConnectionErased).await?;
    second.expect_message(None, r#""hi""#).await.seen_as(Observed::NothingArrived, Observed::NewerConnectionErased)?;
    node.expect_connections("alice", &[&second_conn], Observed::StillRegistered).await
}

pub async fn other(world: &World) -> Result<(), Failure> {
    let node = world.node(&[]).await?;
    let (mut first, first_conn) = node.user("alice#1").await?;
    let (second, second_conn) = node.user("alice#2").await?;
    let (mut third, third_conn) = node.user("alice#3").await?;
    close(second).await?;
    node.unlisted(&second_conn).await?;
    node.expect_connections("alice", &[&first_conn, &third_conn], Observed::OtherDeviceErased).await?;
    node.post_written("alice", "1", Observed::OtherDeviceErased).await?;
    for client in [&mut first, &mut third] {
        client.expect_message(None, "1").await.seen_as(Observed::NothingArrived, Observed::OtherDeviceErased)?;
    }
    node.counted("registry.users", 1).await
}

pub async fn last(world: &World) -> Result<(), Failure> {
    let node = world.node(&["--sweep", "10ms"]).await?;
    let (first, first_conn) = node.user("alice#1").await?;
    let (second, second_conn) = node.user("alice#2").await?;
    close(first).await?;
    node.connections_until("alice", &[&second_conn], Observed::GhostUser).await?;
    close(second).await?;
    node.forgotten("alice").await?;
    node.counted("registry.users", 0).await.seen_as(Observed::WrongCount, Observed::GhostUser)?;
    node.unlisted(&first_conn).await?;
    let (_third, third_conn) = node.user("alice#3").await?;
    node.expect_connections("alice", &[&third_conn], Observed::UserNotFound).await?;
    node.counted("registry.swept", 0).await.seen_as(Observed::WrongCount, Observed::LeftForTheSweep)
}

pub async fn race(world: &World) -> Result<(), Failure> {
    let node = world.node(&["--sweep", "10ms"]).await?;
    let (mut client, mut conn) = node.user("alice").await?;
    node.admin().record_asked(format!("(alice moves {MOVES} times to a new connection)"));
    let quiet = node.untold();
    for n in 0..MOVES {
        let mut next = quiet.connect("alice").await?;
        if n % 2 == 0 {
            // Its goodbye and the newcomer's hello are under way at the same time.
            drop(client);
            conn = next.register("alice").await?;
        } else {
            let (gone, registered) = tokio::join!(client.close(1000), next.register("alice"));
            gone?;
            conn = registered?;
        }
        client = next;
    }
    node.connections_until("alice", &[&conn], Observed::NewerConnectionErased).await?;
    node.post_written("alice", "1", Observed::NewerConnectionErased).await?;
    client.expect_message(None, "1").await.seen_as(Observed::NothingArrived, Observed::NewerConnectionErased)?;
    node.counted("registry.swept", 0).await.seen_as(Observed::WrongCount, Observed::LeftForTheSweep)
}

/// Closes it properly, and waits until that is over.
pub async fn close(mut client: Client) -> Result<(), Failure> {
    client.close(1000).await?;
    client.expect_close(1000).await?;
    client.expect_end().await
}
