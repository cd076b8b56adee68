//! What is measured: a process that speaks the wire.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context, Result};
use checks::harness::process::Process;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

/// A running server.
pub struct Subject {
    process: Process,
    address: SocketAddr,
}

impl Subject {
    /// Starts a node, or the floor: whatever prints a ready line.
    pub async fn start(binary: &Path, args: &[&str]) -> Result<Self> {
        let process = Process::start(binary, args).with_context(|| format!("cannot start {}", binary.display()))?;
        let ready = process.ready().await.context("it ended without a ready line")?;
        let address = ready.address("ws").context("its ready line names no ws=")?;
        Ok(Self { process, address })
    }

    /// A WebSocket client of it.
    pub async fn connect(&self) -> Result<WebSocketStream<TcpStream>> {
        let stream = TcpStream::connect(self.address).await.context("cannot connect")?;
        stream.set_nodelay(true)?;
        let url = format!("ws://{}/ws", self.address);
        let config = WebSocketConfig::default().read_buffer_size(4096);
        let (ws, _) = client_async_with_config(url, stream, Some(config)).await.context("refused the upgrade")?;
        Ok(ws)
    }

    /// Resident memory in KiB.
    pub async fn memory(&self) -> Result<f64> {
        let memory = self.process.rss_kib().await.context("ps cannot tell its memory")?;
        Ok(memory as f64)
    }

    /// Seconds of CPU used so far, where /proc tells.
    pub fn cpu(&self) -> Option<f64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.process.id())).ok()?;
        // The second field is a name in parentheses and may hold spaces; user and system ticks are the 14th and 15th.
        let fields = stat.rsplit_once(") ")?.1.split(' ').skip(11).take(2);
        let ticks: u64 = fields.filter_map(|field| field.parse::<u64>().ok()).sum();
        Some(ticks as f64 / rustix::param::clock_ticks_per_second() as f64)
    }
}
