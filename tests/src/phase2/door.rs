//! Step 2.1: who may come in, and as whom.

use std::time::{Duration, SystemTime};

use crate::Observed;
use crate::harness::token::{signed, token};
use crate::harness::{Failure, Heard, Peer, Talk, World, ensure};

const KEY: &str = "a key for checks only";
const HOUR: Duration = Duration::from_secs(3600);
/// The lives of the tokens that are to run out: the first is mostly enough, the others are for busy machines.
const SHORT_LIVES: [Duration; 3] =
    [Duration::from_millis(150), Duration::from_millis(600), Duration::from_millis(1500)];

pub async fn tokens(world: &World) -> Result<(), Failure> {
    let node = world.node(&["--token-key", KEY]).await?;
    let mut a = node.connect("alice").await?;
    let (now, header) = (SystemTime::now(), r#"{"alg":"HS256"}"#);
    let good = token(KEY, "alice", now + HOUR);
    let unsigned = good.rsplit_once('.').map_or_else(String::new, |(signed, _)| format!("{signed}."));
    for (why, bad) in [
        ("no token", None),
        ("another key", Some(token("another", "alice", now + HOUR))),
        ("run out", Some(token(KEY, "alice", now - HOUR))),
        ("another user's", Some(token(KEY, "bob", now + HOUR))),
        ("alg none", Some(signed(KEY, r#"{"alg":"none"}"#, r#"{"sub":"alice","exp":99999999999}"#))),
        ("no signature", Some(unsigned)),
        ("without exp", Some(signed(KEY, header, r#"{"sub":"alice"}"#))),
        ("without sub", Some(signed(KEY, header, r#"{"exp":99999999999}"#))),
        ("no token at all", Some("a.b.c".to_owned())),
    ] {
        node.admin().record_asked(format!("(a token that will not do: {why})"));
        a.ask_name("alice", bad.as_deref(), "1").await?;
        a.expect_error("unauthorized", Some("1")).await?;
    }
    node.expect_connections("alice", &[], Observed::GhostUser).await?;
    a.ask_name("alice", Some(&good), "2").await?;
    let conn = a.expect_registered("alice", "2").await?;
    node.expect_connections("alice", &[&conn], Observed::UserNotFound).await
}

pub async fn runs_out(world: &World) -> Result<(), Failure> {
    let flags = ["--token-key", KEY, "--heartbeat", "60ms", "--heartbeat-timeout", "10s"];
    let node = world.node(&flags).await?;
    let mut a = node.connect("alice").await?;
    let mut heard = None;
    for life in SHORT_LIVES {
        a.ask_name("alice", Some(&token(KEY, "alice", SystemTime::now() + life)), "1").await?;
        heard = Some(a.hear().await?);
        if heard.as_ref().is_some_and(|heard: &Heard| heard.kind() == "registered") {
            break;
        }
    }
    let registered = heard.is_some_and(|heard| heard.kind() == "registered");
    ensure(registered, Observed::WrongAnswer, "registered \"alice\"")?;
    a.expect_close(1008).await?;
    node.counted("closed.expired", 1).await
}

pub async fn origins(world: &World) -> Result<(), Failure> {
    let node = world.node(&["--origin", "https://ours.example"]).await?;
    let upgrade = [
        ("connection", "Upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    let listener = node.public();
    for (origin, status) in
        [(Some("https://ours.example"), 101), (Some("https://theirs.example"), 403), (Some("null"), 403), (None, 101)]
    {
        let mut headers: Vec<_> = origin.iter().map(|origin| ("origin", *origin)).collect();
        headers.extend(upgrade);
        let answer = listener.with_headers("GET", "/ws", &headers, "").await?;
        ensure(answer.status == status, Observed::WrongAnswer, status.to_string())?;
    }
    Ok(())
}

pub async fn admin(world: &World) -> Result<(), Failure> {
    let node = world.node(&["--admin-token", "open sesame"]).await?;
    let admin = node.admin();
    for (method, path) in [("GET", "/users/alice"), ("POST", "/users/alice/messages"), ("GET", "/stats")] {
        admin.with_headers(method, path, &[("x-nothing", "1")], "1").await?.expect(401, Some("unauthorized"))?;
        let wrong = [("authorization", "Bearer open sesam")];
        admin.with_headers(method, path, &wrong, "1").await?.expect(401, Some("unauthorized"))?;
        let right = [("authorization", "Bearer open sesame")];
        let answer = admin.with_headers(method, path, &right, "1").await?;
        ensure(answer.status != 401, Observed::WrongAnswer, "anything but 401")?;
    }
    let health = admin.get("/health").await?;
    ensure(health.status == 200, Observed::WrongAnswer, "200, without a token")
}
