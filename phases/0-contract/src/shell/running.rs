//! A node while it runs: its parts, what joins them, and the order in which they stop.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::admin::{self, Admin};
use super::http::cannot_bind;
use super::sockets::{Listed, Sockets};
use super::start::{Built, Speaks};
use super::stop::Stop;
use super::upgrade::Upgrades;
use super::{cluster, http, public};
use crate::authenticate::{Anybody, Authenticate, Jwt};
use crate::gateway::{Gateway, Overdue, Seams};
use crate::{
    Board, CloseCode, Cluster, Config, Directory, Forward, Health, Ingest, Intake, Joined, Joining, MessageIds, Node,
    Opened, Opening, Protocol, Serve, Stats,
};

/// All parts of a running node.
pub struct Shell {
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
    /// Nothing runs yet.
    pub fn new(config: Config, stats: Arc<Stats>, (parts, directory): Built) -> Self {
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

    /// Takes links, where there is a directory to receive what comes; gives the address that this node listens on for them.
    ///
    /// # Errors
    ///
    /// The address is not to be had.
    pub async fn open(&mut self, forward: Arc<dyn Forward>) -> Result<Option<SocketAddr>, String> {
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

    /// Looks for other nodes, and tells them these addresses; gives the one that it listens on for gossip.
    ///
    /// # Errors
    ///
    /// The address is not to be had.
    pub async fn join(
        &mut self,
        cluster: &dyn Cluster,
        addresses: BTreeMap<String, SocketAddr>,
    ) -> Result<SocketAddr, String> {
        let (node, stop) = (self.node.clone(), self.stop.token());
        let joining = Joining { node, addresses, board: self.board.clone(), stop };
        let listen = self.node.config.gossip.listen;
        let Joined { gossip, run } = cluster.join(joining).await.map_err(|error| cannot_bind(listen, &error))?;
        self.cluster = Some(tokio::spawn(run));
        tokio::spawn(cluster::watch_over(self.node.clone(), self.board.view()));
        Ok(gossip)
    }

    /// Reads from Kafka, where `--kafka` and the seams say from where and to where; gives what pauses it.
    pub fn start_ingest(&mut self, ingest: &dyn Ingest) -> Option<watch::Sender<bool>> {
        self.node.config.kafka.brokers.as_ref()?;
        let deliver = self.seams.as_ref()?.deliver.clone();
        let (paused_tx, paused) = watch::channel(self.node.config.kafka.ingest_paused);
        let intake = Intake { node: self.node.clone(), deliver, paused, stop: self.stop_ingest.clone() };
        self.ingest = Some(tokio::spawn(ingest.run(intake)));
        Some(paused_tx)
    }

    /// Serves on both listeners.
    pub fn serve(&self, listener: TcpListener, admin_listener: TcpListener, paused: Option<watch::Sender<bool>>) {
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
    pub async fn stop(self) {
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
