//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Parser;

use crate::ends::End;

/// A Kafka broker for the checks; prints `ready kafka=… control=…` once it serves.
///
/// Without `--kafka` and `--real`: librdkafka's mock cluster, in memory.
#[derive(Debug, Parser)]
#[command(args_conflicts_with_subcommands = true, disable_help_subcommand = true)]
pub struct Args {
    /// Where the control routes are served; loopback only.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0", value_parser = loopback)]
    pub listen: SocketAddr,
    /// The broker's port; otherwise the system chooses.
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    pub kafka_port: u16,
    /// Use a broker that exists.
    #[arg(long, value_name = "HOST:PORT", conflicts_with_all = ["real", "kafka_port"])]
    pub kafka: Option<String>,
    /// Start Apache Kafka: needs Java 17 or newer, and Maven to fetch it the first time.
    #[arg(long)]
    pub real: bool,
    /// Where Apache Kafka is kept once it is fetched.
    #[arg(long, value_name = "FOLDER", default_value = "target/tools")]
    pub cache: PathBuf,
    /// End when standard input does, so that no way of killing a parent leaves this process behind.
    #[arg(long)]
    pub until_eof: bool,
    /// No broker, but what benchmarks need at its ends.
    #[command(subcommand)]
    pub end: Option<End>,
}

/// Whoever reaches the routes may write to the broker.
fn loopback(text: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr = text.parse().map_err(|error| format!("{error}"))?;
    if address.ip().is_loopback() { Ok(address) } else { Err(String::from("not a loopback address")) }
}
