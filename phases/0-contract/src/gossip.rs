//! The flags of a node that gossips with others, from phase 4 on.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::config::{duration, node_id, secret};
use crate::NodeId;

/// How a node finds the others, knows them, and gives them up.
#[derive(Debug, Clone, Args)]
pub struct Gossip {
    /// Where other nodes gossip with this one (UDP)
    #[arg(id = "gossip", long = "gossip", env = "ROUTER_GOSSIP", value_name = "GOSSIP", default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,

    /// Where they are told to do so [default: as bound]
    #[arg(
        id = "gossip-advertise",
        long = "gossip-advertise",
        env = "ROUTER_GOSSIP_ADVERTISE",
        value_name = "GOSSIP_ADVERTISE"
    )]
    pub advertise: Option<SocketAddr>,

    /// Nodes to begin with, as host:port, of which one is enough; repeat it, or use commas
    #[arg(id = "seed", long = "seed", env = "ROUTER_SEED", value_name = "SEED", value_delimiter = ',', value_parser = seed)]
    pub seeds: Vec<String>,

    /// A file of names in the form of /etc/hosts, read again at each look-up, before the system is asked
    #[arg(long, env = "ROUTER_HOSTS")]
    pub hosts: Option<PathBuf>,

    /// The cluster's name: nodes of others stay out
    #[arg(long, env = "ROUTER_CLUSTER", default_value = "router", value_parser = name)]
    pub cluster: String,

    /// The cluster's secret: nodes without it stay out
    #[arg(long, env = "ROUTER_COOKIE", hide_env_values = true, value_parser = secret)]
    pub cookie: Option<String>,

    /// How often to gossip
    #[arg(id = "gossip-interval", long = "gossip-interval", env = "ROUTER_GOSSIP_INTERVAL")]
    #[arg(value_parser = duration, value_name = "GOSSIP_INTERVAL", default_value = "500ms")]
    pub interval: Duration,

    /// A node is given up that has been silent for so many times its usual silence
    #[arg(long, env = "ROUTER_PHI", default_value_t = 8.0)]
    pub phi: f64,

    /// A node that was given up, or has left, is forgotten after so long
    #[arg(long, env = "ROUTER_FORGET_AFTER", value_parser = duration, default_value = "1h")]
    pub forget_after: Duration,

    /// The nodes that there should be; repeat it, or use commas [default: whoever comes]
    #[arg(long, env = "ROUTER_EXPECT", value_delimiter = ',', value_parser = node_id)]
    pub expect: Vec<NodeId>,

    /// Which of this node's lives this is: higher than all before [default: the clock, in milliseconds]
    #[arg(long, env = "ROUTER_INCARNATION")]
    pub incarnation: Option<u64>,
}

impl Gossip {
    /// What no single flag can know to be wrong.
    ///
    /// # Errors
    ///
    /// A sentence that names the flags and says what to change.
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.listen.ip().is_unspecified() && self.advertise.is_none() {
            return Err(format!("--gossip {} is no address to tell others: set --gossip-advertise", self.listen));
        }
        if self.interval.is_zero() {
            return Err("--gossip-interval must be longer than nothing".into());
        }
        if !(self.phi.is_finite() && self.phi > 0.0) {
            return Err("--phi must be a number above 0".into());
        }
        if self.forget_after < self.interval.saturating_mul(ROUNDS_TO_BELIEVE) {
            return Err(format!("--forget-after must be at least {ROUNDS_TO_BELIEVE} times --gossip-interval"));
        }
        Ok(())
    }
}

/// A node that was just heard of is believed in after three rounds or so: it must not be forgotten before.
const ROUNDS_TO_BELIEVE: u32 = 5;

fn seed(text: &str) -> Result<String, String> {
    let parts = text.rsplit_once(':').filter(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
    parts.map(|_| text.to_owned()).ok_or_else(|| "write it as 10.0.0.1:7946 or router.example:7946".into())
}

fn name(text: &str) -> Result<String, String> {
    node_id(text).map(|_| text.to_owned())
}
