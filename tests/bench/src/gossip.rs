//! How gossip grows with the number of nodes: chitchat as phase 4 sets it up, hundreds of nodes in one process, on its in-memory transport.
//!
//! What is counted are rounds, so that a machine on which all nodes share two cores tells the truth about nodes that do not: rounds last
//! longer the more nodes there are, and figures are told for rounds of [`ROUND`]. The seal of `phases/0-gossip` is not part of it: it adds
//! about 90 bytes to each message.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use checks::harness::eventually_each;
use checks::median::median;
use gossip::chitchat::transport::ChannelTransport;
use gossip::chitchat::{
    ChitchatConfig, ChitchatHandle, ChitchatId, FailureDetectorConfig, ProtocolVersion, spawn_chitchat,
};
use tokio::time::{Instant, sleep};

/// A node's default, `--gossip-interval`.
const ROUND: Duration = Duration::from_millis(500);
/// A round of the benchmark, for each node: about what the messages of one node cost two cores, several times over.
const ROUND_A_NODE: Duration = Duration::from_millis(5);
/// The shortest.
const LEAST_ROUND: Duration = Duration::from_millis(100);
/// How often in a round all nodes are asked.
const LOOKS: u32 = 20;
/// Rounds in which nothing happens but gossip.
const STEADY: u32 = 10;
/// Changes whose way is followed.
const CHANGES: usize = 5;
/// What has not become known by then never will.
const PATIENCE: u32 = 200;
/// The most that a datagram carries.
const DATAGRAM: usize = 65_507;
/// What a node of this project says of itself, about: four addresses and a version.
const SAYS: [(&str, &str); 5] = [
    ("ws", "10.100.100.100:8080"),
    ("admin", "10.100.100.100:8081"),
    ("link", "10.100.100.100:8082"),
    ("gossip", "10.100.100.100:7946"),
    ("version", "0.1.0"),
];
const NEWS: &str = "news";

/// Measures clusters of so many nodes, one after the other, and prints a row for each.
pub async fn run(sizes: &[usize]) -> Result<()> {
    println!("chitchat in one process; rounds of {ROUND:?}, medians of {CHANGES} changes");
    println!(
        "{:>6}{:>16}{:>16}{:>16}{:>16}{:>14}{:>14}",
        "nodes", "all joined, s", "change known, s", "death known, s", "messages/node/s", "KiB/node/s", "bytes/message"
    );
    for &size in sizes {
        eprintln!("{size} nodes");
        let row = Crowd::start(size).await?.measure().await.with_context(|| format!("{size} nodes"))?;
        println!(
            "{size:>6}{:>16.1}{:>16.1}{:>16.1}{:>16.1}{:>14.1}{:>14.0}",
            row.joined,
            row.changed,
            row.died,
            row.messages,
            row.bytes / 1024.0,
            row.bytes / row.messages
        );
    }
    Ok(())
}

/// Seconds, and what a node sends a second; both for rounds of [`ROUND`].
struct Row {
    joined: f64,
    changed: f64,
    died: f64,
    messages: f64,
    bytes: f64,
}

struct Crowd {
    nodes: Vec<ChitchatHandle>,
    transport: ChannelTransport,
    round: Duration,
    began: Instant,
}

impl Crowd {
    /// Starts all nodes within a round; the first one is the seed of the others.
    async fn start(size: usize) -> Result<Self> {
        let round = (ROUND_A_NODE * u32::try_from(size)?).max(LEAST_ROUND);
        let mut crowd = Self {
            nodes: Vec::with_capacity(size),
            transport: ChannelTransport::with_mtu(DATAGRAM),
            round,
            began: Instant::now(),
        };
        for number in 0..size {
            crowd.nodes.push(crowd.node(number).await?);
            crowd.nodes[number].gossip(address(0))?;
            sleep(round / u32::try_from(size)?).await;
        }
        Ok(crowd)
    }

