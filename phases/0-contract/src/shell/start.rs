//! A phase's `main`: from arguments to the ready line, and from the first signal to the exit status.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{CommandFactory, FromArgMatches};

use super::http::{bind, bound};
use super::panics;
use super::running::Shell;
use super::stop::{self, Signals};
use crate::config::hide;
use crate::gateway::Seams;
use crate::{Cluster, Config, Directory, Forward, Gossip, Ingest, Kafka, Links, Protocol, Serve, Stats};

/// The status for anything that is wrong before the node serves: flags, environment, addresses.
const USAGE: u8 = 2;

/// What a phase puts into the shell.
pub struct Parts {
    /// Runs the connections.
    pub serve: Arc<dyn Serve>,
    /// Receives their frames.
    pub speaks: Speaks,
}

/// What a node does with frames.
pub enum Speaks {
    /// A protocol of the phase's own: phase 1.
    Own(Arc<dyn Protocol>),
    /// The gateway protocol, on these seams: every later phase.
    Gateway(Seams),
}

/// What a phase puts into the shell whose users may be on other nodes, too.
pub struct Linked {
    /// As ever. What the seams do reaches beyond this node.
    pub parts: Parts,
    /// Knows who is where, and receives what other nodes say.
    pub directory: Arc<dyn Directory>,
}

/// Runs a node until a signal stops it; `parts` is called once, with the flags. A phase's `main` is this and no more.
pub fn run(parts: impl FnOnce(&Config) -> Parts) -> ExitCode {
    start(alone(parts), Beside::default())
}

/// As [`run`], with `ingest` beside the sockets where `--kafka` says from where.
pub fn run_with_ingest(ingest: impl Ingest, parts: impl FnOnce(&Config) -> Parts) -> ExitCode {
    start(alone(parts), Beside { ingest: Some(Arc::new(ingest)), ..Beside::default() })
}

/// As [`run_with_ingest`], with other nodes around it.
pub fn run_in_cluster(cluster: impl Cluster, ingest: impl Ingest, parts: impl FnOnce(&Config) -> Parts) -> ExitCode {
    start(alone(parts), Beside { ingest: Some(Arc::new(ingest)), cluster: Some(Arc::new(cluster)), forward: None })
}

/// As [`run_in_cluster`], with a way to the other nodes; `linked` is given the counters, too.
pub fn run_linked(
    cluster: impl Cluster,
    ingest: impl Ingest,
    forward: impl Forward,
    linked: impl FnOnce(&Config, &Arc<Stats>) -> Linked,
) -> ExitCode {
    let beside =
        Beside { ingest: Some(Arc::new(ingest)), cluster: Some(Arc::new(cluster)), forward: Some(Arc::new(forward)) };
    let parts = |config: &Config, stats: &Arc<Stats>| {
        let Linked { parts, directory } = linked(config, stats);
        (parts, Some(directory))
    };
    start(parts, beside)
}

/// What a phase builds of the flags and the counters.
pub type Built = (Parts, Option<Arc<dyn Directory>>);

fn alone(parts: impl FnOnce(&Config) -> Parts) -> impl FnOnce(&Config, &Arc<Stats>) -> Built {
    |config, _stats| (parts(config), None)
}

/// What runs beside the sockets.
#[derive(Default)]
struct Beside {
    ingest: Option<Arc<dyn Ingest>>,
    cluster: Option<Arc<dyn Cluster>>,
    forward: Option<Arc<dyn Forward>>,
}

fn start(build: impl FnOnce(&Config, &Arc<Stats>) -> Built, beside: Beside) -> ExitCode {
    panics::install();
    let config = parse(&beside);
    if let Err(sentence) = config.check().and_then(|()| beside.suits(&config)) {
        eprintln!("error: {sentence}");
        return USAGE.into();
    }
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(false).with_max_level(config.log).init();
    if config.tied {
        stop::tie_to_stdin();
    }
    raise_file_limit();
    let stats = Arc::<Stats>::default();
    let built = build(&config, &stats);
    let started = tokio::runtime::Runtime::new()
        .map_err(|error| format!("cannot start the runtime: {error}"))
        .and_then(|runtime| {
            let ended = runtime.block_on(serve_until_stopped(config, stats, built, beside));
            // A task that never yields would hold up an orderly shutdown of the runtime for ever.
            runtime.shutdown_background();
            ended
        });
    match started {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            eprintln!("error: {sentence}");
            USAGE.into()
        }
    }
}

fn parse(beside: &Beside) -> Config {
    let mut command = Config::command();
    if beside.ingest.is_none() {
        command = hide::<Kafka>(command);
    }
    if beside.cluster.is_none() {
        command = hide::<Gossip>(command);
    }
    if beside.forward.is_none() {
        command = hide::<Links>(command);
    }
    Config::from_arg_matches(&command.get_matches()).unwrap_or_else(|error| error.exit())
}

impl Beside {
    /// Whether it can do what the flags ask for.
    fn suits(&self, config: &Config) -> Result<(), String> {
        if config.kafka.brokers.is_some() && self.ingest.is_none() {
            return Err("--kafka: this node has nothing that reads from Kafka; leave it out".into());
        }
        if !config.gossip.seeds.is_empty() && self.cluster.is_none() {
            return Err("--seed: this node knows of no others; leave it out".into());
        }
        if self.cluster.is_some() && config.gossip.cookie.is_none() && !config.insecure {
            return Err("nodes gossip with all who share their secret: set --cookie, or add --insecure if everybody \
                        who reaches --gossip may join"
                .into());
        }
        Ok(())
    }
}

async fn serve_until_stopped(config: Config, stats: Arc<Stats>, built: Built, beside: Beside) -> Result<(), String> {
    let (listener, admin_listener) = (bind(config.listen).await?, bind(config.admin).await?);
    let advertised = config.links.advertise;
    let signals = Signals::catch().map_err(|error| format!("cannot listen for signals: {error}"))?;
    let mut shell = Shell::new(config, stats, built);
    let (ws, admin) = (bound(&listener), bound(&admin_listener));
    let mut addresses = BTreeMap::from([("ws".to_owned(), ws), ("admin".to_owned(), admin)]);
    let link = match beside.forward {
        Some(forward) => shell.open(forward).await?,
        None => None,
    };
    // Before the others are told: they dial as soon as they know.
    addresses.extend(link.map(|bound| ("link".to_owned(), advertised.unwrap_or(bound))));
    let mut ready = format!("ready ws={ws} admin={admin}");
    if let Some(cluster) = beside.cluster {
        ready += &format!(" gossip={}", shell.join(&*cluster, addresses).await?);
    }
    ready += &link.map_or_else(String::new, |link| format!(" link={link}"));
    println!("{ready}");
    let paused = beside.ingest.and_then(|ingest| shell.start_ingest(&*ingest));
    shell.serve(listener, admin_listener, paused);
    signals.first().await;
    shell.stop().await;
    Ok(())
}

/// As many descriptors as this process may have: each connection costs one. Best effort: a lower limit refuses connections
/// later, with a line in the log.
fn raise_file_limit() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::debug!(%error, "the limit of open files stays as it is");
    }
}
