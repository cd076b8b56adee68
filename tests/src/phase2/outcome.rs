//! Step 2.5: the sender is told.

use std::collections::HashSet;

use super::goodbye::close;
use super::stuck;
use crate::Observed;
use crate::harness::{Failure, Heard, Judge, Socket, Talk, World, ensure, large};

/// Sent without waiting.
const PIPELINED: usize = 200;
/// Sent behind a message that waits, to a recipient that does not read: more than a kernel takes when it has taken nothing for a while.
const BEHIND: usize = 4;
/// A recipient that was thought to be stuck, and then was not: on a busy machine.
const ATTEMPTS: usize = 3;

pub async fn arrives(world: &World) -> Result<(), Failure> {
    let node = world.node(&[]).await?;
    let (mut a, _) = node.user("alice").await?;
    let (mut b, _) = node.user("bob").await?;
    a.message("bob", r#"{"text": "hi"}"#, Some("1")).await?;
    let answer = a.hear().await.seen_as(Observed::NothingArrived, Observed::NeverTold).expecting("ok (ref 1)")?;
    let unknown = answer.is_error("not_registered", Some("1"));
    ensure(!unknown, Observed::SenderUnknown, "ok (ref 1)")?;
    ensure(answer.is_ok("1"), Observed::WrongAnswer, "ok (ref 1)")?;
    let id = b.expect_message(Some("alice"), r#"{"text": "hi"}"#).await?;
    ensure(answer.member("id") == Some(&id), Observed::WrongId, "the same id on both sides")?;
    a.expect_nothing_else(Observed::ToldTwice).await?;
    b.expect_nothing_else(Observed::DeliveredTwice).await
}

pub async fn named(world: &World) -> Result<(), Failure> {
    let node = world.node(&[]).await?;
    let (_a, a_conn) = node.user("alice").await?;
    let _nameless = node.connect("nameless").await?;
    let nameless = node.listed(&[&a_conn]).await?;
    let user = |rows: &[Socket], conn: &str| rows.iter().find(|row| row.conn == conn).map(|row| row.user.clone());
    let named = |rows: &[Socket]| {
        let right = user(rows, &a_conn) == Some(Some("alice".into())) && user(rows, &nameless) == Some(None);
        right.then_some(())
    };
    node.sockets_until(named, Observed::SenderUnknown, "alice behind the first socket, nobody behind the other").await
}

pub async fn survivor(world: &World) -> Result<(), Failure> {
    let node = world.node(&[]).await?;
    let (mut b, _) = node.user("bob").await?;
    let (first, first_conn) = node.user("alice#1").await?;
    let (mut second, second_conn) = node.user("alice#2").await?;
    close(first).await?;
    node.unlisted(&first_conn).await?;
    let named = |rows: &[Socket]| {
        rows.iter().any(|row| row.conn == second_conn && row.user.as_deref() == Some("alice")).then_some(())
    };
    let expected = format!("alice behind socket {second_conn}");
    node.sockets_until(named, Observed::NewerConnectionErased, &expected).await?;
    second.message("bob", "1", Some("1")).await?;
    b.expect_message(Some("alice"), "1").await?;
    second.expect_ok("1").await.map(drop)
}

pub async fn errors(world: &World) -> Result<(), Failure> {
    let node = world.node(&[]).await?;
    let mut a = node.connect("alice").await?;
    a.message("bob", "1", Some("1")).await?;
    a.expect_error("not_registered", Some("1")).await?;
    a.register("alice").await?;
    a.message("nobody", "1", Some("2")).await?;
    let told = a.expect_error("not_connected", Some("2")).await?;
    ensure(!told.retry(), Observed::WrongAnswer, "retry false")?;
    a.message("nobody", "1", None).await?;
    a.expect_error("not_connected", None).await?;
    for (frame, words) in [
        (r#"{"type":"message","payload":1,"ref":"3"}"#, "message to whom? (ref 3)"),
        (r#"{"type":"message","to":"","payload":1,"ref":"3"}"#, "message to \"\" (ref 3)"),
        (r#"{"type":"message","to":"alice","ref":"3"}"#, "message without payload (ref 3)"),
        (r#"{"type":"message","to":"alice","payload":1,"messageId":"","ref":"3"}"#, "messageId \"\" (ref 3)"),
        (r#"{"type":"message","to":"alice","payload":1,"durable":1,"ref":"3"}"#, "durable 1 (ref 3)"),
    ] {
        a.say(frame, words).await?;
        a.expect_error("malformed", Some("3")).await?;
    }
    node.counted("messages.not_connected", 2).await?;
    a.expect_nothing_else(Observed::ToldTwice).await
}

pub async fn by_ref(world: &World) -> Result<(), Failure> {
    let node = world.node(&[]).await?;
    let (mut a, _) = node.user("alice").await?;
    let (mut b, _) = node.user("bob").await?;
    for n in 0..10 {
        a.message("bob", &n.to_string(), None).await?;
    }
    a.message("bob", "10", Some("10")).await?;
    // An answer to one of the others would have come before this one.
    a.expect_ok("10").await.seen_as(Observed::WrongAnswer, Observed::ToldTwice)?;
    for n in 0..=10 {
        b.expect_message(Some("alice"), &n.to_string()).await?;
    }
    Ok(())
}

pub async fn to_oneself(world: &World) -> Result<(), Failure> {
    let node = world.node(&[]).await?;
    let (mut first, _) = node.user("alice#1").await?;
    let (mut second, _) = node.user("alice#2").await?;
    second.message("alice", "1", Some("1")).await?;
    // In any order: the other socket's writer may have been faster.
    let first_of_two = second.hear().await.expecting("message 1 from alice, and ok (ref 1)")?;
    let second_of_two = second.hear().await.seen_as(Observed::NothingArrived, Observed::DeviceForgotten);
    let heard = [first_of_two, second_of_two.expecting("message 1 from alice, and ok (ref 1)")?];
    let message = heard.iter().find(|heard| heard.kind() == "message" && heard.member("from") == Some("alice"));
    let told = heard.iter().find(|heard| heard.is_ok("1"));
    let message =
        message.ok_or_else(|| Failure::new(Observed::DeviceForgotten, "the message, on the sending socket too"))?;
    let told = told.ok_or_else(|| Failure::new(Observed::NeverTold, "ok (ref 1)"))?;
    let id =
        first.expect_message(Some("alice"), "1").await.seen_as(Observed::NothingArrived, Observed::DeviceForgotten)?;
    let same = [message, told].iter().all(|heard| heard.member("id") == Some(&id));
    ensure(same, Observed::WrongId, "one id everywhere")
}

pub async fn keyed(world: &World) -> Result<(), Failure> {
    let node = world.node(&[]).await?;
    let (mut a, _) = node.user("alice").await?;
    let (mut b, _) = node.user("bob").await?;
    let frame =
        |to: &str, key: &str| format!(r#"{{"type":"message","to":"{to}","payload":1,"messageId":"{key}","ref":"1"}}"#);
    let mut ids = Vec::new();
    for (to, key) in [("bob", "k"), ("bob", "k"), ("bob", "l"), ("alice", "k")] {
        a.say(&frame(to, key), &format!("message to {to} 1, messageId {key} (ref 1)")).await?;
        if to == "alice" {
            // The sending socket gets the message too, and then the answer.
            a.expect_message(Some("alice"), "1").await?;
        }
        ids.push(a.expect_ok("1").await?);
    }
    b.say(&frame("bob", "k"), "message to bob 1, messageId k (ref 1)").await?;
    for id in &ids[..3] {
        let heard = b.expect_message(Some("alice"), "1").await?;
        ensure(heard == *id, Observed::WrongId, format!("the id {id}"))?;
    }
    b.expect_message(Some("bob"), "1").await?;
    ids.push(b.expect_ok("1").await?);
    ensure(ids[0] == ids[1], Observed::WrongId, "the same messageId, the same id")?;
    let others: HashSet<_> = ids[1..].iter().collect();
    ensure(others.len() == 4, Observed::WrongId, "an id for each sender, recipient and messageId")
}

pub async fn order(world: &World) -> Result<(), Failure> {
    let node = world.node(&[]).await?;
    let (mut a, _) = node.user("alice").await?;
    let (mut b, _) = node.user("bob").await?;
    for n in 0..PIPELINED {
        a.message("bob", &n.to_string(), Some(&n.to_string())).await?;
    }
    for n in 0..PIPELINED {
        b.expect_message(Some("alice"), &n.to_string())
            .await
            .seen_as(Observed::WrongPayload, Observed::OutOfOrder)
            .seen_as(Observed::NothingArrived, Observed::MessageLost)?;
    }
    let mut told = HashSet::new();
    for _ in 0..PIPELINED {
        let heard = a.hear().await.seen_as(Observed::NothingArrived, Observed::NeverTold)?;
        let reference = heard.reference().unwrap_or_default().to_owned();
        ensure(heard.is_ok(&reference), Observed::WrongAnswer, "ok")?;
        ensure(told.insert(reference), Observed::ToldTwice, "an answer for each ref")?;
    }
    a.expect_nothing_else(Observed::ToldTwice).await
}

pub async fn timeout(world: &World) -> Result<(), Failure> {
    let node = world.node(&["--deliver-timeout", "40ms", "--mailbox-bytes", "33554432"]).await?;
    let (mut a, _) = node.user("alice").await?;
    let (mut deaf, _) = node.stalled_user("bob").await?;
    let mut next = 0;
    loop {
        let told = stuck::until_not_ok(&mut a, "bob", &mut next).await?;
        ensure(told.is_error("timeout", told.reference()) && told.retry(), Observed::WrongAnswer, "error timeout")?;
        let answer = node.post_to("bob", r#""posted""#).await?;
        // If it was written after all, this machine was only late, and nobody is stuck.
        if answer.status != 202 {
            answer.expect(504, Some("timeout"))?;
            break;
        }
    }
    // It may still arrive, but its sender has been told.
    deaf.record_sent("(begins to read)");
    a.message("bob", r#""last""#, Some("last")).await?;
    stuck::read_until(&mut deaf, r#""last""#).await?;
    let wanted = |heard: &Heard| heard.reference() == Some("last");
    a.expect_heard("the answer to the last", wanted).await.seen_as(Observed::WrongAnswer, Observed::ToldTwice)?;
    a.expect_nothing_else(Observed::ToldTwice).await
}

pub async fn unavailable(world: &World) -> Result<(), Failure> {
    let node = world.node(&[]).await?;
    let (mut a, _) = node.user("alice").await?;
    for _ in 0..ATTEMPTS {
        let (deaf, conn) = node.stalled_user("bob").await?;
        let mut owed = vec![stuck::until_silent(&node, &mut a, "bob", &conn).await?];
        for n in 0..BEHIND {
            let reference = format!("{conn}-behind-{n}");
            a.message("bob", &large(n), Some(&reference)).await?;
            owed.push(reference);
        }
        // The node takes a sender's frames in order, so all of them wait for bob by the time of the pong.
        a.say(r#"{"type":"ping","ref":"taken"}"#, "ping (ref taken)").await?;
        let (mut waiting, mut dropped) = (Some(deaf), 0);
        while waiting.is_some() || !owed.is_empty() {
            let expected = format!("error unavailable (ref {})", owed.join(", "));
            let told = a.hear().await.seen_as(Observed::NothingArrived, Observed::DroppedWithoutAnswer);
            let told = told.expecting(&expected)?;
            if told.kind() == "pong" {
                if let Some(deaf) = waiting.take() {
                    deaf.reset();
                }
                continue;
            }
            let known = owed.iter().position(|reference| told.reference() == Some(reference));
            let reference = known.map(|known| owed.remove(known)).unwrap_or_default();
            // The first of them may have been about to be written after all.
            if dropped > 0 || !told.is_ok(&reference) {
                let unavailable = told.is_error("unavailable", Some(&reference)) && told.retry();
                ensure(unavailable, Observed::DroppedWithoutAnswer, expected)?;
                dropped += 1;
            }
        }
        if dropped > 0 {
            return node.counted("messages.unavailable", dropped).await;
        }
        node.forgotten("bob").await?;
    }
    Err(Failure::skip("this machine is too busy to get a client stuck"))
}