    /// As phase 4's reference sets it up.
    async fn node(&self, number: usize) -> Result<ChitchatHandle> {
        let config = ChitchatConfig {
            chitchat_id: ChitchatId::new(format!("node-{number}"), 1_700_000_000_000, address(number)),
            cluster_id: String::from("router"),
            gossip_interval: self.round,
            listen_addr: address(number),
            seed_nodes: Vec::new(),
            failure_detector_config: FailureDetectorConfig {
                phi_threshold: 8.0,
                sampling_window_size: 10,
                max_interval: self.round * 8,
                initial_interval: self.round,
                dead_node_grace_period: self.round * 10 * PATIENCE,
            },
            marked_for_deletion_grace_period: self.round * 10 * PATIENCE,
            catchup_callback: None,
            extra_liveness_predicate: None,
            protocol_version: ProtocolVersion::V0,
        };
        let says = SAYS.map(|(key, value)| (key.to_owned(), value.to_owned()));
        spawn_chitchat(config, says.to_vec(), &self.transport).await
    }

    async fn measure(mut self) -> Result<Row> {
        let size = self.nodes.len();
        self.until(async |node| live(node).await == size).await.context("not all have joined")?;
        let joined = self.seconds(self.began);
        let (messages, bytes) = self.steady().await;
        let mut changes = Vec::new();
        for change in 0..CHANGES {
            changes.push(self.change(change).await.context("a change does not become known")?);
        }
        let died = self.death().await.context("a death does not become known")?;
        for node in self.nodes {
            node.shutdown().await?;
        }
        Ok(Row { joined, changed: median(changes), died, messages, bytes })
    }

    /// Messages and bytes that a node sends a second.
    async fn steady(&self) -> (f64, f64) {
        let (before, began) = (self.transport.statistics(), Instant::now());
        sleep(self.round * STEADY).await;
        let (after, seconds) = (self.transport.statistics(), self.seconds(began));
        let each = |total: u64| total as f64 / self.nodes.len() as f64 / seconds;
        (
            each(after.num_messages_total - before.num_messages_total),
            each(after.num_bytes_total - before.num_bytes_total),
        )
    }

    /// One node says something; gives how long it takes until all have heard it.
    async fn change(&self, number: usize) -> Result<f64> {
        let (began, news) = (Instant::now(), number.to_string());
        // Nodes far apart in the order in which they gossip.
        let teller = &self.nodes[number * self.nodes.len() / CHANGES];
        teller.with_chitchat(|chitchat| chitchat.self_node_state().set(NEWS, &news)).await;
        let id = teller.chitchat_id();
        self.until(async |node| {
            node.with_chitchat(|chitchat| {
                chitchat.node_state(id).and_then(|state| state.get(NEWS)) == Some(news.as_str())
            })
            .await
        })
        .await?;
        Ok(self.seconds(began))
    }

    /// One node ends without a word; gives how long it takes until all others have noticed.
    async fn death(&mut self) -> Result<f64> {
        let began = Instant::now();
        self.nodes.swap_remove(self.nodes.len() / 2).shutdown().await?;
        let left = self.nodes.len();
        self.until(async |node| live(node).await == left).await?;
        Ok(self.seconds(began))
    }

    /// Waits until it is so on all nodes.
    async fn until(&self, is_so: impl AsyncFn(&ChitchatHandle) -> bool) -> Result<()> {
        for node in &self.nodes {
            let look = async || {
                ensure!(is_so(node).await, "not on {}", node.chitchat_id().node_id);
                Ok(())
            };
            eventually_each(self.round / LOOKS, self.round * PATIENCE, look).await?;
        }
        Ok(())
    }

    /// How long ago, if rounds were as long as a node's.
    fn seconds(&self, began: Instant) -> f64 {
        began.elapsed().div_duration_f64(self.round) * ROUND.as_secs_f64()
    }
}

async fn live(node: &ChitchatHandle) -> usize {
    node.with_chitchat(|chitchat| chitchat.live_nodes().count()).await
}

/// No network knows it: it is a key of the transport's map.
fn address(number: usize) -> SocketAddr {
    (Ipv4Addr::from_bits(Ipv4Addr::new(10, 0, 0, 1).to_bits() + number as u32), 7946).into()
}
