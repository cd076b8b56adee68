//! Users come, talk and leave, and nothing is left of them.
//!
//! A process gets memory from the system and need not give it back when it is freed. A crowd's memory mostly stays, and most of it is
//! free: with `malloc_trim` called now and then (preloaded, for the proof) a node is at 7 MiB after ten thousand users, without at 102
//! MiB. Fewer arenas or a lower trim threshold change nothing. So the same crowd comes twice: what an allocator keeps for reuse is there
//! after both, what a node forgets to free is there twice. A leak of less than a KiB a user passes, since it drowns in what is kept.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};
use checks::harness::Admin;
use checks::run::raise_file_limit;
use futures_util::{SinkExt, StreamExt, TryStreamExt};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;

use crate::subject::{Subject, told};

/// How many users do something at the same time; the others wait for their turn.
const AT_A_TIME: usize = 32;
/// What a process needs besides its sockets.
const OTHER_FILES: u64 = 100;
/// How many users are looked up one by one afterwards.
const LOOKED_UP: usize = 100;
/// So much may be left of the second crowd, over what was left of the first.
const GROWTH: f64 = 0.10;
/// How long a node may take to notice that all have gone.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often the node looks for registrations without a connection, and the pause in which it does once more.
const SWEEP: (&str, Duration) = ("200ms", Duration::from_millis(500));

/// Memory in KiB, and what it took.
struct Wave {
    full: f64,
    after: f64,
    seconds: f64,
}

/// Sends the crowd twice, prints what it cost, and fails if anything is left of it.
pub async fn run(binary: &Path, users: usize) -> Result<()> {
    ensure!(users >= 2, "a crowd has two users at least");
    // A node raises its own limit in the same way.
    let at_once = users.min(usize::try_from(raise_file_limit().saturating_sub(OTHER_FILES))?);
    let node =
        Subject::start(binary, &["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--sweep", SWEEP.0]).await?;
    let start = node.memory().await?;
    let mut waves = Vec::new();
    for number in 1..=2 {
        waves.push(wave(&node, users, at_once).await.with_context(|| format!("wave {number}"))?);
        left_nothing(&node, users, number).await.with_context(|| format!("after wave {number}"))?;
    }
    println!("{users} users register, talk and leave, {at_once} at once; half close, half reset");
    if at_once < users {
        println!("(the limit of open files allows no more: each wave comes in {} parts)", users.div_ceil(at_once));
    }
    println!("{:<24}{:>14}{:>14}{:>14}", "", "memory, KiB", "of the start", "users/s");
    println!("{:<24}{start:>14.0}{:>14.2}", "at the start", 1.0);
    for (wave, name) in waves.iter().zip(["wave 1", "wave 2"]) {
        println!("{:<24}{:>14.0}{:>14.2}", format!("{name}, all are there"), wave.full, wave.full / start);
        let rate = users as f64 / wave.seconds;
        println!(
            "{:<24}{:>14.0}{:>14.2}{rate:>14.0}",
            format!("{name}, all have left"),
            wave.after,
            wave.after / start
        );
    }
    let growth = waves[1].after / waves[0].after - 1.0;
    println!("tables                  empty after both, nothing swept");
    println!("growth, wave 1 to 2     {:+.1} %, at most {:.0} % are allowed", growth * 100.0, GROWTH * 100.0);
    ensure!(growth <= GROWTH, "the second wave left more behind than the first");
    Ok(())
}

/// All users, as many at once as there may be.
async fn wave(node: &Subject, users: usize, at_once: usize) -> Result<Wave> {
    let (mut full, begin) = (0.0_f64, Instant::now());
    for first in (0..users).step_by(at_once) {
        let crowd = first..(first + at_once).min(users);
        let mut there = at_a_time(crowd.clone().map(|number| User::arrive(node, number))).await?;
        let next = crowd.clone().skip(1).chain([crowd.start]);
        there = at_a_time(there.into_iter().zip(next).map(|(user, next)| user.say(next))).await?;
        there = at_a_time(there.into_iter().map(User::hear)).await?;
        full = full.max(node.memory().await?);
        at_a_time(there.into_iter().map(User::leave)).await?;
        empty(&node.admin()?).await?;
    }
    let seconds = begin.elapsed().as_secs_f64();
    // So that the node has swept once more, with nobody there.
    tokio::time::sleep(SWEEP.1).await;
    Ok(Wave { full, after: node.memory().await?, seconds })
}

