//! Three nodes with users on all of them, who talk all the time, come and go, while one node after the other is killed, paused or cut off:
//! afterwards every view agrees with the truth, and every message is accounted for.
//!
//! - [`stage`]: the nodes, and what can happen to them. [`crowd`]: the users together, [`user`] one of them.
//! - [`book`]: what happened. [`judge`]: what became of each message. [`view`]: whether nodes say what is so.

mod book;
mod crowd;
mod judge;
mod stage;
mod user;
mod view;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use checks::World;
use checks::harness::{Rng, eventually_each};
use checks::median::median;
use tokio::time::sleep;

use self::book::{Book, Pen, Told};
use self::crowd::{Baton, Crowd, PACE, Tempo};
use self::judge::{Verdict, judge};
use self::stage::Stage;
use self::user::LONGEST_WAIT;
use crate::subject::told;

const NODES: usize = 3;
const USERS: usize = 60;

/// The router's own dials, by which the bound is stated: `--gossip-interval`, `--phi`, `--deliver-timeout`.
const ROUND: Duration = Duration::from_millis(500);
const PHI: u32 = 8;
const DELIVER_TIMEOUT: Duration = Duration::from_secs(2);

/// The longest usual silence is a round, and each round is a look.
const GIVEN_UP: Duration = ROUND.saturating_mul(PHI + 1);
/// Seeds that are not live are greeted each fourth round, and three more make a greeting a life.
const FOUND: Duration = ROUND.saturating_mul(4 + 3);
/// The longest pause between two dials.
const DIALLED: Duration = Duration::from_secs(1);
/// A beat, by which a peer knows that it has missed something.
const BEAT: Duration = DELIVER_TIMEOUT.checked_div(4).expect("four is not nothing");
/// From the end of a fault until every view agrees with the truth: everything that may have to come, one after the other.
const BOUND: Duration =
    GIVEN_UP.saturating_add(FOUND).saturating_add(DIALLED).saturating_add(BEAT).saturating_add(LONGEST_WAIT);

const LOOKS: Duration = Duration::from_millis(100);
const PAUSED: Duration = Duration::from_secs(5);
/// A node that is to be killed may hang before, but not so long that links to it end: what is on its way then has to be told.
const HANGS_MS: usize = 900;
/// What is said of a connection that neither its user nor a kill has ended.
const BROKEN: &str = "connections broken for no reason";
/// So many failures of a kind are told in words.
const TOLD: usize = 3;

/// What to do, to whom.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The node
    #[arg(long)]
    bin: PathBuf,
    /// Decides who talks to whom, who comes and goes, and what happens to which node
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How long; the fault that has begun by then is the last
    #[arg(long, default_value_t = 10.0)]
    minutes: f64,
}

/// What happens to a node in a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// Killed, and started again when it was given up.
    Killed,
    /// Killed, and started again at once.
    Replaced,
    Paused,
    /// From both others, until it is given up.
    CutOff,
}

/// After what all views are to agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum After {
    Killed,
    Started,
    Replaced,
    Paused,
    CutOff,
    Healed,
    Begun,
    Dispersed,
}

/// Soaks, judges, prints the verdict, and fails if anything is as it must not be.
pub async fn run(options: &Options) -> Result<()> {
    let began = Instant::now();
    let world = World::new(&options.bin, options.seed);
    let pen = Pen::new(USERS);
    let stage = Stage::begin(&world, &pen).await?;
    let mut crowd = Crowd::gather(&pen, options.seed);
    let mut soak = Soak { stage, pen, baton: crowd.baton(), rng: Rng::new(!options.seed), times: BTreeMap::new() };
    tokio::select! {
        done = soak.rounds(options) => done?,
        error = crowd.failed() => return Err(error),
    }
    crowd.disperse().await?;
    soak.agree(After::Dispersed, &[&ALL]).await?;
    soak.stage.stop().await?;
    world.no_panic().await.map_err(told)?;
    let book = soak.pen.book();
    let verdict = judge(&book);
    show(options, &soak.times, &book, &verdict, began.elapsed());
    ensure!(verdict.is_clean(), "{}", words(&book, &verdict));
    Ok(())
}

const ALL: [usize; NODES] = [0, 1, 2];

struct Soak<'w> {
    stage: Stage<'w>,
    pen: Pen,
    baton: Baton,
    rng: Rng,
    times: BTreeMap<After, Vec<Duration>>,
}

