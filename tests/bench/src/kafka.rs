//! Records from a topic to 50 users: a backlog, and at a pace; beside a consumer that only counts, and the floor.
//!
//! The floor gets its messages from sockets, and the consumer has no sockets: what both do together is the least that could be done.
//! The broker is Apache Kafka: the mock cluster answers a fetch that finds nothing only when its wait is over, whatever comes meanwhile,
//! which is a delay of its own and spares everybody the many small answers of a real one. It would leave more of the machine, though.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, anyhow, ensure};
use checks::harness::broker::{Broker, unique};
use checks::harness::eventually;
use checks::harness::topic::record_for;
use checks::median::{median, percentile};
use futures_util::{SinkExt, StreamExt};
use serde::Deserialize;
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;

use crate::cluster::Cluster;
use crate::dialect::{Dialect, Router};
use crate::route::{Run, middle_and_slow};
use crate::subject::{Subject, told};

const USERS: usize = 50;
/// So that the mock cluster, which has room for 5 MiB in each, keeps the backlog.
const PARTITIONS: u32 = 16;
const PAYLOAD: usize = 128;
/// Records that take about as long to read as the floor is measured.
const BACKLOG: usize = 1_000_000;
const MOCK_BACKLOG: usize = 200_000;
/// Records in a request, when the backlog is written.
const AT_ONCE: usize = 10_000;
/// Records a second, for the delay.
const PACE: usize = 2_000;
/// A group that has not formed by then, or records that have not come, never will.
const PATIENCE: Duration = Duration::from_secs(60);

type Socket = WebSocketStream<TcpStream>;

/// What to measure.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The node to measure
    #[arg(long)]
    bin: PathBuf,
    /// The program `broker`
    #[arg(long)]
    broker: PathBuf,
    /// How many rounds; each measures the consumer, the floor and the node, in turn
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Seconds a measurement at a pace
    #[arg(long, default_value_t = 4)]
    seconds: usize,
    /// How many records wait before anybody reads: a million, or what the mock cluster has room for
    #[arg(long)]
    records: Option<usize>,
    /// On librdkafka's mock cluster instead of Apache Kafka: the delay is its own then
    #[arg(long)]
    mock: bool,
}

/// One measurement; what does not apply is no number.
#[derive(Debug, Clone, Copy)]
struct Figures {
    per_second: f64,
    cpu_us: f64,
    paced_cpu_us: f64,
    p50_us: f64,
    p99_us: f64,
}

/// The three that are measured.
type Row = [f64; 3];

/// Measures in turn, `rounds` times, and prints medians, and the node's CPU as a ratio to what the other two need together.
pub async fn run(options: &Options) -> Result<()> {
    let args: &[&str] = if options.mock { &[] } else { &["--real"] };
    let broker = Broker::start(&options.broker, args).await.map_err(told)?;
    let records = options.records.unwrap_or(if options.mock { MOCK_BACKLOG } else { BACKLOG });
    let (backlog, records) = write_backlog(&broker, records.next_multiple_of(USERS)).await?;
    let bench = Bench { options, broker, backlog, records };
    let mut all = Vec::new();
    for round in 1..=options.rounds {
        eprintln!("round {round} of {}", options.rounds);
        let consumer = bench.consumer().await.context("the consumer that counts")?;
        let floor = bench.floor().await.context("the floor")?;
        all.push([consumer, floor, bench.node().await.context("the node")?]);
    }
    let broker = if options.mock { "the mock cluster" } else { "Apache Kafka" };
    println!("{USERS} users, {PAYLOAD} bytes, {PARTITIONS} partitions of {broker}; medians of {}", options.rounds);
    println!("{:<34}{:>13}{:>13}{:>13}{:>7}", "", "consumer", "floor", "node", "ratio");
    row("records a second, from a backlog", medians(&all, |figures| figures.per_second), |_| f64::NAN);
    row("CPU µs a record, from a backlog", medians(&all, |figures| figures.cpu_us), to_both);
    row(&format!("CPU µs a record, at {PACE} a second"), medians(&all, |figures| figures.paced_cpu_us), to_both);
    row(&format!("p50, µs, at {PACE} a second"), medians(&all, |figures| figures.p50_us), |_| f64::NAN);
    row(&format!("p99, µs, at {PACE} a second"), medians(&all, |figures| figures.p99_us), |_| f64::NAN);
    println!("(ratio: the node to the consumer and the floor together; the target is 1.3)");
    Ok(())
}

fn medians(all: &[[Figures; 3]], figure: impl Fn(&Figures) -> f64) -> Row {
    [0, 1, 2].map(|who| median(all.iter().map(|figures| figure(&figures[who]))))
}

