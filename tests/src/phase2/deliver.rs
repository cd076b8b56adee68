//! Step 2.2: a message reaches its user, and nobody else.

use crate::Observed;
use crate::harness::users::{messages_path, user_path};
use crate::harness::{Answer, Failure, Judge, Node, Talk, World, ensure};

/// Posted one after the other.
const IN_ORDER: usize = 50;

pub async fn arrives(world: &World) -> Result<(), Failure> {
    let node = world.node(&[]).await?;
    let (mut a, _) = node.user("alice").await?;
    let told = node.post_written("alice", r#""hi""#, Observed::UserNotFound).await?;
    let heard = a.expect_message(None, r#""hi""#).await.seen_as(Observed::NothingArrived, Observed::MessageLost)?;
    ensure(told == heard, Observed::WrongId, format!("the id {told}"))?;
    a.expect_nothing_else(Observed::DeliveredTwice).await
}

pub async fn to_one(world: &World) -> Result<(), Failure> {
    let node = world.node(&[]).await?;
    let (mut a, _) = node.user("alice").await?;
    let (mut b, _) = node.user("bob").await?;
    let mut nameless = node.connect("nameless").await?;
    node.post_written("alice", r#""for alice""#, Observed::UserNotFound).await?;
    a.expect_message(None, r#""for alice""#).await?;
    node.post_written("bob", r#""for bob""#, Observed::UserNotFound).await?;
    // What was for alice would have come first.
    b.expect_message(None, r#""for bob""#).await.seen_as(Observed::WrongPayload, Observed::Misdelivered)?;
    a.expect_nothing_else(Observed::Misdelivered).await?;
    nameless.expect_nothing_else(Observed::Misdelivered).await
}

pub async fn to_nobody(world: &World) -> Result<(), Failure> {
    let node = world.node(&[]).await?;
    let (mut a, _) = node.user("alice").await?;
    for name in ["nobody", "Alice", "alic", "alice ", "ALICE"] {
        node.post_to(name, "1").await?.expect(404, Some("not_connected"))?;
    }
    node.counted("messages.not_connected", 5).await?;
    a.expect_nothing_else(Observed::Misdelivered).await
}

pub async fn devices(world: &World) -> Result<(), Failure> {
    let node = world.node(&[]).await?;
    let (mut first, _) = node.user("alice#1").await?;
    let (mut second, _) = node.user("alice#2").await?;
    let told = node.post_written("alice", "1", Observed::UserNotFound).await?;
    let lost = |result: Result<String, Failure>| result.seen_as(Observed::NothingArrived, Observed::DeviceForgotten);
    for client in [&mut first, &mut second] {
        let id = lost(client.expect_message(None, "1").await)?;
        ensure(id == told, Observed::WrongId, format!("the id {told} on both"))?;
        client.expect_nothing_else(Observed::DeliveredTwice).await?;
    }
    let other = node.post_written("alice", "1", Observed::UserNotFound).await?;
    ensure(other != told, Observed::WrongId, "an id of its own")
}

pub async fn unchanged(world: &World) -> Result<(), Failure> {
    let node = world.node(&[]).await?;
    let (mut a, _) = node.user("zoë & co").await?;
    let long = format!(r#""{}""#, world.rng().text(30_000));
    for payload in [
        "null",
        "false",
        r#"{"b": 1.50e+02,"a":[ ],"b":2}"#,
        "123456789012345678901234567890.10",
        r#""\u00e9\/ é 🦀\ud83e\udd80\n""#,
        "[\n\t1 ,\r\n 2 ]",
        r#"{"type":"message","id":"mine","from":"nobody"}"#,
        "-0.0",
        &long,
    ] {
        node.post_written("zoë & co", payload, Observed::UserNotFound).await?;
        a.expect_message(None, payload).await?;
    }
    // What surrounds the value is no part of it.
    node.post_written("zoë & co", " \n[1] ", Observed::UserNotFound).await?;
    a.expect_message(None, "[1]").await.map(drop)
}

pub async fn order(world: &World) -> Result<(), Failure> {
    let node = world.node(&[]).await?;
    let (mut a, _) = node.user("alice").await?;
    let path = messages_path("alice");
    node.admin().record_asked(format!("POST {path} 0 to {}", IN_ORDER - 1));
    for n in 0..IN_ORDER {
        node.admin().post_quietly(&path, n.to_string().into()).await?.written_id()?;
    }
    for n in 0..IN_ORDER {
        a.expect_message(None, &n.to_string())
            .await
            .seen_as(Observed::WrongPayload, Observed::OutOfOrder)
            .seen_as(Observed::NothingArrived, Observed::MessageLost)?;
    }
    Ok(())
}

pub async fn keyed(world: &World) -> Result<(), Failure> {
    let node = world.node(&[]).await?;
    let (mut a, _) = node.user("alice").await?;
    let (_b, _) = node.user("bob").await?;
    let first = post_keyed(&node, "alice", "key-1").await?.written_id()?;
    let again = post_keyed(&node, "alice", "key-1").await?.written_id()?;
    ensure(again == first, Observed::WrongId, format!("the id {first} again"))?;
    for (user, key) in [("alice", "key-2"), ("bob", "key-1")] {
        let other = post_keyed(&node, user, key).await?.written_id()?;
        ensure(other != first, Observed::WrongId, "another id")?;
    }
    let heard = a.expect_message(None, "1").await?;
    ensure(heard == first, Observed::WrongId, format!("the id {first}"))?;
    for key in ["", &"x".repeat(129)] {
        post_keyed(&node, "alice", key).await?.expect(400, Some("malformed"))?;
    }
    post_keyed(&node, "alice", &"x".repeat(128)).await?.written_id().map(drop)
}

pub async fn refused(world: &World) -> Result<(), Failure> {
    let node = world.node(&["--max-message", "1000"]).await?;
    let (mut a, _) = node.user("alice").await?;
    for body in ["", " ", "{", "hello", "1 2", r#"{"a":1,}"#, "'1'", "NaN"] {
        node.post_to("alice", body).await?.expect(400, Some("malformed"))?;
    }
    let path = messages_path("alice");
    node.admin().post_binary(&path, vec![b'"', 0xFF, b'"'].into()).await?.expect(400, Some("malformed"))?;
    let string = |bytes: usize| format!("\"{}\"", "x".repeat(bytes - 2));
    node.post_to("alice", &string(1001)).await?.expect(413, Some("too_large"))?;
    for name in ["a\nb", &"x".repeat(129)] {
        node.post_to(name, "1").await?.expect(400, Some("malformed"))?;
        node.admin().get(&user_path(name)).await?.expect(400, Some("malformed"))?;
    }
    node.post_written("alice", &string(1000), Observed::UserNotFound)
        .await
        .seen_as(Observed::WrongAnswer, Observed::RefusedAtLimit)?;
    a.expect_message(None, &string(1000)).await.seen_as(Observed::WrongPayload, Observed::AcceptedInvalid).map(drop)
}

async fn post_keyed(node: &Node, user: &str, key: &str) -> Result<Answer, Failure> {
    node.admin().with_headers("POST", &messages_path(user), &[("idempotency-key", key)], "1").await
}
