//! Benchmarks: a release build, a floor in the same run, medians and ratios.
//!
//! Generator and server share the machine, so absolute figures say little and ratios a lot.
//!
//! - [`idle`]: memory per idle socket. [`echo`]: echoes. [`route`]: messages from user to user, beside other routers.
//! - [`kafka`]: records from a topic to users, beside a bare consumer and the floor.
//! - [`crowd`]: ten thousand users come, talk and leave, and nothing is left of them.
//! - [`gossip`]: how gossip grows with the number of nodes.
//! - [`snapshot`]: what it takes to tell a newcomer of a hundred thousand users.
//! - [`soak`]: nodes are killed, paused and cut off while messages go on, and none is lost.
//! - [`floor`]: the least servers that do the same. [`subject`]: what is measured. [`cluster`]: several of it. [`dialect`]: adapters for
//!   routers. [`unrest`]: how late the machine is by itself.

mod cluster;
mod crowd;
mod dialect;
mod echo;
mod floor;
mod gossip;
mod idle;
mod kafka;
mod route;
mod snapshot;
mod soak;
mod subject;
mod unrest;

use std::io::Read;
use std::path::PathBuf;
use std::process::exit;
use std::thread;

use checks::kill_all;
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(about = "Measures a router beside a floor", max_term_width = 100)]
struct Cli {
    /// End when standard input does
    #[arg(long, global = true, hide = true)]
    until_eof: bool,
    #[command(subcommand)]
    bench: Bench,
}

#[derive(Subcommand)]
enum Bench {
    /// Memory per idle socket, after each has echoed one frame
    Idle {
        /// The node to measure
        #[arg(long)]
        bin: PathBuf,
        /// How many sockets
        #[arg(long, default_value_t = 10_000)]
        sockets: usize,
    },
    /// Echoes a second beside a bare tokio-tungstenite server: 50 connections with 32 frames of 128 bytes outstanding
    Echo {
        /// The node to measure
        #[arg(long)]
        bin: PathBuf,
        /// How many rounds; each measures both, in turn
        #[arg(long, default_value_t = 5)]
        rounds: usize,
        /// Seconds a measurement
        #[arg(long, default_value_t = 2)]
        seconds: u64,
    },
    /// Messages from user to user: throughput with 32 outstanding, delay at 5,000 a second, CPU, connects, memory; beside the
    /// floor and beside NATS where it is installed
    Route {
        /// The node to measure
        #[arg(long)]
        bin: PathBuf,
        /// Two nodes, and every message from one to the other; beside one node, and beside NATS on one and on two
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=2))]
        nodes: u8,
        /// How many rounds; each measures all routers, in turn
        #[arg(long, default_value_t = 3)]
        rounds: usize,
        /// Seconds a measurement
        #[arg(long, default_value_t = 2)]
        seconds: u64,
    },
    /// Records from Kafka to users: a backlog, delay at 2,000 a second, CPU; beside a bare consumer and the floor
    Kafka(kafka::Options),
    /// Users register, talk and leave, twice: every table is empty afterwards, and the second time costs no more memory
    Crowd {
        /// The node to measure
        #[arg(long)]
        bin: PathBuf,
        /// How many users; each has a socket
        #[arg(long, default_value_t = 10_000)]
        users: usize,
    },
    /// How gossip grows with the number of nodes: seconds until all know, and bytes; in one process
    Gossip {
        /// How many nodes, one cluster after the other
        #[arg(default_values_t = [10, 100, 300])]
        sizes: Vec<usize>,
    },
    /// A newcomer is told of a hundred thousand users: time, memory, and the messages of others meanwhile
    Snapshot(snapshot::Options),
    /// Records stream from Kafka to users while the node is killed: none is lost, and each user's order holds
    SoakRecords(soak::records::Options),
    /// Users talk while three nodes are killed, paused and cut off: every view agrees afterwards, and every message is accounted for
    SoakCluster(soak::cluster::Options),
    /// A floor itself: started by the benchmarks
    #[command(hide = true)]
    Floor {
        /// Which
        floor: floor::Floor,
    },
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    if cli.until_eof {
        thread::spawn(end_with_stdin);
    }
    match cli.bench {
        Bench::Idle { bin, sockets } => idle::run(&bin, sockets).await,
        Bench::Echo { bin, rounds, seconds } => echo::run(&bin, rounds, seconds).await,
        Bench::Route { bin, nodes, rounds, seconds } => route::run(&bin, nodes.into(), rounds, seconds).await,
        Bench::Kafka(options) => kafka::run(&options).await,
        Bench::Crowd { bin, users } => crowd::run(&bin, users).await,
        Bench::Gossip { sizes } => gossip::run(&sizes).await,
        Bench::Snapshot(options) => snapshot::run(&options).await,
        Bench::SoakRecords(options) => soak::records::run(&options).await,
        Bench::SoakCluster(options) => soak::cluster::run(&options).await,
        Bench::Floor { floor } => floor::serve(floor).await,
    }
}

/// On a thread of its own, so that no way of ending the tutor leaves this process, or what it has started.
fn end_with_stdin() {
    let mut chunk = [0; 64];
    while matches!(std::io::stdin().read(&mut chunk), Ok(1..)) {}
    kill_all();
    exit(1);
}
