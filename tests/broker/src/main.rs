//! A Kafka broker for the checks, with an HTTP door, so that nothing else needs to link librdkafka.
//!
//! - [`args`]: which broker, and where.
//! - [`api`]: the routes. [`error`]: why the broker did not do it.
//! - [`broker`]: one of three brokers, and what only some of them can do.
//! - [`mock`] with [`native`], [`capacity`] and [`relay`]: librdkafka's mock cluster, what it can keep, and a port of one's choice.
//! - [`real`] with [`maven`] and `guard.sh`: Apache Kafka in a Java process, where it is from, and how it ends.
//! - [`records`], [`topics`], [`groups`]: a client of whichever broker it is.
//! - [`ends`]: what benchmarks need that speaks Kafka.

mod api;
mod args;
mod broker;
mod capacity;
mod client;
mod ends;
mod error;
mod groups;
mod maven;
mod mock;
mod native;
mod real;
mod records;
mod relay;
mod topics;

use std::future::pending;
use std::io::{Read, Write};
use std::process::exit;
use std::sync::Arc;
use std::thread;

use anyhow::{Context, Result};
use clap::Parser;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

use crate::args::Args;
use crate::broker::Broker;

/// What the user has to do is in the message.
const ENVIRONMENT: i32 = 2;

#[tokio::main]
async fn main() {
    let args = Args::parse();
    let ended = match &args.end {
        Some(end) => end.run(),
        None => run(&args).await,
    };
    if let Err(error) = &ended {
        eprintln!("error: {error:#}");
    }
    // A thread that reads standard input, or a request that waits for a broker, is not waited for.
    exit(if ended.is_ok() { 0 } else { ENVIRONMENT })
}

async fn run(args: &Args) -> Result<()> {
    let mut ending = Ending::listen(args.until_eof)?;
    let started = tokio::select! {
        started = start(args) => started,
        // What it has begun goes with the future that began it.
        () = ending.came() => return Ok(()),
    };
    let (listener, broker) = started?;
    let served = tokio::select! {
        served = api::serve(listener, broker.clone()) => served,
        () = ending.came() => Ok(()),
    };
    broker.end().await;
    served
}

async fn start(args: &Args) -> Result<(TcpListener, Arc<Broker>)> {
    let listener = TcpListener::bind(args.listen).await.with_context(|| format!("cannot listen on {}", args.listen))?;
    let control = listener.local_addr()?;
    let broker = Broker::start(args).await?;
    let mut stdout = std::io::stdout();
    writeln!(stdout, "ready kafka={} control={control}", broker.address())?;
    stdout.flush()?;
    Ok((listener, Arc::new(broker)))
}

/// Why to end: a signal, or the end of standard input where that is a reason.
struct Ending {
    interrupt: Signal,
    terminate: Signal,
    eof: Option<oneshot::Receiver<()>>,
}

impl Ending {
    /// Listens from now on: whoever reads the ready line may send a signal at once.
    fn listen(until_eof: bool) -> Result<Self> {
        let (interrupt, terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        let eof = until_eof.then(|| {
            let (eof_tx, eof) = oneshot::channel();
            thread::spawn(move || drain_stdin(eof_tx));
            eof
        });
        Ok(Self { interrupt, terminate, eof })
    }

    /// Waits for one of them; cancel safe.
    async fn came(&mut self) {
        let eof = async {
            match &mut self.eof {
                // Its sender goes without a word.
                Some(eof) => _ = eof.await,
                None => pending().await,
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            () = eof => {}
        }
    }
}

/// On a thread of its own: a pipe cannot be read without blocking. Says that it has ended by dropping `_eof_tx`.
fn drain_stdin(_eof_tx: oneshot::Sender<()>) {
    let mut chunk = [0; 1024];
    while matches!(std::io::stdin().read(&mut chunk), Ok(1..)) {}
}
