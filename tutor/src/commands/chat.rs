//! `chat NAME`: a person at a terminal, talking through a node from phase 2 on.

use std::io::{BufRead, IsTerminal};
use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use checks::client::{self, Backoff, Config, Event, Outgoing};
use serde_json::Value;
use tokio::runtime::Builder;
use tokio::sync::mpsc;

use crate::Ended;
use crate::cli::ChatArgs;
use crate::screen::Paint;

/// Lines typed, and events shown, that may wait for each other.
const WAITING: usize = 64;
/// Quick enough for a node that was only restarted, and never so often that it hurts one that is down.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));

/// Reads `bob hello` line by line and prints what comes, until the end of input.
///
/// # Errors
///
/// The node refuses the name.
pub fn run(args: &ChatArgs) -> Result<Ended> {
    let runtime = Builder::new_current_thread().enable_all().build().context("cannot start a runtime")?;
    match runtime.block_on(talk(args)) {
        client::Ended::Dropped => Ok(Ended::Passed),
        client::Ended::Refused(why) => bail!("the node refuses `{}`: {why}", args.name),
    }
}

async fn talk(args: &ChatArgs) -> client::Ended {
    let address: SocketAddr = args.node;
    let (outgoing_tx, outgoing) = mpsc::channel(WAITING);
    let (events_tx, mut events) = mpsc::channel(WAITING);
    thread::spawn(move || read_lines(&outgoing_tx));
    if std::io::stdin().is_terminal() {
        println!("{HOW}");
    }
    let seed = u64::from(std::process::id());
    let backoff = Backoff::new(BACKOFF.0, BACKOFF.1, seed);
    let config = Config { address, user: args.name.clone(), token: args.token.clone(), backoff };
    let show = async {
        while let Some(event) = events.recv().await {
            println!("{}", line(&event, Paint::of_stdout()));
        }
    };
    let (ended, ()) = tokio::join!(client::run(config, outgoing, events_tx), show);
    ended
}

/// On a thread of its own: a terminal cannot be read without blocking.
fn read_lines(outgoing: &mpsc::Sender<Outgoing>) {
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        let Some((to, text)) = line.trim().split_once(' ') else {
            if !line.trim().is_empty() {
                println!("{HOW}");
            }
            continue;
        };
        // What is JSON goes as it is, anything else as a string.
        let payload = serde_json::from_str(text.trim()).unwrap_or_else(|_| Value::from(text.trim()));
        if outgoing.blocking_send(Outgoing { to: to.to_owned(), payload }).is_err() {
            return;
        }
    }
}

fn line(event: &Event, paint: Paint) -> String {
    match event {
        Event::Connected => paint.dim("connected"),
        Event::Disconnected { why, retry_in_ms } => {
            paint.dim(&format!("not connected ({why}); next attempt in {retry_in_ms} ms"))
        }
        Event::Message { from, payload, .. } => {
            let from = from.as_deref().unwrap_or("(over HTTP)");
            let text = payload.as_str().map_or_else(|| payload.to_string(), str::to_owned);
            format!("{} {}", paint.bold(&format!("{from}:")), visible(&text))
        }
        Event::Written { to } => paint.dim(&format!("✓ written to {to}")),
        Event::Refused { to, code } => paint.red(&format!("✗ {to}: {code}")),
    }
}

/// Another user's control characters stay off this terminal.
fn visible(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}

const HOW: &str = "Type a name and a message: bob hello. Ctrl-D ends.";
