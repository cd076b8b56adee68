//! Echoes a second, their delay, and the CPU they cost, beside the floor.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use checks::median::{median, percentile};
use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use crate::subject::Subject;

const CONNECTIONS: usize = 50;
const OUTSTANDING: usize = 32;
const PAYLOAD: usize = 128;
const SEND_AND_RECEIVE: &str = "every client sends and receives";

/// One measurement.
struct Figures {
    per_second: f64,
    p50_us: f64,
    p99_us: f64,
    cpu_us: Option<f64>,
}

/// Measures the floor and the node in turn, `rounds` times, and prints medians.
pub async fn run(binary: &Path, rounds: usize, seconds: u64) -> Result<()> {
    let own = std::env::current_exe()?;
    let floor = Subject::start(&own, &["floor", "echo"]).await?;
    let node = Subject::start(binary, &["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]).await?;
    let (mut of_floor, mut of_node) = (Vec::new(), Vec::new());
    for round in 1..=rounds {
        eprintln!("round {round} of {rounds}");
        of_floor.push(measure(&floor, seconds).await.context("measuring the floor")?);
        of_node.push(measure(&node, seconds).await.context("measuring the node")?);
    }
    println!("{CONNECTIONS} connections, {OUTSTANDING} outstanding each, {PAYLOAD} bytes; medians of {rounds}");
    println!("{:<24}{:>12}{:>12}{:>8}", "", "floor", "node", "ratio");
    row("echoes a second", &of_floor, &of_node, |figures| Some(figures.per_second));
    row("p50, µs", &of_floor, &of_node, |figures| Some(figures.p50_us));
    row("p99, µs", &of_floor, &of_node, |figures| Some(figures.p99_us));
    row("CPU µs per echo", &of_floor, &of_node, |figures| figures.cpu_us);
    Ok(())
}

fn row(name: &str, floor: &[Figures], node: &[Figures], figure: impl Fn(&Figures) -> Option<f64>) {
    let (floor, node) = (median(floor.iter().filter_map(&figure)), median(node.iter().filter_map(&figure)));
    println!("{name:<24}{floor:>12.1}{node:>12.1}{:>8.2}", node / floor);
}

async fn measure(subject: &Subject, seconds: u64) -> Result<Figures> {
    let cpu_before = subject.cpu();
    let (start, end) = (Instant::now(), Instant::now() + Duration::from_secs(seconds));
    let mut clients = Vec::new();
    for _ in 0..CONNECTIONS {
        let ws = subject.connect().await?;
        clients.push(tokio::spawn(client(ws, end)));
    }
    let mut delays_us = Vec::new();
    for client in clients {
        delays_us.extend(client.await.context(SEND_AND_RECEIVE)??);
    }
    let echoes = delays_us.len() as f64;
    let cpu = cpu_before.zip(subject.cpu()).map(|(before, after)| after - before);
    Ok(Figures {
        per_second: echoes / start.elapsed().as_secs_f64(),
        p50_us: percentile(&mut delays_us, 0.50) as f64,
        p99_us: percentile(&mut delays_us, 0.99) as f64,
        cpu_us: cpu.map(|seconds| seconds * 1e6 / echoes),
    })
}

/// A closed loop: as many frames under way as allowed until `end`, then the rest is awaited. Answers each frame's delay in µs.
async fn client(mut ws: tokio_tungstenite::WebSocketStream<tokio::net::TcpStream>, end: Instant) -> Result<Vec<u64>> {
    let payload = Utf8Bytes::from("x".repeat(PAYLOAD));
    let mut sent = std::collections::VecDeque::with_capacity(OUTSTANDING);
    let mut delays_us = Vec::new();
    loop {
        let now = Instant::now();
        while sent.len() < OUTSTANDING && now < end {
            ws.feed(Message::Text(payload.clone())).await?;
            sent.push_back(now);
        }
        ws.flush().await?;
        if sent.is_empty() {
            return Ok(delays_us);
        }
        // One that must be waited for, and all that came with it.
        ws.next().await.context("the server closed the connection")??;
        delays_us.push(elapsed_us(&mut sent));
        while let Some(Some(echo)) = futures_util::FutureExt::now_or_never(ws.next()) {
            echo?;
            delays_us.push(elapsed_us(&mut sent));
        }
    }
}

fn elapsed_us(sent: &mut std::collections::VecDeque<Instant>) -> u64 {
    // Echoes come in order, so the oldest is the one that has arrived.
    sent.pop_front().map_or(0, |sent| sent.elapsed().as_micros() as u64)
}
