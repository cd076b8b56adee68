//! Messages from user to user: 50 pairs, one of each sends 128 bytes to the other.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use checks::median::{median, percentile};
use futures_util::{SinkExt, StreamExt};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::cluster::{Cluster, Socket};
use crate::dialect::{Dialect, Router};
use crate::unrest;

const PAIRS: usize = 50;
const OUTSTANDING: usize = 32;
const PAYLOAD: usize = 128;
/// Messages a second of all pairs together, for the delay.
pub const PACE: u64 = 5_000;
/// Users for the measurements of connects and memory, and how many of them connect at a time.
const USERS: usize = 2_000;
const AT_A_TIME: usize = 8;

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

/// Measures all routers in turn, `rounds` times, and prints medians and their ratios: on one node to the floor, on several to one node and
/// to NATS on as many.
pub async fn run(binary: &Path, nodes: usize, rounds: usize, seconds: u64) -> Result<()> {
    let ours = |nodes| Some(Router::ours(binary).on(nodes));
    let nats = |nodes| Router::nats().map(|nats| nats.on(nodes));
    let routers = if nodes == 1 {
        vec![Some(Router::floor()?), ours(1), nats(1)]
    } else {
        vec![ours(1), ours(nodes), nats(1), nats(nodes)]
    };
    let routers: Vec<_> = routers.into_iter().flatten().collect();
    let mut table = Table { all: routers.iter().map(|_| Vec::new()).collect(), across: nodes > 1 };
    let (length, mut late_us) = (Duration::from_secs(seconds), Vec::new());
    for round in 1..=rounds {
        eprintln!("round {round} of {rounds}");
        late_us.push(unrest::measure(length).await?);
        for (router, figures) in routers.iter().zip(&mut table.all) {
            let measured = measure(router, length).await;
            figures.push(measured.with_context(|| router.name.clone())?);
        }
    }
    let base = if table.across { "one node" } else { "the floor" };
    println!("{PAIRS} pairs, {PAYLOAD} bytes; medians of {rounds}, and as a ratio to {base}");
    if table.across {
        println!("senders on the first node, receivers on the last; CPU and memory are of all nodes together");
    }
    table.head(&routers);
    table.row(&format!("messages a second, {OUTSTANDING} outstanding"), |figures| figures.per_second);
    table.row(&format!("p50, µs, at {PACE} a second"), |figures| figures.p50_us);
    table.row(&format!("p99, µs, at {PACE} a second"), |figures| figures.p99_us);
    table.row(&format!("CPU µs a message, at {PACE} a second"), |figures| figures.cpu_us);
    table.row("connect + register a second", |figures| figures.connects);
    table.row("memory per idle user, KiB", |figures| figures.memory_kib);
    println!("{:<34}{:>13.1}", "p99, µs, of who only sleeps", median(late_us));
    Ok(())
}

/// What was measured, of each router in each round.
struct Table {
    all: Vec<Vec<Figures>>,
    /// With several nodes: what they are to NATS on as many is one more column.
    across: bool,
}

impl Table {
    fn head(&self, routers: &[Router]) {
        print!("{:<34}", "");
        routers.iter().for_each(|router| print!("{:>20}", router.name));
        if let ([_, ours, _, nats], true) = (routers, self.across) {
            print!("{:>20}", format!("{} : {}", ours.name, nats.name));
        }
        println!();
    }

    fn row(&self, name: &str, figure: impl Fn(&Figures) -> f64) {
        let medians: Vec<f64> = self.all.iter().map(|figures| median(figures.iter().map(&figure))).collect();
        print!("{name:<34}");
        medians.iter().for_each(|figure| print!("{figure:>13.1}{:>7.2}", figure / medians[0]));
        if let ([_, ours, _, nats], true) = (&medians[..], self.across) {
            print!("{:>20.2}", ours / nats);
        }
        println!();
    }
}

async fn measure(router: &Router, length: Duration) -> Result<Figures> {
    let mut figures = Figures::default();
    let cluster = Cluster::launch(router).await?;
    (figures.connects, figures.memory_kib) = connects(&cluster).await?;
    drop(cluster);
    let cluster = Cluster::launch(router).await?;
    let run = Run::start(&cluster, length, None).await?;
    figures.per_second = run.messages as f64 / run.took.as_secs_f64();
    let run = Run::start(&cluster, length, Some(PACE)).await?;
    figures.cpu_us = run.cpu_us;
    (figures.p50_us, figures.p99_us) = middle_and_slow(&run.deliveries);
    Ok(figures)
}

