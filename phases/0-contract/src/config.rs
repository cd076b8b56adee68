//! Every flag of a node. Each has an environment variable (`--listen` → `ROUTER_LISTEN`); the flag wins.

use std::net::SocketAddr;
use std::time::Duration;

use clap::{Args, Command, Parser};

use crate::{Gossip, Kafka, Links, NodeId};

/// How a node is to run: durations as `250ms`, `30s`, `1h`; sizes in bytes.
#[derive(Debug, Clone, Parser)]
#[command(version, about = "A node of the router", max_term_width = 100)]
pub struct Config {
    /// This node's name [default: node- and four hexadecimal digits]
    #[arg(long, env = "ROUTER_NODE", value_parser = node_id, default_value_t = random_node(), hide_default_value = true)]
    pub node: NodeId,

    /// Where clients connect: /ws and /health
    #[arg(long, env = "ROUTER_LISTEN", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,

    /// Where operators connect: everything else
    #[arg(long, env = "ROUTER_ADMIN", default_value = "127.0.0.1:8081")]
    pub admin: SocketAddr,

    /// Bearer token that the admin listener asks for
    #[arg(long, env = "ROUTER_ADMIN_TOKEN", hide_env_values = true, value_parser = secret)]
    pub admin_token: Option<String>,

    /// Key of the tokens (JWT, HS256) that a client registers with [default: anybody may be anybody]
    #[arg(long, env = "ROUTER_TOKEN_KEY", hide_env_values = true, value_parser = secret)]
    pub token_key: Option<String>,

    /// Origins whose pages may connect; repeat it, or use commas [default: any]
    #[arg(long, env = "ROUTER_ORIGIN", value_delimiter = ',')]
    pub origin: Vec<String>,

    /// Allow listeners that others can reach and that ask nobody who they are
    #[arg(long, env = "ROUTER_INSECURE")]
    pub insecure: bool,

    /// How often to ping each client
    #[arg(long, env = "ROUTER_HEARTBEAT", value_parser = duration, default_value = "30s")]
    pub heartbeat: Duration,

    /// Close a connection that has shown no life for so long
    #[arg(long, env = "ROUTER_HEARTBEAT_TIMEOUT", value_parser = duration, default_value = "90s")]
    pub heartbeat_timeout: Duration,

    /// How often to look for registrations without a connection
    #[arg(long, env = "ROUTER_SWEEP", value_parser = duration, default_value = "60s")]
    pub sweep: Duration,

    /// The largest message a client may send, inclusive, in bytes
    #[arg(long, env = "ROUTER_MAX_MESSAGE", default_value_t = 65_536, value_parser = at_least_one)]
    pub max_message: usize,

    /// How many frames may wait for one client
    #[arg(long, env = "ROUTER_MAILBOX_MESSAGES", default_value_t = 1024, value_parser = at_least_one)]
    pub mailbox_messages: usize,

    /// How many bytes may wait for one client
    #[arg(long, env = "ROUTER_MAILBOX_BYTES", default_value_t = 1_048_576, value_parser = at_least_one)]
    pub mailbox_bytes: usize,

    /// How long a sender waits to be told that a message was written
    #[arg(long, env = "ROUTER_DELIVER_TIMEOUT", value_parser = duration, default_value = "2s")]
    pub deliver_timeout: Duration,

    /// Close a connection whose oldest queued frame has waited so long
    #[arg(long, env = "ROUTER_SLOW_GRACE", value_parser = duration, default_value = "5s")]
    pub slow_grace: Duration,

    /// How long a closing connection may take to say goodbye
    #[arg(long, env = "ROUTER_CLOSE_GRACE", value_parser = duration, default_value = "1s")]
    pub close_grace: Duration,

    /// How long connections may take to finish when the node stops
    #[arg(long, env = "ROUTER_DRAIN", value_parser = duration, default_value = "10s")]
    pub drain: Duration,

    /// What is read from Kafka, from phase 3 on
    #[command(flatten)]
    pub kafka: Kafka,

    /// Who else there is, from phase 4 on
    #[command(flatten)]
    pub gossip: Gossip,

    /// How to reach them, from phase 5 on
    #[command(flatten)]
    pub links: Links,

    /// The least level that is logged to standard error: error, warn, info, debug, trace
    #[arg(long, env = "ROUTER_LOG", default_value = "info")]
    pub log: tracing::Level,

    /// Exit when standard input closes: for a parent that must leave no process behind
    #[arg(long, env = "ROUTER_TIED", value_parser = clap::builder::FalseyValueParser::new(), hide = true)]
    pub tied: bool,
}

impl Config {
    /// What no single flag can know to be wrong.
    ///
    /// # Errors
    ///
    /// A sentence that names the flags and says what to change.
    pub fn check(&self) -> Result<(), String> {
        let exposed = |address: SocketAddr| !address.ip().is_loopback() && !self.insecure;
        if exposed(self.listen) && self.token_key.is_none() {
            return Err(format!(
                "--listen {} can be reached by others: set --token-key, or add --insecure if that is meant",
                self.listen
            ));
        }
        if exposed(self.admin) && self.admin_token.is_none() {
            return Err(format!(
                "--admin {} can be reached by others: set --admin-token, or add --insecure if that is meant",
                self.admin
            ));
        }
        if self.heartbeat.is_zero() || self.heartbeat_timeout <= self.heartbeat {
            return Err("--heartbeat-timeout must be longer than --heartbeat, and that longer than nothing".into());
        }
        if self.sweep.is_zero() {
            return Err("--sweep must be longer than nothing".into());
        }
        if self.mailbox_bytes < self.max_message + ENVELOPE {
            return Err(format!(
                "--mailbox-bytes must be at least --max-message and {ENVELOPE}, or a message of that size never fits"
            ));
        }
        self.kafka.check()?;
        self.gossip.check()?;
        self.links.check(self.max_message)
    }
}

/// Leaves the flags of `A` out of the help of a node that has no use for them.
pub(crate) fn hide<A: Args>(command: Command) -> Command {
    let own = A::augment_args(Command::new(""));
    let is_own = |arg: &clap::Arg| own.get_arguments().any(|other| other.get_id() == arg.get_id());
    command.mut_args(|arg| {
        let hide = arg.is_hide_set() || is_own(&arg);
        arg.hide(hide)
    })
}

/// What a message may gain on its way: its id, and the sender's name with every character escaped.
const ENVELOPE: usize = 1024;

/// An empty secret is a mistake in somebody's deployment, and no secret.
pub(crate) fn secret(text: &str) -> Result<String, String> {
    if text.is_empty() { Err("it must not be empty".into()) } else { Ok(text.into()) }
}

pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|_| "write it as 250ms, 30s or 1h".into())
}

pub(crate) fn at_least_one(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|number| *number > 0).ok_or_else(|| "write a whole number above 0".into())
}

pub(crate) fn node_id(text: &str) -> Result<NodeId, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if (1..=64).contains(&text.len()) && text.chars().all(plain) {
        Ok(NodeId::new(text))
    } else {
        Err("write 1 to 64 letters, digits, '-', '_' or '.'".into())
    }
}

/// Four hexadecimal digits out of the standard library's per-process random keys: enough to tell a few nodes apart.
fn random_node() -> NodeId {
    use std::hash::{BuildHasher, RandomState};
    NodeId::new(&format!("node-{:04x}", RandomState::new().hash_one(std::process::id()) & 0xffff))
}
