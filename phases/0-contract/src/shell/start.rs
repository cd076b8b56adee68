//! A phase's `main`: from arguments to the ready line, and from the first signal to the exit status.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use clap::{CommandFactory, FromArgMatches};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::admin::{self, Admin};
use super::sockets::{Listed, Sockets};
use super::stop::{self, Signals, Stop};
use super::upgrade::Upgrades;
use super::{http, panics, public};
use crate::authenticate::{Anybody, Authenticate, Jwt};
use crate::gateway::{Gateway, Overdue, Seams};
use crate::{CloseCode, Config, Health, Ingest, Intake, Kafka, MessageIds, Node, Protocol, Serve, Stats};

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

/// Runs a node until a signal stops it; `parts` is called once, with the flags. A phase's `main` is this and no more.
pub fn run(parts: impl FnOnce(&Config) -> Parts) -> ExitCode {
    start(parts, None)
}

/// As [`run`], with `ingest` beside the sockets where `--kafka` says from where.
pub fn run_with_ingest(ingest: impl Ingest, parts: impl FnOnce(&Config) -> Parts) -> ExitCode {
    start(parts, Some(Arc::new(ingest)))
}

fn start(parts: impl FnOnce(&Config) -> Parts, ingest: Option<Arc<dyn Ingest>>) -> ExitCode {
    panics::install();
    let config = parse(ingest.is_some());
    if let Err(sentence) = config.check().and_then(|()| kafka_has_a_reader(&config, ingest.is_some())) {
        eprintln!("error: {sentence}");
        return USAGE.into();
    }
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(false).with_max_level(config.log).init();
    if config.tied {
        stop::tie_to_stdin();
    }
    raise_file_limit();
    let parts = parts(&config);
    let started = tokio::runtime::Runtime::new()
        .map_err(|error| format!("cannot start the runtime: {error}"))
        .and_then(|runtime| {
            let ended = runtime.block_on(serve_until_stopped(config, parts, ingest));
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

fn parse(ingests: bool) -> Config {
    let command = Config::command();
    let command = if ingests { command } else { Kafka::hidden_in(command) };
    Config::from_arg_matches(&command.get_matches()).unwrap_or_else(|error| error.exit())
}

fn kafka_has_a_reader(config: &Config, ingests: bool) -> Result<(), String> {
    match &config.kafka.brokers {
        Some(_) if !ingests => Err("--kafka: this node has nothing that reads from Kafka; leave it out".into()),
        _ => Ok(()),
    }
}

async fn serve_until_stopped(config: Config, parts: Parts, ingest: Option<Arc<dyn Ingest>>) -> Result<(), String> {
    let (listener, admin_listener) = (bind(config.listen).await?, bind(config.admin).await?);
    let signals = Signals::catch().map_err(|error| format!("cannot listen for signals: {error}"))?;
    println!("ready ws={} admin={}", bound(&listener), bound(&admin_listener));
    let mut shell = Shell::new(config, parts);
    let paused = ingest.and_then(|ingest| shell.start_ingest(&*ingest));
    shell.serve(listener, admin_listener, paused);
    signals.first().await;
    shell.stop().await;
    Ok(())
}

async fn bind(address: SocketAddr) -> Result<TcpListener, String> {
    TcpListener::bind(address).await.map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => {
            format!("{address} is in use by another process: stop it, or choose another port")
        }
        _ => format!("cannot listen on {address}: {error}"),
    })
}

fn bound(listener: &TcpListener) -> String {
    listener.local_addr().map_or_else(|_| "unknown".into(), |address| address.to_string())
}

struct Shell {
    node: Arc<Node>,
    serve: Arc<dyn Serve>,
    seams: Option<Seams>,
    ids: Arc<MessageIds>,
    sockets: Sockets,
    stop: Stop,
    requests: TaskTracker,
    connections: TaskTracker,
    ingest: Option<JoinHandle<()>>,
    stop_ingest: CancellationToken,
}

impl Shell {
    fn new(config: Config, parts: Parts) -> Self {
        let (sockets, stats, ids) = (Sockets::default(), Arc::<Stats>::default(), Arc::new(MessageIds::new()));
        let (inner, seams): (Arc<dyn Protocol>, _) = match parts.speaks {
            Speaks::Own(protocol) => (protocol, None),
            Speaks::Gateway(seams) => (gateway(&config, &stats, &ids, seams.clone()), Some(seams)),
        };
        let protocol = Arc::new(Listed { sockets: sockets.clone(), inner });
        let node = Arc::new(Node { config, stats, health: Health::default(), protocol });
        Self {
            node,
            serve: parts.serve,
            seams,
            ids,
            sockets,
            stop: Stop::default(),
            requests: TaskTracker::new(),
            connections: TaskTracker::new(),
            ingest: None,
            stop_ingest: CancellationToken::new(),
        }
    }

    /// Where `--kafka` and the seams say from where and to where; gives what pauses it.
    fn start_ingest(&mut self, ingest: &dyn Ingest) -> Option<watch::Sender<bool>> {
        self.node.config.kafka.brokers.as_ref()?;
        let deliver = self.seams.as_ref()?.deliver.clone();
        let (paused_tx, paused) = watch::channel(self.node.config.kafka.ingest_paused);
        let intake = Intake { node: self.node.clone(), deliver, paused, stop: self.stop_ingest.clone() };
        self.ingest = Some(tokio::spawn(ingest.run(intake)));
        Some(paused_tx)
    }

    fn serve(&self, listener: TcpListener, admin_listener: TcpListener, paused: Option<watch::Sender<bool>>) {
        let upgrades = Upgrades {
            node: self.node.clone(),
            serve: self.serve.clone(),
            stop: self.stop.clone(),
            connections: self.connections.clone(),
            last_conn: AtomicU64::new(0),
        };
        let admin = Admin {
            node: self.node.clone(),
            sockets: self.sockets.clone(),
            stop: self.stop.clone(),
            seams: self.seams.clone(),
            ids: self.ids.clone(),
            paused,
        };
        for (listener, routes) in
            [(listener, public::routes(Arc::new(upgrades))), (admin_listener, admin::routes(Arc::new(admin)))]
        {
            tokio::spawn(http::serve(listener, routes, self.stop.token(), self.requests.clone()));
        }
        if let Some(seams) = &self.seams {
            tokio::spawn(sweep(seams.clone(), self.sockets.clone(), self.node.clone()));
        }
        tokio::spawn(close_when_drained(self.sockets.clone(), self.stop.clone(), self.node.config.drain));
    }

    /// Takes no new connections, lets the open ones say goodbye, and cuts off what is left at the drain deadline.
    async fn stop(self) {
        tracing::info!("stopping");
        let deadline = Instant::now() + self.node.config.drain;
        self.stop.stop();
        self.stop_ingest.cancel();
        if let Some(ingest) = self.ingest
            && timeout_at(deadline, ingest).await.is_err()
        {
            tracing::warn!("what reads from Kafka has not finished by the drain deadline");
        }
        self.sockets.close_all(CloseCode::Away);
        self.requests.close();
        self.connections.close();
        let all_gone = async { tokio::join!(self.connections.wait(), self.requests.wait()) };
        if timeout_at(deadline, all_gone).await.is_err() {
            tracing::warn!(connections = self.connections.len(), "cut off at the drain deadline");
        }
    }
}

/// The gateway protocol with what it needs of the node, and somebody to look after what it waits for.
fn gateway(config: &Config, stats: &Arc<Stats>, ids: &Arc<MessageIds>, seams: Seams) -> Arc<Gateway> {
    let authenticate: Arc<dyn Authenticate> = match &config.token_key {
        Some(key) => Arc::new(Jwt::new(key.as_bytes())),
        None => Arc::new(Anybody),
    };
    let overdue = Overdue::default();
    tokio::spawn(overdue.clone().run(config.deliver_timeout, config.heartbeat));
    Arc::new(Gateway { seams, authenticate, ids: ids.clone(), stats: stats.clone(), overdue })
}

/// Counts registrations that nothing stands behind. A connection leaves the table of sockets only after its registration has
/// ended, so whatever is found is a bug, and no race.
async fn sweep(seams: Seams, sockets: Sockets, node: Arc<Node>) {
    let mut rounds = tokio::time::interval(node.config.sweep);
    loop {
        rounds.tick().await;
        let swept = seams.presence.sweep(&|conn| sockets.is_open(conn));
        node.stats.registry.swept.add(swept as u64);
        if swept > 0 {
            tracing::error!(swept, "registrations had outlived their connections");
        }
    }
}

/// `POST /drain` lets connections go on for a while; then they are asked to reconnect elsewhere.
async fn close_when_drained(sockets: Sockets, stop: Stop, patience: std::time::Duration) {
    tokio::select! {
        () = stop.stopping() => {}
        () = stop.drained_for(patience) => sockets.close_all(CloseCode::Restart),
    }
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
