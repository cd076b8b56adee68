//! Benchmarks: a release build, a floor in the same run, medians and ratios.
//!
//! Generator and server share the machine, so absolute figures say little and ratios a lot.
//!
//! - [`idle`]: memory per idle socket. [`echo`]: echoes. [`route`]: messages from user to user, beside other routers.
//! - [`crowd`]: ten thousand users come, talk and leave, and nothing is left of them.
//! - [`floor`]: the least servers that do the same. [`subject`]: what is measured. [`dialect`]: adapters for routers.

mod crowd;
mod dialect;
mod echo;
mod floor;
mod idle;
mod route;
mod subject;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(about = "Measures a router beside a floor", max_term_width = 100)]
struct Cli {
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
        /// How many rounds; each measures all routers, in turn
        #[arg(long, default_value_t = 3)]
        rounds: usize,
        /// Seconds a measurement
        #[arg(long, default_value_t = 2)]
        seconds: u64,
    },
    /// Users register, talk and leave, twice: every table is empty afterwards, and the second time costs no more memory
    Crowd {
        /// The node to measure
        #[arg(long)]
        bin: PathBuf,
        /// How many users; each has a socket
        #[arg(long, default_value_t = 10_000)]
        users: usize,
    },
    /// A floor itself: started by the benchmarks
    #[command(hide = true)]
    Floor {
        /// Which
        floor: floor::Floor,
    },
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    match Cli::parse().bench {
        Bench::Idle { bin, sockets } => idle::run(&bin, sockets).await,
        Bench::Echo { bin, rounds, seconds } => echo::run(&bin, rounds, seconds).await,
        Bench::Route { bin, rounds, seconds } => route::run(&bin, rounds, seconds).await,
        Bench::Crowd { bin, users } => crowd::run(&bin, users).await,
        Bench::Floor { floor } => floor::serve(floor).await,
    }
}
