//! Messages from user to user: 50 pairs, one of each sends 128 bytes to the other.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use checks::median::{median, percentile};
use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_tungstenite::WebSocketStream;

use crate::dialect::{Dialect, Router};
use crate::subject::Subject;

const PAIRS: usize = 50;
const OUTSTANDING: usize = 32;
const PAYLOAD: usize = 128;
/// Messages a second of all pairs together, for the delay.
const PACE: u64 = 5_000;
/// Users for the measurements of connects and memory, and how many of them connect at a time.
const USERS: usize = 2_000;
const AT_A_TIME: usize = 8;

type Socket = WebSocketStream<TcpStream>;

/// One measurement of one router.
#[derive(Default)]
struct Figures {
    per_second: f64,
    p50_us: f64,
    p99_us: f64,
    cpu_us: f64,
    connects: f64,
    memory_kib: f64,
}

/// Measures all routers in turn, `rounds` times, and prints medians and their ratios to the floor.
pub async fn run(binary: &Path, rounds: usize, seconds: u64) -> Result<()> {
    let routers: Vec<_> =
        [Some(Router::floor()?), Some(Router::ours(binary)), Router::nats()].into_iter().flatten().collect();
    let mut all: Vec<Vec<Figures>> = routers.iter().map(|_| Vec::new()).collect();
    for round in 1..=rounds {
        eprintln!("round {round} of {rounds}");
        for (router, figures) in routers.iter().zip(&mut all) {
            figures.push(measure(router, Duration::from_secs(seconds)).await.context(router.name)?);
        }
    }
    println!("{PAIRS} pairs, {PAYLOAD} bytes; medians of {rounds}, and as a ratio to the floor");
    print!("{:<34}", "");
    routers.iter().for_each(|router| print!("{:>20}", router.name));
    println!();
    row(&format!("messages a second, {OUTSTANDING} outstanding"), &all, |figures| figures.per_second);
    row(&format!("p50, µs, at {PACE} a second"), &all, |figures| figures.p50_us);
    row(&format!("p99, µs, at {PACE} a second"), &all, |figures| figures.p99_us);
    row(&format!("CPU µs a message, at {PACE} a second"), &all, |figures| figures.cpu_us);
    row("connect + register a second", &all, |figures| figures.connects);
    row("memory per idle user, KiB", &all, |figures| figures.memory_kib);
    Ok(())
}

fn row(name: &str, all: &[Vec<Figures>], figure: impl Fn(&Figures) -> f64) {
    let medians: Vec<f64> = all.iter().map(|figures| median(figures.iter().map(&figure))).collect();
    print!("{name:<34}");
    medians.iter().for_each(|figure| print!("{figure:>13.1}{:>7.2}", figure / medians[0]));
    println!();
}

async fn measure(router: &Router, length: Duration) -> Result<Figures> {
    let mut figures = Figures::default();
    let subject = Subject::launch(router).await?;
    (figures.connects, figures.memory_kib) = connects(&subject, router.dialect).await?;
    drop(subject);
    let subject = Subject::launch(router).await?;
    let run = Run::start(&subject, router.dialect, length, None).await?;
    figures.per_second = run.messages as f64 / run.took.as_secs_f64();
    let mut run = Run::start(&subject, router.dialect, length, Some(PACE)).await?;
    figures.cpu_us = run.cpu_us;
    figures.p50_us = percentile(&mut run.delays_us, 0.50) as f64;
    figures.p99_us = percentile(&mut run.delays_us, 0.99) as f64;
    Ok(figures)
}

/// Connects and registers a second, and what each costs in memory.
async fn connects(subject: &Subject, dialect: Dialect) -> Result<(f64, f64)> {
    let (before, start) = (subject.memory().await?, Instant::now());
    let mut clients = Vec::with_capacity(USERS);
    for batch in 0..USERS / AT_A_TIME {
        let users = (0..AT_A_TIME).map(|at| user(subject, dialect, format!("user-{}", batch * AT_A_TIME + at)));
        clients.extend(futures_util::future::try_join_all(users).await?);
    }
    let seconds = start.elapsed().as_secs_f64();
    let memory = (subject.memory().await? - before) / USERS as f64;
    drop(clients);
    Ok((USERS as f64 / seconds, memory))
}

