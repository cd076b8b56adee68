//! Step 2.6: one name a socket.

use crate::Observed;
use crate::harness::{Failure, Judge, Peer, Talk, World, ensure};

pub async fn refused(world: &World) -> Result<(), Failure> {
    let node = world.node(&[]).await?;
    let (mut a, conn) = node.user("alice").await?;
    a.ask_name("bob", None, "2").await?;
    let told = a.hear().await.expecting("error already_registered (ref 2)")?;
    ensure(told.kind() != "registered", Observed::NameReplaced, "error already_registered (ref 2)")?;
    let refused = told.is_error("already_registered", Some("2")) && !told.retry();
    ensure(refused, Observed::WrongAnswer, "error already_registered (ref 2)")?;
    node.expect_connections("bob", &[], Observed::NameReplaced).await?;
    node.expect_connections("alice", &[&conn], Observed::NameReplaced).await
}

pub async fn stays(world: &World) -> Result<(), Failure> {
    let node = world.node(&["--sweep", "10ms"]).await?;
    let (mut a, a_conn) = node.user("alice").await?;
    // Its own name is a second one too.
    for name in ["bob", "alice", "carol"] {
        a.ask_name(name, None, "2").await?;
        a.expect_error("already_registered", Some("2")).await.seen_as(Observed::WrongAnswer, Observed::NameReplaced)?;
    }
    let (mut b, b_conn) = node.user("bob").await?;
    node.expect_connections("alice", &[&a_conn], Observed::NameReplaced).await?;
    node.expect_connections("bob", &[&b_conn], Observed::NameReplaced).await?;
    a.message("bob", "1", Some("3")).await?;
    b.expect_message(Some("alice"), "1").await.seen_as(Observed::WrongSender, Observed::NameReplaced)?;
    a.expect_ok("3").await?;
    node.post_written("alice", "2", Observed::NameReplaced).await?;
    a.expect_message(None, "2").await.seen_as(Observed::WrongAnswer, Observed::DeliveredTwice)?;
    a.expect_nothing_else(Observed::DeliveredTwice).await?;
    a.close(1000).await?;
    a.expect_close(1000).await?;
    for name in ["alice", "carol"] {
        node.forgotten(name).await?;
    }
    node.expect_connections("bob", &[&b_conn], Observed::OtherDeviceErased).await?;
    node.counted("registry.swept", 0).await.seen_as(Observed::WrongCount, Observed::LeftForTheSweep)
}
