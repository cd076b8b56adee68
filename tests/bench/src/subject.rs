//! What is measured: a process that speaks the wire.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use checks::Failure;
use checks::harness::process::Process;
use checks::harness::{Admin, Story, eventually};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use crate::dialect::{Dialect, Router, free_port};

/// How long a server may take until it accepts connections.
const PATIENCE: Duration = Duration::from_secs(5);

/// A running server. Dropping it kills it.
pub struct Subject {
    process: Process,
    address: SocketAddr,
    admin: Option<SocketAddr>,
    /// Where others of its cluster find it.
    meets: Option<SocketAddr>,
    path: &'static str,
    _config: Option<ConfigFile>,
}

impl Subject {
    /// Starts a node, or the floor: whatever prints a ready line.
    pub async fn start(binary: &Path, args: &[&str]) -> Result<Self> {
        let process = Process::start(binary, args).with_context(|| format!("cannot start {}", binary.display()))?;
        let ready = process.ready().await.context("it ended without a ready line")?;
        let address = ready.address("ws").context("its ready line names no ws=")?;
        let (admin, meets) = (ready.address("admin"), ready.address("gossip"));
        Ok(Self { process, address, admin, meets, path: "/ws", _config: None })
    }

    /// Starts a node of a router, whichever it is; it will find the others by `seed`, one of them.
    pub async fn launch(router: &Router, seed: Option<&Self>) -> Result<Self> {
        let (binary, args) = router.command();
        let seed = seed.and_then(|seed| seed.meets);
        match router.dialect {
            Dialect::Gateway => {
                let seed = seed.map(|seed| format!("--seed={seed}"));
                let args: Vec<&str> = args.iter().chain(&seed).map(String::as_str).collect();
                Self::start(binary, &args).await
            }
            Dialect::Nats => Self::nats(binary, router.nodes, seed).await,
        }
    }

    /// NATS cannot choose a port for its WebSocket listener and say which, and takes its settings from a file only.
    async fn nats(binary: &Path, nodes: usize, seed: Option<SocketAddr>) -> Result<Self> {
        let local = || anyhow::Ok(SocketAddr::from(([127, 0, 0, 1], free_port()?)));
        let address = local()?;
        let mut settings = format!(
            "listen: \"{}\"\nwebsocket {{ listen: \"{address}\", no_tls: true, compression: false }}\n",
            local()?
        );
        let (mut admin, mut meets) = (None, None);
        if nodes > 1 {
            let (http, cluster) = (*admin.insert(local()?), *meets.insert(local()?));
            let routes = seed.map(|seed| format!("\"nats://{seed}\"")).unwrap_or_default();
            settings +=
                &format!("http: \"{http}\"\ncluster {{ name: bench, listen: \"{cluster}\", routes: [{routes}] }}\n");
        }
        let config = ConfigFile::write(address.port(), &settings)?;
        let process =
            Process::start(binary, &["--config".as_ref(), config.0.as_os_str()]).context("cannot start NATS")?;
        let started = Self { process, address, admin, meets, path: "/", _config: Some(config) };
        eventually(PATIENCE, || started.connect()).await.context("NATS does not serve")?;
        Ok(started)
    }

    /// A WebSocket client of it.
    pub async fn connect(&self) -> Result<WebSocketStream<TcpStream>> {
        connect(self.address, self.path).await
    }

    /// Its admin listener, where it has one.
    pub fn admin(&self) -> Result<Admin> {
        let address = self.admin.context("its ready line names no admin=")?;
        Ok(Admin::new(&Story::begin(), "node", address))
    }

    /// SIGTERM; how it ended.
    pub async fn stop(self) -> ExitStatus {
        self.process.terminate();
        self.process.exited().await
    }

    /// Whether it has panicked.
    pub fn has_panicked(&self) -> bool {
        self.process.report("node").panic.is_some()
    }

    /// Resident memory in KiB.
    pub async fn memory(&self) -> Result<f64> {
        let memory = self.process.rss_kib().await.context("ps cannot tell its memory")?;
        Ok(memory as f64)
    }

    /// The most memory that it has had, in KiB, since its start or since [`forget_peak`](Self::forget_peak); where /proc tells.
    pub fn peak(&self) -> Option<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        line.trim_end_matches("kB").trim().parse().ok()
    }

    /// From now on its peak is counted anew.
    pub fn forget_peak(&self) -> Result<()> {
        let path = format!("/proc/{}/clear_refs", self.process.id());
        std::fs::write(&path, "5")
            .with_context(|| format!("cannot write {path}: peaks of memory are told by Linux only"))
    }

    /// Seconds of CPU used so far, where /proc tells.
    pub fn cpu(&self) -> Option<f64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.process.id())).ok()?;
        // The second field is a name in parentheses and may hold spaces; user and system ticks are the 14th and 15th.
        let fields = stat.rsplit_once(") ")?.1.split(' ').skip(11).take(2);
        let ticks: u64 = fields.filter_map(|field| field.parse::<u64>().ok()).sum();
        Some(ticks as f64 / rustix::param::clock_ticks_per_second() as f64)
    }

    /// Microseconds of CPU for each of `count` things, since it had used `before`.
    pub fn cpu_us_since(&self, before: Option<f64>, count: u64) -> f64 {
        cpu_us(before, self.cpu(), count)
    }
}

/// A WebSocket client of whoever listens there, with a buffer for the little that one of many reads.
pub async fn connect(address: SocketAddr, path: &str) -> Result<WebSocketStream<TcpStream>> {
    let stream = TcpStream::connect(address).await.context("cannot connect")?;
    stream.set_nodelay(true)?;
    let config = WebSocketConfig::default().read_buffer_size(4096);
    let upgraded = client_async_with_config(format!("ws://{address}{path}"), stream, Some(config)).await;
    Ok(upgraded.context("refused the upgrade")?.0)
}

/// Microseconds of CPU for each of `count` things, of seconds used before and after them.
pub fn cpu_us(before: Option<f64>, after: Option<f64>, count: u64) -> f64 {
    before.zip(after).map_or(f64::NAN, |(before, after)| after - before) * 1e6 / count as f64
}

/// What a node or a broker did not do, as an error that a person reads.
pub fn told(failure: Failure) -> anyhow::Error {
    match failure {
        Failure::Skipped { why } => anyhow!(why),
        Failure::Failed { expected, .. } => anyhow!("expected {expected}"),
    }
}

/// A file that is gone when this is dropped.
struct ConfigFile(PathBuf);

impl ConfigFile {
    /// A file for the server at this port of this machine.
    fn write(port: u16, text: &str) -> Result<Self> {
        let path = std::env::temp_dir().join(format!("bench-{}-{port}.conf", std::process::id()));
        std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for ConfigFile {
    fn drop(&mut self) {
        // It lies in the folder for temporary files, where one more does no harm.
        let _ = std::fs::remove_file(&self.0);
    }
}
