//! A phase's `main`: from arguments to the ready line, and from the first signal to the exit status.

use std::collections::BTreeMap;
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
use super::cluster;
use super::sockets::{Listed, Sockets};
use super::stop::{self, Signals, Stop};
use super::upgrade::Upgrades;
use super::{http, panics, public};
use crate::authenticate::{Anybody, Authenticate, Jwt};
use crate::config::hide;
use crate::gateway::{Gateway, Overdue, Seams};
use crate::{
    Board, CloseCode, Cluster, Config, Directory, Forward, Gossip, Health, Ingest, Intake, Joined, Joining, Kafka,
    Links, MessageIds, Node, Opened, Opening, Protocol, Serve, Stats,
};

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
type Built = (Parts, Option<Arc<dyn Directory>>);

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
    let signals = Signals::catch().map_err(|error| format!("cannot listen for signals: {error}"))?;
    let mut shell = Shell::new(config, stats, built);
    let (ws, admin) = (bound(&listener), bound(&admin_listener));
    let mut addresses = BTreeMap::from([("ws".to_owned(), ws), ("admin".to_owned(), admin)]);
    let link = match beside.forward {
        Some(forward) => shell.open(forward).await?,
        None => None,
    };
    // Before the others are told: they dial as soon as they know.
    addresses.extend(link.map(|bound| ("link".to_owned(), shell.node.config.links.advertise.unwrap_or(bound))));
    let mut ready = format!("ready ws={ws} admin={admin}");
    if let Some(cluster) = beside.cluster {
        let Joined { gossip, run } = shell.join(&*cluster, addresses).await?;
        ready += &format!(" gossip={gossip}");
        shell.cluster = Some(tokio::spawn(run));
    }
    ready += &link.map_or_else(String::new, |link| format!(" link={link}"));
    println!("{ready}");
    let paused = beside.ingest.and_then(|ingest| shell.start_ingest(&*ingest));
    shell.serve(listener, admin_listener, paused);
    signals.first().await;
    shell.stop().await;
    Ok(())
}

async fn bind(address: SocketAddr) -> Result<TcpListener, String> {
    TcpListener::bind(address).await.map_err(|error| cannot_bind(address, &error))
}

fn cannot_bind(address: SocketAddr, error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::AddrInUse => {
            format!("{address} is in use by another process: stop it, or choose another port")
        }
        _ => format!("cannot listen on {address}: {error}"),
    }
}

fn bound(listener: &TcpListener) -> SocketAddr {
    listener.local_addr().expect("a listener that was bound has an address")
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
    board: Board,
    cluster: Option<JoinHandle<()>>,
    forward: Option<Arc<dyn Forward>>,
    directory: Option<Arc<dyn Directory>>,
    links: Option<JoinHandle<()>>,
    stop_links: CancellationToken,
}

impl Shell {
    fn new(config: Config, stats: Arc<Stats>, (parts, directory): Built) -> Self {
        let (sockets, ids) = (Sockets::default(), Arc::new(MessageIds::new()));
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
            board: Board::default(),
            cluster: None,
            forward: None,
            directory,
            links: None,
            stop_links: CancellationToken::new(),
        }
    }

    /// Where there is a directory to receive what comes; gives where others reach this node.
    async fn open(&mut self, forward: Arc<dyn Forward>) -> Result<Option<SocketAddr>, String> {
        let Some(directory) = self.directory.clone() else { return Ok(None) };
        let opening = Opening {
            node: self.node.clone(),
            view: self.board.view(),
            receive: directory.clone(),
            stop: self.stop_links.clone(),
        };
        let listen = self.node.config.links.listen;
        let Opened { address, run } = forward.open(opening).await.map_err(|error| cannot_bind(listen, &error))?;
        let heeding = directory.run(self.board.view(), self.stop_links.clone());
        self.links = Some(tokio::spawn(async { _ = tokio::join!(run, heeding) }));
        self.forward = Some(forward);
        Ok(Some(address))
    }

    async fn join(&self, cluster: &dyn Cluster, addresses: BTreeMap<String, SocketAddr>) -> Result<Joined, String> {
        let (node, stop) = (self.node.clone(), self.stop.token());
        let joining = Joining { node, addresses, board: self.board.clone(), stop };
        let listen = self.node.config.gossip.listen;
        let joined = cluster.join(joining).await.map_err(|error| cannot_bind(listen, &error))?;
        tokio::spawn(cluster::watch_over(self.node.clone(), self.board.view()));
        Ok(joined)
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
            cluster: self.cluster.is_some().then(|| self.board.clone()),
            forward: self.forward.clone(),
            directory: self.directory.clone(),
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
        // Not before: senders elsewhere want to hear what became of what was queued here.
        self.stop_links.cancel();
        if let Some(links) = self.links
            && timeout_at(deadline, links).await.is_err()
        {
            tracing::warn!("links were cut off at the drain deadline");
        }
        if let Some(cluster) = self.cluster
            && timeout_at(deadline, cluster).await.is_err()
        {
            tracing::warn!("the others were not told in time that this node leaves");
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
