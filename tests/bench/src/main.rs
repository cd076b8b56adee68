//! Benchmarks: a release build, a floor in the same run, medians and ratios.
//!
//! Generator and server share the machine, so absolute figures say little and ratios a lot.
//!
//! - [`idle`]: memory per idle socket. [`echo`]: throughput, delay and CPU per message.
//! - [`floor`]: the least server that does the same. [`subject`]: what is measured. [`median`]: what is printed.

mod echo;
mod floor;
mod idle;
mod median;
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
    /// The floor itself: started by the benchmarks
    #[command(hide = true)]
    Floor {
        /// What every node is given and the floor has no use for
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        _flags: Vec<String>,
    },
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    match Cli::parse().bench {
        Bench::Idle { bin, sockets } => idle::run(&bin, sockets).await,
        Bench::Echo { bin, rounds, seconds } => echo::run(&bin, rounds, seconds).await,
        Bench::Floor { _flags } => floor::serve().await,
    }
}
