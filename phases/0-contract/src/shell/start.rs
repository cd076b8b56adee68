//! A phase's `main`: from arguments to the ready line, and from the first signal to the exit status.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use clap::Parser;
use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;

use super::admin::{self, Admin};
use super::sockets::{Listed, Sockets};
use super::stop::{self, Signals, Stop};
use super::upgrade::Upgrades;
use super::{http, panics, public};
use crate::{CloseCode, Config, Node, Protocol, Serve, Stats};

/// The status for anything that is wrong before the node serves: flags, environment, addresses.
const USAGE: u8 = 2;

/// What a phase puts into the shell.
pub struct Parts {
    /// Runs the connections.
    pub serve: Arc<dyn Serve>,
    /// Receives their frames.
    pub protocol: Arc<dyn Protocol>,
}

/// Runs a node until a signal stops it; `parts` is called once, with the flags. A phase's `main` is this and no more.
pub fn run(parts: impl FnOnce(&Config) -> Parts) -> ExitCode {
    panics::install();
    let config = Config::parse();
    if let Err(sentence) = config.check() {
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
            let ended = runtime.block_on(serve_until_stopped(config, parts));
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

async fn serve_until_stopped(config: Config, parts: Parts) -> Result<(), String> {
    let (listener, admin_listener) = (bind(config.listen).await?, bind(config.admin).await?);
    let signals = Signals::catch().map_err(|error| format!("cannot listen for signals: {error}"))?;
    println!("ready ws={} admin={}", bound(&listener), bound(&admin_listener));
    let shell = Shell::new(config, parts);
    shell.serve(listener, admin_listener);
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
    sockets: Sockets,
    stop: Stop,
    requests: TaskTracker,
    connections: TaskTracker,
}

impl Shell {
    fn new(config: Config, parts: Parts) -> Self {
        let sockets = Sockets::default();
        let protocol = Arc::new(Listed { sockets: sockets.clone(), inner: parts.protocol });
        let node = Arc::new(Node { config, stats: Stats::default(), protocol });
        let (requests, connections) = (TaskTracker::new(), TaskTracker::new());
        Self { node, serve: parts.serve, sockets, stop: Stop::default(), requests, connections }
    }

    fn serve(&self, listener: TcpListener, admin_listener: TcpListener) {
        let upgrades = Upgrades {
            node: self.node.clone(),
            serve: self.serve.clone(),
            stop: self.stop.clone(),
            connections: self.connections.clone(),
            last_conn: AtomicU64::new(0),
        };
        let admin = Admin { node: self.node.clone(), sockets: self.sockets.clone(), stop: self.stop.clone() };
        for (listener, routes) in
            [(listener, public::routes(Arc::new(upgrades))), (admin_listener, admin::routes(Arc::new(admin)))]
        {
            tokio::spawn(http::serve(listener, routes, self.stop.token(), self.requests.clone()));
        }
        tokio::spawn(close_when_drained(self.sockets.clone(), self.stop.clone(), self.node.config.drain));
    }

    /// Takes no new connections, lets the open ones say goodbye, and cuts off what is left at the drain deadline.
    async fn stop(self) {
        tracing::info!("stopping");
        self.stop.stop();
        self.sockets.close_all(CloseCode::Away);
        self.requests.close();
        self.connections.close();
        let all_gone = async { tokio::join!(self.connections.wait(), self.requests.wait()) };
        if tokio::time::timeout(self.node.config.drain, all_gone).await.is_err() {
            tracing::warn!(connections = self.connections.len(), "cut off at the drain deadline");
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
