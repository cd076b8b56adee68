//! What a newcomer costs: one node has a crowd of users, another one comes and is told of them all, and meanwhile messages go on.
//!
//! Both are real nodes, so the snapshot is taken, sent and heeded by the reference. Only the crowd is not behind sockets, for which no
//! machine has the ports: the first node has it from its start (`solutions/0-crowd`).

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use checks::harness::eventually_each;
use checks::median::median;

use crate::cluster::Cluster;
use crate::dialect::Router;
use crate::route::{Delivery, PACE, Run, middle_and_slow};
use crate::subject::{Subject, told};

/// What a snapshot is measured with.
#[derive(clap::Args)]
pub struct Options {
    /// The newcomer
    #[arg(long)]
    bin: PathBuf,
    /// The node that has a crowd
    #[arg(long)]
    crowd: PathBuf,
    /// How many newcomers, one after the other
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Seconds for which messages go on around each
    #[arg(long, default_value_t = 5)]
    seconds: u64,
}

/// Between two looks at what the newcomer knows: a small part of what a snapshot takes.
const LOOKS: Duration = Duration::from_millis(2);
/// How long nodes may take to find each other, and a crowd to be told.
const PATIENCE: Duration = Duration::from_secs(20);

/// One newcomer.
struct Newcomer {
    /// From the first look at which its link was up to the one at which it knew all.
    told: Range<Instant>,
    started: Instant,
    bytes_a_row: f64,
    /// KiB that it had at some time, over what it has when it knows all.
    aside: f64,
    /// KiB that the node with the crowd had at some time, over what it had before.
    source: f64,
}

/// Lets newcomers come, and prints what that took.
pub async fn run(options: &Options) -> Result<()> {
    let length = Duration::from_secs(options.seconds);
    let cluster = Cluster::launch(&Router::ours(&options.crowd)).await?;
    let users = cluster.first().admin()?.counter("registry.users").await.map_err(told)?;
    let alone = Run::start(&cluster, length, Some(PACE)).await?.deliveries;
    let (mut newcomers, mut meanwhile) = (Vec::new(), Vec::new());
    for round in 1..=options.rounds {
        eprintln!("newcomer {round} of {}", options.rounds);
        let traffic = Run::start(&cluster, length, Some(PACE));
        let (newcomer, run) = tokio::try_join!(newcomer(cluster.first(), &options.bin, users), traffic)?;
        meanwhile.extend(run.deliveries.into_iter().filter(|delivery| newcomer.told.contains(&delivery.sent)));
        newcomers.push(newcomer);
    }
    print(users, &newcomers, &alone, &meanwhile);
    Ok(())
}

/// Starts a node, waits until it knows of so many users, and stops it.
async fn newcomer(source: &Subject, binary: &Path, users: u64) -> Result<Newcomer> {
    source.forget_peak()?;
    let (started, source_before) = (Instant::now(), source.memory().await?);
    let node = Subject::launch(&Router::ours(binary), Some(source)).await?;
    let before = node.memory().await?;
    let admin = node.admin()?;
    let counted = async |name: &str, least: u64| {
        let look = || async {
            let count = admin.counter(name).await.map_err(told)?;
            ensure!(count >= least, "{name} is {count}, and not yet {least}");
            Ok(Instant::now())
        };
        eventually_each(LOOKS, PATIENCE, look).await
    };
    let up = counted("links.up", 1).await.context("the nodes do not find each other")?;
    let all = counted("directory.rows", users).await?;
    let (memory, peaks) = (node.memory().await?, node.peak().zip(source.peak()));
    let (peak, source_peak) = peaks.context("/proc does not tell peaks of memory")?;
    ensure!(node.stop().await.success(), "the newcomer did not stop cleanly");
    Ok(Newcomer {
        told: up..all,
        started,
        bytes_a_row: (memory - before) * 1024.0 / users as f64,
        aside: peak - memory,
        source: source_peak - source_before,
    })
}

fn print(users: u64, newcomers: &[Newcomer], alone: &[Delivery], meanwhile: &[Delivery]) {
    let row = |name: &str, digits: usize, figure: &dyn Fn(&Newcomer) -> f64| {
        let figures = || newcomers.iter().map(figure);
        println!("{name:<56}{:>12.digits$}{:>12.digits$}", median(figures()), figures().fold(f64::MIN, f64::max));
    };
    let ms = |duration: Duration| duration.as_secs_f64() * 1e3;
    println!("{users} users on one node; {} newcomers, one after the other", newcomers.len());
    println!("{:<56}{:>12}{:>12}", "", "median", "most");
    row("ms from a newcomer's link until it knows them all", 0, &|one| ms(one.told.end - one.told.start));
    row("ms from its start until then", 0, &|one| ms(one.told.end - one.started));
    row("its memory for them, bytes a row", 0, &|one| one.bytes_a_row);
    row("its memory beyond that, while it is told, bytes a row", 1, &|one| one.aside * 1024.0 / users as f64);
    row("more memory of the node that tells, bytes a row", 1, &|one| one.source * 1024.0 / users as f64);
    println!();
    println!("{:<44}{:>12}{:>12}{:>12}", format!("messages there, at {PACE} a second"), "p50, µs", "p99, µs", "of");
    for (name, deliveries) in [("without a newcomer", alone), ("while one is told", meanwhile)] {
        let (p50_us, p99_us) = middle_and_slow(deliveries);
        println!("{name:<44}{p50_us:>12.0}{p99_us:>12.0}{:>12}", deliveries.len());
    }
}