fn to_both([consumer, floor, node]: Row) -> f64 {
    node / (consumer + floor)
}

fn row(name: &str, row: Row, ratio: impl Fn(Row) -> f64) {
    print!("{name:<34}");
    row.iter().for_each(|figure| print!("{:>13}", shown(*figure, 1)));
    println!("{:>7}", shown(ratio(row), 2));
}

fn shown(figure: f64, digits: usize) -> String {
    if figure.is_nan() { String::from("–") } else { format!("{figure:.digits$}") }
}

/// Writes the records that are read in every round, to a topic of their own; gives its name, and how many there are.
async fn write_backlog(broker: &Broker, records: usize) -> Result<(String, usize)> {
    let topic = broker.topic(PARTITIONS).await.map_err(told)?;
    let payload = format!("\"t={:x<1$}\"", "000000000000", PAYLOAD - 4);
    let users: Vec<usize> = (0..records).map(|number| number % USERS).collect();
    for users in users.chunks(AT_ONCE) {
        // The keys' hashes would fill some partitions more than others.
        let place = |user: &usize| record_for(&name(*user), &payload).to_partition((user % PARTITIONS as usize) as i32);
        let records: Vec<_> = users.iter().map(place).collect();
        broker.produce_quietly(&topic, &records).await.map_err(told)?;
    }
    Ok((topic, records))
}

fn name(user: usize) -> String {
    format!("user-{user}")
}

struct Bench<'a> {
    options: &'a Options,
    broker: Broker,
    /// The topic with the backlog.
    backlog: String,
    records: usize,
}

/// What the consumer that counts says of itself.
#[derive(Deserialize)]
struct Counted {
    seconds: f64,
    cpu_seconds: f64,
}

impl Bench<'_> {
    fn paced_records(&self) -> usize {
        // So that each user gets equally many.
        (PACE * self.options.seconds).next_multiple_of(USERS)
    }

    async fn consumer(&self) -> Result<Figures> {
        let all = self.count(&self.backlog, self.records).await?;
        let topic = self.broker.topic(PARTITIONS).await.map_err(told)?;
        let since = now_us();
        let (paced, ()) = tokio::try_join!(self.count(&topic, USERS + self.paced_records()), self.pace(&topic, since))?;
        Ok(Figures {
            per_second: self.records as f64 / all.seconds,
            cpu_us: all.cpu_seconds * 1e6 / self.records as f64,
            paced_cpu_us: paced.cpu_seconds * 1e6 / self.paced_records() as f64,
            p50_us: f64::NAN,
            p99_us: f64::NAN,
        })
    }

    async fn floor(&self) -> Result<Figures> {
        let length = Duration::from_secs(self.options.seconds as u64);
        let floor = Cluster::launch(&Router::floor()?).await?;
        let all = Run::start(&floor, length, None).await?;
        let paced = Run::start(&floor, length, Some(PACE as u64)).await?;
        let (p50_us, p99_us) = middle_and_slow(&paced.deliveries);
        Ok(Figures {
            per_second: all.messages as f64 / all.took.as_secs_f64(),
            cpu_us: all.cpu_us,
            paced_cpu_us: paced.cpu_us,
            p50_us,
            p99_us,
        })
    }

    async fn node(&self) -> Result<Figures> {
        let (node, sockets) = self.start(&self.backlog).await?;
        let (began, cpu) = (Instant::now(), node.cpu());
        resume(&node).await?;
        explained(&node, read(sockets, self.records, now_us()).await).await?;
        let per_second = self.records as f64 / began.elapsed().as_secs_f64();
        let cpu_us = node.cpu_us_since(cpu, self.records as u64);
        drop(node);

        let topic = self.broker.topic(PARTITIONS).await.map_err(told)?;
        let (node, mut sockets) = self.start(&topic).await?;
        resume(&node).await?;
        // Of a new group, librdkafka asks for the first offset half a second later where the leader was not connected at once.
        let first: Vec<_> = (0..USERS).map(|user| record_for(&name(user), "0")).collect();
        self.broker.produce_quietly(&topic, &first).await.map_err(told)?;
        hear_first(&mut sockets).await?;
        let (since, cpu) = (now_us(), node.cpu());
        let paced = async {
            // What the producer begins with, before it keeps its pace.
            hear_first(&mut sockets).await?;
            read(sockets, self.paced_records(), since).await
        };
        let both = async { tokio::try_join!(paced, self.pace(&topic, since)) }.await;
        let (mut delays_us, ()) = explained(&node, both).await?;
        Ok(Figures {
            per_second,
            cpu_us,
            paced_cpu_us: node.cpu_us_since(cpu, self.paced_records() as u64),
            p50_us: percentile(&mut delays_us, 0.50) as f64,
            p99_us: percentile(&mut delays_us, 0.99) as f64,
        })
    }

    /// A node that has all partitions and reads nothing yet, and its users.
    async fn start(&self, topic: &str) -> Result<(Subject, Vec<Socket>)> {
        let group = unique("group");
        let flags = ["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--kafka", self.broker.address()];
        let kafka = ["--kafka-topic", topic, "--kafka-group", &group, "--ingest-paused"];
        let node = Subject::start(&self.options.bin, &[&flags[..], &kafka].concat()).await?;
        let admin = node.admin()?;
        let joined = || async {
            let paused = admin.counter("ingest.paused_partitions").await.map_err(told)?;
            if paused == u64::from(PARTITIONS) {
                Ok(())
            } else {
                Err(anyhow!("it has {paused} of {PARTITIONS} partitions"))
            }
        };
        eventually(PATIENCE, joined).await?;
        let mut sockets = Vec::new();
        for user in 0..USERS {
            let mut socket = node.connect().await?;
            socket.send(Dialect::Gateway.register(&name(user))).await?;
            let answer = socket.next().await.context("the node closed the connection")??;
            ensure!(Dialect::Gateway.is_registered(&answer), "user {user} was told {answer}");
            sockets.push(socket);
        }
        Ok((node, sockets))
    }

    async fn count(&self, topic: &str, records: usize) -> Result<Counted> {
        let counted = self.end("count", topic, records).output().await?;
        ensure!(counted.status.success(), "{}", String::from_utf8_lossy(&counted.stderr));
        Ok(serde_json::from_slice(&counted.stdout)?)
    }

    async fn pace(&self, topic: &str, since: u64) -> Result<()> {
        let mut pace = self.end("pace", topic, self.paced_records());
        pace.args(["--users", &USERS.to_string(), "--rate", &PACE.to_string()]);
        pace.args(["--bytes", &PAYLOAD.to_string(), "--since", &since.to_string()]);
        let paced = pace.output().await?;
        ensure!(paced.status.success(), "{}", String::from_utf8_lossy(&paced.stderr));
        Ok(())
    }

    /// One of the ends that speak Kafka. It ends by itself, or as soon as nobody waits for it.
    fn end(&self, name: &str, topic: &str, records: usize) -> Command {
        let mut end = Command::new(&self.options.broker);
        end.args([name, "--kafka", self.broker.address(), "--topic", topic, "--records", &records.to_string()]);
        end.stdin(Stdio::null()).kill_on_drop(true);
        end
    }
}

