//! Step 2.1: register answers, and says so.

use crate::Observed;
use crate::harness::{Failure, Talk, World, ensure};

pub async fn registered(world: &World) -> Result<(), Failure> {
    let node = world.node(&[]).await?;
    let mut a = node.connect("alice").await?;
    let conn = node.listed(&[]).await?;
    let told = a.register("alice").await?;
    ensure(told == conn, Observed::WrongAnswer, format!("connId {conn}, as in /sockets"))?;
    // Without a ref it is answered as well: it has a reply of its own.
    let mut b = node.connect("bob").await?;
    b.say(r#"{"type":"register","userId":"bob"}"#, "register \"bob\", without ref").await?;
    let named = |heard: &crate::harness::Heard| heard.kind() == "registered" && heard.member("userId") == Some("bob");
    let heard = b.expect_heard("registered \"bob\"", named).await?;
    ensure(!heard.has("ref"), Observed::WrongAnswer, "registered, without ref")
}

pub async fn listed(world: &World) -> Result<(), Failure> {
    let node = world.node(&["--node", "n1"]).await?;
    let (_a, a_conn) = node.user("alice").await?;
    let (_b, b_conn) = node.user("bob").await?;
    node.expect_connections("alice", &[&a_conn], Observed::UserNotFound).await?;
    node.expect_connections("bob", &[&b_conn], Observed::UserNotFound).await?;
    let answer = node.admin().get("/users/alice").await?;
    ensure(answer.body["connections"][0]["node"] == "n1", Observed::WrongAnswer, "the connection on node n1")?;
    node.expect_connections("carol", &[], Observed::WrongAnswer).await?;
    node.counted("registry.users", 2).await
}

pub async fn devices(world: &World) -> Result<(), Failure> {
    let node = world.node(&[]).await?;
    let (_a1, first) = node.user("alice#1").await?;
    let (_a2, second) = node.user("alice#2").await?;
    let (_a3, third) = node.user("alice#3").await?;
    node.expect_connections("alice", &[&first, &second, &third], Observed::DeviceForgotten).await?;
    node.counted("registry.users", 1).await
}

pub async fn names(world: &World) -> Result<(), Failure> {
    let node = world.node(&[]).await?;
    // 128 bytes, two of them in one letter.
    let longest = format!("ü{}", "x".repeat(126));
    for name in ["a", "zoë & co/1 ?#%2F", "\"\\", "..", "世界🦀", "user:1@example.org", &longest] {
        let mut client = node.connect("client").await?;
        let conn = client.register(name).await?;
        node.expect_connections(name, &[&conn], Observed::UserNotFound).await?;
    }
    let mut client = node.connect("client").await?;
    for name in ["", "a\nb", "a\0", "\u{7f}", "a\u{85}", &format!("{longest}x")] {
        client.ask_name(name, None, "1").await?;
        client.expect_error("malformed", Some("1")).await?;
    }
    // A name that was refused is no name: the connection may still take one.
    client.register("alice").await?;
    Ok(())
}
