//! Step 2.1: frames that are no register.

use crate::Observed;
use crate::harness::{Failure, Judge, Talk, World};

pub async fn ping(world: &World) -> Result<(), Failure> {
    let node = world.node(&[]).await?;
    let mut a = node.connect("alice").await?;
    a.say(r#"{"type":"ping","ref":"1"}"#, "ping (ref 1)").await?;
    a.expect_pong(Some("1")).await?;
    a.register("alice").await?;
    a.say(r#"{"type":"ping"}"#, "ping").await?;
    a.expect_pong(None).await?;
    let longest = "x".repeat(64);
    a.say(&format!(r#"{{"unknown":[{{}}],"ref":"{longest}","type":"ping"}}"#), "ping (ref of 64 bytes)").await?;
    a.expect_pong(Some(&longest)).await.map(drop)
}

pub async fn bad(world: &World) -> Result<(), Failure> {
    let node = world.node(&[]).await?;
    let mut a = node.connect("alice").await?;
    let long_ref = format!(r#"{{"type":"ping","ref":"{}"}}"#, "x".repeat(65));
    let deep = "[".repeat(20_000);
    for (frame, code, reference) in [
        ("", "malformed", None),
        ("hello", "malformed", None),
        (r#"{"type":"ping""#, "malformed", None),
        (r#"{"type":"ping"} {}"#, "malformed", None),
        (r#"["ping"]"#, "malformed", None),
        ("null", "malformed", None),
        (&deep, "malformed", None),
        (r#"{"ref":"1"}"#, "malformed", Some("1")),
        (r#"{"type":7,"ref":"1"}"#, "malformed", Some("1")),
        (r#"{"type":"ping","ref":7}"#, "malformed", None),
        (&long_ref, "malformed", None),
        (r#"{"type":"ping","ref":"1","type":"ping"}"#, "malformed", None),
        (r#"{"type":"register","userId":"a","userId":"b","ref":"1"}"#, "malformed", None),
        (r#"{"type":"register","ref":"1"}"#, "malformed", Some("1")),
        (r#"{"type":"register","userId":7,"ref":"1"}"#, "malformed", Some("1")),
        (r#"{"type":"fly","ref":"1"}"#, "unsupported", Some("1")),
    ] {
        a.send_text(frame).await?;
        a.expect_error(code, reference).await?;
    }
    a.send_binary(r#"{"type":"ping"}"#).await?;
    a.expect_error("unsupported", None).await?;
    // None of it has done anything.
    for user in ["a", "b"] {
        node.expect_connections(user, &[], Observed::GhostUser).await?;
    }
    a.register("alice").await.judged(Observed::ClosedWithoutReason, "a connection that is as good as before")?;
    Ok(())
}
