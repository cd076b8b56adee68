//! Records stream to users while the node is killed again and again: whatever was not committed arrives, and each user's order holds.
//!
//! - [`writer`]: the stream. [`reader`]: the users. [`judge`]: what became of each record.

mod judge;
mod reader;
mod writer;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use checks::harness::broker::{Broker, Progress as Group};
use checks::harness::{Admin, Rng, Story, eventually};
use futures_util::{StreamExt, TryStreamExt};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

use self::judge::{Life, Reading, Verdict, Written, judge};
use self::reader::{Progress, Reader};
use crate::subject::{Subject, told};

const USERS: usize = 200;
const PARTITIONS: u32 = 8;
/// How many users register at the same time.
const AT_A_TIME: usize = 32;
/// So short that whoever commits what is not Written yet is found out: a kill finds many records between the two.
const COMMIT_INTERVAL: &str = "5ms";
/// When no record has come for so long, none will. A node rejoins its group within the session timeout.
const STALLED: Duration = Duration::from_secs(30);
/// Sockets of a dead process end at once, and a node that stops has said goodbye by then.
const ENDED_WITHIN: Duration = Duration::from_secs(20);

/// What to do, to whom.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The node to kill
    #[arg(long)]
    bin: PathBuf,
    /// The program `broker`
    #[arg(long)]
    broker: PathBuf,
    /// Decides who gets records, and when the node is killed
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many records
    #[arg(long, default_value_t = 100_000)]
    records: usize,
    /// How often the node is killed
    #[arg(long, default_value_t = 20)]
    kills: usize,
    /// On librdkafka's mock cluster instead of Apache Kafka
    #[arg(long, conflicts_with = "kafka")]
    mock: bool,
    /// On a broker that exists
    #[arg(long, value_name = "HOST:PORT")]
    kafka: Option<String>,
}

/// Writes, kills, reads and judges; prints the verdict, and fails if anything is lost or out of order.
pub async fn run(options: &Options) -> Result<()> {
    ensure!(options.records > options.kills, "there are no more kills than records");
    let began = Instant::now();
    let soak = Soak::begin(options).await?;
    let slot = options.records / (options.kills + 1);
    let writing = soak.write(options, slot);
    let outcome = soak.lives(options, slot, writing).await;
    soak.end(options).await?;
    let (written, lives) = outcome?;
    let verdict = judge(&written, &lives)?;
    show(options, &lives, &verdict, began.elapsed());
    ensure!(verdict.lost + verdict.out_of_order == 0, "records are lost, or out of order");
    Ok(())
}

fn show(options: &Options, lives: &[Life], verdict: &Verdict, took: Duration) {
    let broker = match (&options.kafka, options.mock) {
        (Some(address), _) => address,
        (None, true) => "the mock cluster",
        (None, false) => "Apache Kafka",
    };
    let resets = lives.iter().flat_map(|life| &life.readings).filter(|reading| reading.reset).count();
    println!("{USERS} users, {PARTITIONS} partitions of {broker}, seed {}", options.seed);
    for (name, figure) in [
        ("records", options.records),
        ("kills", lives.len() - 1),
        ("connections that a kill reset", resets),
        ("received", verdict.received),
        ("repeats", verdict.repeats),
        ("written but unread at a kill", verdict.unread),
        ("lost", verdict.lost),
        ("out of order", verdict.out_of_order),
    ] {
        println!("{name:<34}{figure:>10}");
    }
    println!("{:<34}{:>10.1}", "seconds", took.as_secs_f64());
}

/// What stays while the node comes and goes.
struct Soak {
    broker: Broker,
    topic: Arc<str>,
    flags: Vec<String>,
    progress: Arc<Progress>,
}

impl Soak {
    async fn begin(options: &Options) -> Result<Self> {
        let args = match (&options.kafka, options.mock) {
            (Some(address), _) => vec!["--kafka", address],
            (None, true) => Vec::new(),
            (None, false) => vec!["--real"],
        };
        let broker = Broker::start(&options.broker, &args).await.map_err(told)?;
        let topic = broker.topic(PARTITIONS).await.map_err(told)?;
        // The least that brokers grant who were not told otherwise; ours were.
        let session = if options.kafka.is_some() { "6s" } else { "1s" };
        let flags = [
            ["--listen", "127.0.0.1:0"],
            ["--admin", "127.0.0.1:0"],
            ["--kafka", broker.address()],
            ["--kafka-topic", &topic],
            ["--kafka-group", &topic],
            ["--kafka-session-timeout", session],
            ["--commit-interval", COMMIT_INTERVAL],
        ];
        let flags = flags.iter().flatten().chain(&["--ingest-paused"]).map(|flag| (*flag).to_owned()).collect();
        Ok(Self { flags, topic: topic.into(), progress: Arc::new(Progress::new(USERS)), broker })
    }