async fn user(subject: &Subject, dialect: Dialect, name: String) -> Result<Socket> {
    let mut socket = subject.connect().await?;
    socket.send(dialect.register(&name)).await?;
    loop {
        let frame = socket.next().await.context("closed before it registered")??;
        if dialect.is_registered(&frame) {
            return Ok(socket);
        }
    }
}

/// What all pairs did together.
pub struct Run {
    pub messages: u64,
    pub took: Duration,
    pub delays_us: Vec<u64>,
    /// The router's, a message.
    pub cpu_us: f64,
}

impl Run {
    /// With a pace, messages leave at their time, whatever became of those before; without one, 32 are outstanding.
    pub async fn start(subject: &Subject, dialect: Dialect, length: Duration, pace: Option<u64>) -> Result<Self> {
        let mut pairs = Vec::new();
        for pair in 0..PAIRS {
            let sender = user(subject, dialect, format!("from-{pair}")).await?;
            let receiver = user(subject, dialect, format!("to-{pair}")).await?;
            pairs.push((format!("to-{pair}"), sender, receiver));
        }
        let (start, cpu) = (Instant::now(), subject.cpu());
        let mut running = JoinSet::new();
        for (to, sender, receiver) in pairs {
            let window = Arc::new(Semaphore::new(OUTSTANDING));
            let sent = Arc::new(AtomicU64::new(u64::MAX));
            let sending = Sending { dialect, to, start, length, pace, window: window.clone(), sent: sent.clone() };
            running.spawn(async move {
                let (sent, delays_us) =
                    tokio::try_join!(sending.run(sender), receive(receiver, dialect, start, &window, &sent))?;
                ensure!(sent == delays_us.len() as u64, "sent {sent}, received {}", delays_us.len());
                anyhow::Ok(delays_us)
            });
        }
        let mut delays_us = Vec::new();
        while let Some(pair) = running.join_next().await {
            delays_us.extend(pair??);
        }
        let messages = delays_us.len() as u64;
        Ok(Self { messages, took: start.elapsed(), delays_us, cpu_us: subject.cpu_us_since(cpu, messages) })
    }
}

struct Sending {
    dialect: Dialect,
    to: String,
    start: Instant,
    length: Duration,
    pace: Option<u64>,
    window: Arc<Semaphore>,
    // How many there will be; known when the last has left.
    sent: Arc<AtomicU64>,
}

impl Sending {
    async fn run(self, mut socket: Socket) -> Result<u64> {
        let mut count = 0;
        while self.start.elapsed() < self.length {
            if self.pace.is_none() && self.window.available_permits() == 0 {
                socket.flush().await?;
            }
            self.wait_for_turn(count).await?;
            let now_us = self.start.elapsed().as_micros() as u64;
            socket.feed(self.dialect.message(&self.to, now_us, PAYLOAD)).await?;
            count += 1;
            if self.pace.is_some() {
                socket.flush().await?;
            }
        }
        self.sent.store(count, Ordering::Release);
        // One more, which is not counted, so that a receiver that has had all the others looks once more.
        socket.send(self.dialect.message(&self.to, LAST, PAYLOAD)).await?;
        Ok(count)
    }

    async fn wait_for_turn(&self, count: u64) -> Result<()> {
        match self.pace {
            None => self.window.acquire().await?.forget(),
            Some(pace) => {
                let apart = Duration::from_secs(PAIRS as u64) / u32::try_from(pace)?;
                tokio::time::sleep_until((self.start + apart * u32::try_from(count)?).into()).await;
            }
        }
        Ok(())
    }
}

/// The time in the message that follows the last.
const LAST: u64 = 999_999_999_999;

async fn receive(
    mut socket: Socket,
    dialect: Dialect,
    start: Instant,
    window: &Semaphore,
    sent: &AtomicU64,
) -> Result<Vec<u64>> {
    let mut delays_us = Vec::new();
    loop {
        let frame = socket.next().await.context("the router closed a connection")??;
        let now_us = start.elapsed().as_micros() as u64;
        for sent_us in dialect.sent_us(&frame) {
            if sent_us == LAST {
                ensure!(sent.load(Ordering::Acquire) != u64::MAX, "the last message came before it was sent");
                return Ok(delays_us);
            }
            delays_us.push(now_us.saturating_sub(sent_us));
            window.add_permits(1);
        }
    }
}