/// Connects and registers a second, and what each costs in memory.
async fn connects(cluster: &Cluster) -> Result<(f64, f64)> {
    let (before, start) = (cluster.memory().await?, Instant::now());
    let mut clients = Vec::with_capacity(USERS);
    for batch in 0..USERS / AT_A_TIME {
        let names = (0..AT_A_TIME).map(|at| format!("user-{}", batch * AT_A_TIME + at));
        let users = names.map(|name| async move { cluster.user(cluster.last(), &name).await });
        clients.extend(futures_util::future::try_join_all(users).await?);
    }
    cluster.known(USERS).await?;
    let seconds = start.elapsed().as_secs_f64();
    let memory = (cluster.memory().await? - before) / USERS as f64;
    drop(clients);
    Ok((USERS as f64 / seconds, memory))
}

/// What all pairs did together.
pub struct Run {
    pub messages: u64,
    pub took: Duration,
    pub deliveries: Vec<Delivery>,
    /// The router's, a message.
    pub cpu_us: f64,
}

/// A message that has come.
pub struct Delivery {
    pub sent: Instant,
    delay_us: u64,
}

/// The delay that half of them do not exceed, and the one that 99 of a hundred do not; in microseconds.
pub fn middle_and_slow<'a>(deliveries: impl IntoIterator<Item = &'a Delivery>) -> (f64, f64) {
    let mut delays_us: Vec<_> = deliveries.into_iter().map(|delivery| delivery.delay_us).collect();
    (percentile(&mut delays_us, 0.50) as f64, percentile(&mut delays_us, 0.99) as f64)
}

impl Run {
    /// With a pace, messages leave at their time, whatever became of those before, and no two pairs' at the same; without one, 32 are
    /// outstanding.
    pub async fn start(cluster: &Cluster, length: Duration, pace: Option<u64>) -> Result<Self> {
        let (mut pairs, dialect) = (Vec::new(), cluster.dialect());
        for pair in 0..PAIRS {
            let sender = cluster.user(cluster.first(), &format!("from-{pair}")).await?;
            let to = format!("to-{pair}");
            let receiver = cluster.user(cluster.last(), &to).await?;
            pairs.push((to, sender, receiver));
        }
        cluster.known(PAIRS).await?;
        let (start, cpu) = (Instant::now(), cluster.cpu());
        let mut running = JoinSet::new();
        for (pair, (to, sender, receiver)) in (0..).zip(pairs) {
            let window = Arc::new(Semaphore::new(OUTSTANDING));
            let sent = Arc::new(AtomicU64::new(u64::MAX));
            let sending =
                Sending { dialect, pair, to, start, length, pace, window: window.clone(), sent: sent.clone() };
            running.spawn(async move {
                let (sent, deliveries) =
                    tokio::try_join!(sending.run(sender), receive(receiver, dialect, start, &window, &sent))?;
                ensure!(sent == deliveries.len() as u64, "sent {sent}, received {}", deliveries.len());
                anyhow::Ok(deliveries)
            });
        }
        let mut deliveries = Vec::new();
        while let Some(pair) = running.join_next().await {
            deliveries.extend(pair??);
        }
        let messages = deliveries.len() as u64;
        Ok(Self { messages, took: start.elapsed(), deliveries, cpu_us: cluster.cpu_us_since(cpu, messages) })
    }
}

struct Sending {
    dialect: Dialect,
    pair: u32,
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
                let (apart, pairs) = (Duration::from_secs(1) / u32::try_from(pace)?, PAIRS as u32);
                let turn = u32::try_from(count)? * pairs + self.pair;
                tokio::time::sleep_until((self.start + apart * turn).into()).await;
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
) -> Result<Vec<Delivery>> {
    let mut deliveries = Vec::new();
    loop {
        let frame = socket.next().await.context("the router closed a connection")??;
        let now_us = start.elapsed().as_micros() as u64;
        for sent_us in dialect.sent_us(&frame) {
            if sent_us == LAST {
                ensure!(sent.load(Ordering::Acquire) != u64::MAX, "the last message came before it was sent");
                return Ok(deliveries);
            }
            let sent = start + Duration::from_micros(sent_us);
            deliveries.push(Delivery { sent, delay_us: now_us.saturating_sub(sent_us) });
            window.add_permits(1);
        }
    }
}