    /// Writes in a task of its own, a slot ahead: so much waits for each new life, and half of the kills come before it is read.
    fn write(&self, options: &Options, slot: usize) -> JoinHandle<Result<Vec<Written>>> {
        let (topic, rng) = (self.topic.to_string(), Rng::new(!options.seed));
        let progress = self.progress.watch();
        tokio::spawn(writer::write(self.broker.clone(), topic, rng, options.records, slot as u64, progress))
    }

    /// All lives of the node. Each but the last is cut short in its own slot of the records.
    async fn lives(
        &self,
        options: &Options,
        slot: usize,
        writing: JoinHandle<Result<Vec<Written>>>,
    ) -> Result<(Vec<Written>, Vec<Life>)> {
        let (mut rng, mut lives) = (Rng::new(options.seed), Vec::new());
        for kill in 0..options.kills {
            eprintln!("life {} of {}", kill + 1, options.kills + 1);
            let until = (kill * slot + 1 + rng.below(slot)) as u64;
            let (node, readings) = self.start(options, &mut lives).await?;
            let mut progress = self.progress.watch();
            let reached = timeout(STALLED, progress.wait_for(|read| *read >= until)).await;
            reached.with_context(|| format!("nothing arrives any more in life {}", kill + 1))??;
            // SIGKILL.
            drop(node);
            lives.push(Life { readings: collect(readings).await?, ..Life::default() });
        }
        eprintln!("life {0} of {0}", options.kills + 1);
        let (node, readings) = self.start(options, &mut lives).await?;
        let written = writing.await??;
        let all = || async { self.all_committed().await };
        eventually(STALLED, all).await.map_err(|left| anyhow!("not everything was committed: {left}"))?;
        ensure!(node.stop().await.success(), "the node did not end well");
        let readings = collect(readings).await?;
        lives.push(Life { readings, committed: offsets(&self.group().await?) });
        Ok((written, lives))
    }

    /// Starts the node; nothing is read before all users are there.
    async fn start(
        &self,
        options: &Options,
        lives: &mut [Life],
    ) -> Result<(Subject, JoinSet<Result<(usize, Reading)>>)> {
        let flags: Vec<&str> = self.flags.iter().map(String::as_str).collect();
        let node = Subject::start(&options.bin, &flags).await?;
        let registering = (0..USERS).map(|user| Reader::register(&node, user, &self.topic, &self.progress));
        let users: Vec<Reader> = futures_util::stream::iter(registering).buffered(AT_A_TIME).try_collect().await?;
        // Now, and not right after the kill: a commit may have been on its way. This life has decided nothing yet.
        if let Some(last) = lives.last_mut() {
            last.committed = offsets(&self.group().await?);
        }
        let resumed = node.admin()?.post("/ingest/resume", "").await.map_err(told)?;
        ensure!(resumed.status == 202, "the node does not resume: {resumed}");
        let mut readings = JoinSet::new();
        for (user, reader) in users.into_iter().enumerate() {
            readings.spawn(async move { Ok((user, reader.read().await?)) });
        }
        Ok((node, readings))
    }

    async fn group(&self) -> Result<Vec<Group>> {
        self.broker.peek_committed(&self.topic, &self.topic).await.map_err(told)
    }

    async fn all_committed(&self) -> Result<(), String> {
        let group = self.group().await.map_err(|error| format!("{error:#}"))?;
        let left: Vec<_> =
            group.iter().filter(|own| own.committed.unwrap_or(0) < own.end).map(Group::to_string).collect();
        if left.is_empty() { Ok(()) } else { Err(left.join(", ")) }
    }

    /// On a broker that others use, nothing is left behind.
    async fn end(&self, options: &Options) -> Result<()> {
        if options.kafka.is_some() {
            let control = Admin::new(&Story::begin(), "kafka", self.broker.control()).patient(ENDED_WITHIN);
            let path = format!("/topics/{}", self.topic);
            let answer = control.with_headers("DELETE", &path, &[], "").await.map_err(told)?;
            ensure!(answer.status == 204, "the topic {} stays: {}", self.topic, answer.told());
        }
        Ok(())
    }
}

/// What all users have read, once all connections have ended.
async fn collect(mut readings: JoinSet<Result<(usize, Reading)>>) -> Result<Vec<Reading>> {
    let all = async {
        let mut all: Vec<Reading> = (0..USERS).map(|_| Reading::default()).collect();
        while let Some(read) = readings.join_next().await {
            let (user, reading) = read??;
            all[user] = reading;
        }
        anyhow::Ok(all)
    };
    timeout(ENDED_WITHIN, all).await.context("connections outlive the node")?
}

fn offsets(group: &[Group]) -> BTreeMap<i32, i64> {
    group.iter().filter_map(|own| Some((own.partition, own.committed?))).collect()
}