async fn at_a_time<T>(doing: impl Iterator<Item = impl Future<Output = Result<T>>>) -> Result<Vec<T>> {
    futures_util::stream::iter(doing).buffered(AT_A_TIME).try_collect().await
}

struct User {
    number: usize,
    socket: WebSocketStream<TcpStream>,
    heard: bool,
}

impl User {
    async fn arrive(node: &Subject, number: usize) -> Result<Self> {
        let mut user = Self { number, socket: node.connect().await?, heard: false };
        user.socket.send(format!(r#"{{"type":"register","userId":"{}"}}"#, name(number)).into()).await?;
        ensure!(user.next().await?["type"] == "registered", "user {number} could not register");
        Ok(user)
    }

    /// Sends a message to `next` and waits for the answer.
    async fn say(mut self, next: usize) -> Result<Self> {
        let frame = format!(r#"{{"type":"message","to":"{}","payload":{},"ref":"1"}}"#, name(next), self.number);
        self.socket.send(frame.into()).await?;
        loop {
            let frame = self.next().await?;
            match frame["type"].as_str() {
                Some("ok") => return Ok(self),
                Some("message") => self.heard = true,
                _ => bail!("user {} was told {frame}", self.number),
            }
        }
    }

    /// Waits for the message that somebody sends to each.
    async fn hear(mut self) -> Result<Self> {
        if !self.heard {
            ensure!(self.next().await?["type"] == "message", "user {} heard something else", self.number);
        }
        Ok(self)
    }

    /// Every second one closes, and waits for the answer; the others reset the TCP connection.
    async fn leave(mut self) -> Result<()> {
        if self.number.is_multiple_of(2) {
            self.socket.close(None).await?;
            while let Some(Ok(_)) = self.socket.next().await {}
        } else {
            self.socket.get_ref().set_zero_linger()?;
        }
        Ok(())
    }

    async fn next(&mut self) -> Result<Value> {
        let frame = tokio::time::timeout(PATIENCE, self.socket.next());
        let frame = frame.await.with_context(|| format!("user {} hears nothing", self.number))?;
        let frame = frame.with_context(|| format!("user {} has lost the connection", self.number))??;
        Ok(serde_json::from_str(frame.to_text()?)?)
    }
}

fn name(number: usize) -> String {
    format!("user-{number}")
}

/// Waits until nobody is left in any table.
async fn empty(admin: &Admin) -> Result<()> {
    admin.nobody_left(PATIENCE).await.map_err(|left| anyhow!("all have left: {left}"))
}

/// Looks into every corner after `waves` waves of `users`.
async fn left_nothing(node: &Subject, users: usize, waves: usize) -> Result<()> {
    let admin = node.admin()?;
    empty(&admin).await?;
    for number in (0..users).step_by(users.div_ceil(LOOKED_UP)) {
        let answer = admin.peek(&format!("/users/{}", name(number))).await.map_err(told)?;
        ensure!(answer.status == 404, "{} is still there: {answer}", name(number));
    }
    let came = u64::try_from(users * waves)?;
    let closed = u64::try_from(users.div_ceil(2) * waves)?;
    for (counter, wanted) in [
        ("sockets.opened", came),
        ("closed.normal", closed),
        ("closed.lost", came - closed),
        ("registry.swept", 0),
        ("messages.overloaded", 0),
        ("messages.not_connected", 0),
        ("messages.timeout", 0),
        ("messages.unavailable", 0),
    ] {
        let value = stat(&admin, counter).await?;
        ensure!(value == wanted, "{counter} is {value}, and should be {wanted}");
    }
    ensure!(!node.has_panicked(), "the node has panicked");
    Ok(())
}

async fn stat(admin: &Admin, counter: &str) -> Result<u64> {
    admin.counter(counter).await.map_err(told)
}