async fn resume(node: &Subject) -> Result<()> {
    let answer = node.admin()?.post("/ingest/resume", "").await.map_err(told)?;
    ensure!(answer.status == 202, "the node does not resume: {answer}");
    Ok(())
}

/// Each user gets a record that is not measured.
async fn hear_first(sockets: &mut [Socket]) -> Result<()> {
    for socket in sockets {
        let frame = timeout(PATIENCE, socket.next()).await.context("no first record has come")?;
        frame.context("the node closed a connection")??;
    }
    Ok(())
}

/// Reads until all users together have so many records; gives how old each was.
async fn read(sockets: Vec<Socket>, records: usize, since: u64) -> Result<Vec<u64>> {
    let mut reading = JoinSet::new();
    for socket in sockets {
        reading.spawn(read_one(socket, records / USERS, since));
    }
    let all = async {
        let mut delays_us = Vec::with_capacity(records);
        while let Some(one) = reading.join_next().await {
            delays_us.extend(one??);
        }
        anyhow::Ok(delays_us)
    };
    timeout(PATIENCE, all).await.context("not all records came")?
}

/// What was measured, or why not, with what the node counts.
async fn explained<T>(node: &Subject, measured: Result<T>) -> Result<T> {
    let Err(error) = measured else { return measured };
    Err(match node.admin()?.get("/stats").await {
        Ok(stats) => error.context(format!("the node says {stats}")),
        Err(_) => error.context("the node says nothing"),
    })
}

async fn read_one(mut socket: Socket, records: usize, since: u64) -> Result<Vec<u64>> {
    let mut delays_us = Vec::with_capacity(records);
    while delays_us.len() < records {
        let frame = socket.next().await.context("the node closed a connection")??;
        let now_us = now_us() - since;
        delays_us.extend(Dialect::Gateway.sent_us(&frame).map(|sent_us| now_us.saturating_sub(sent_us)));
    }
    Ok(delays_us)
}

/// Microseconds since 1970: a clock that the process that writes has as well.
fn now_us() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros() as u64
}