impl Soak<'_> {
    /// One fault after the other, all kinds equally often, in no fixed order.
    async fn rounds(&mut self, options: &Options) -> Result<()> {
        let began = Instant::now();
        self.agree(After::Begun, &[&ALL]).await?;
        let mut faults = Vec::new();
        while began.elapsed().as_secs_f64() < options.minutes * 60.0 {
            if faults.is_empty() {
                faults = vec![Fault::Killed, Fault::Replaced, Fault::Paused, Fault::CutOff];
            }
            let fault = faults.swap_remove(self.rng.below(faults.len()));
            let node = self.rng.below(NODES);
            self.lively(2000).await;
            eprintln!("{:>4} s  {} is {fault}", began.elapsed().as_secs(), stage::name(node));
            self.strike(fault, node).await.with_context(|| format!("{} was {fault}", stage::name(node)))?;
        }
        Ok(())
    }

    async fn strike(&mut self, fault: Fault, node: usize) -> Result<()> {
        let others: Vec<_> = ALL.into_iter().filter(|other| *other != node).collect();
        match fault {
            Fault::Killed => {
                self.kill(node).await?;
                self.agree(After::Killed, &[&others]).await?;
                self.lively(500).await;
                self.stage.start(node).await?;
                self.agree(After::Started, &[&ALL]).await
            }
            Fault::Replaced => {
                self.kill(node).await?;
                self.stage.start(node).await?;
                self.agree(After::Replaced, &[&ALL]).await
            }
            Fault::Paused => {
                self.stage.pause(node)?;
                sleep(PAUSED).await;
                self.stage.resume(node)?;
                self.agree(After::Paused, &[&ALL]).await
            }
            Fault::CutOff => {
                self.stage.cut_off(node);
                self.agree(After::CutOff, &[&[node], &others]).await?;
                self.lively(500).await;
                self.stage.heal(node);
                self.agree(After::Healed, &[&ALL]).await
            }
        }
    }

    /// Every second one hangs before: what is on its way to it must not have been acknowledged.
    async fn kill(&mut self, node: usize) -> Result<()> {
        if self.rng.below(2) == 0 {
            self.stage.pause(node)?;
            sleep(Duration::from_millis(self.rng.below(HANGS_MS) as u64)).await;
        }
        self.stage.kill(node).await
    }

    /// So long, and up to twice as long, users come and go.
    async fn lively(&mut self, ms: usize) {
        self.baton.set(Tempo::Lively);
        sleep(Duration::from_millis((ms + self.rng.below(ms)) as u64)).await;
    }

    /// Nobody comes or goes until each view agrees with the truth; nodes of a group can reach each other, and nobody else.
    async fn agree(&mut self, after: After, groups: &[&[usize]]) -> Result<()> {
        let began = Instant::now();
        if after != After::Dispersed {
            self.baton.set(Tempo::Calm);
        }
        let looked = eventually_each(LOOKS, BOUND, || view::look(&self.stage, groups, &self.pen)).await;
        let seconds = began.elapsed().as_secs_f64();
        looked.map_err(|differs| anyhow!("{seconds:.1} s {after}, {differs:#}"))?;
        self.times.entry(after).or_default().push(began.elapsed());
        Ok(())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Killed => "killed",
            Self::Replaced => "killed, and back at once",
            Self::Paused => "paused",
            Self::CutOff => "cut off",
        })
    }
}

impl fmt::Display for After {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Begun => "after the beginning",
            Self::Killed => "after a kill",
            Self::Started => "after a start",
            Self::Replaced => "after a kill and a start at once",
            Self::Paused => "after a pause of 5 s",
            Self::CutOff => "after a cut",
            Self::Healed => "after the cut was healed",
            Self::Dispersed => "after everybody has gone",
        })
    }
}

fn show(options: &Options, times: &BTreeMap<After, Vec<Duration>>, book: &Book, verdict: &Verdict, took: Duration) {
    println!(
        "{NODES} nodes, {USERS} users, {PACE} messages a second, seed {}, {:.1} minutes",
        options.seed,
        took.as_secs_f64() / 60.0
    );
    println!("\n{:<44}{:>8}{:>12}{:>12}", "every view agrees with the truth, seconds", "times", "median", "longest");
    for (after, times) in times {
        let seconds = || times.iter().map(Duration::as_secs_f64);
        let longest = seconds().fold(0.0, f64::max);
        println!("{after:<44}{:>8}{:>12.1}{longest:>12.1}", times.len(), median(seconds()));
    }
    println!("{:<64}{:>12.1}", "bound", BOUND.as_secs_f64());
    println!();
    let told = |told| verdict.told.get(&told).copied().unwrap_or_default();
    for (name, figure) in [
        ("connections", book.connections.len()),
        ("  broken by a kill", verdict.cut_short),
        ("messages", book.messages.len()),
        ("  acknowledged", told(Told::Written)),
        ("    received", verdict.received),
        ("    written, unread when the node was killed", verdict.unread_killed),
        ("    written, unread when the user dropped the socket", verdict.unread_dropped),
        ("  refused: not_connected", told(Told::NotConnected)),
        ("  refused: overloaded", told(Told::Overloaded)),
        ("  refused: unavailable", told(Told::Unavailable)),
        ("  refused: timeout", told(Told::Timeout)),
        ("    unavailable or timeout, and received", verdict.maybe),
        ("  unanswered: the sender's socket ended", verdict.untold),
    ] {
        println!("{name:<64}{figure:>12}");
    }
    println!();
    let failures = verdict.failures().map(|(name, numbers)| (name, numbers.len()));
    for (name, figure) in failures.into_iter().chain([(BROKEN, verdict.broken.len())]) {
        println!("{name:<64}{figure:>12}");
    }
}

/// The first failures of each kind.
fn words(book: &Book, verdict: &Verdict) -> String {
    let mut lines = Vec::new();
    for (name, numbers) in verdict.failures() {
        lines.extend(numbers.iter().take(TOLD).map(|number| format!("{name}: message {}", book.tell(*number))));
    }
    let broken = verdict.broken.iter().take(TOLD);
    lines.extend(broken.map(|number| format!("{BROKEN}: {}", book.tell_connection(*number))));
    lines.join("\n")
}
