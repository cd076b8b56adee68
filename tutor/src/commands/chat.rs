//! `chat NAME`: a person at a terminal, talking through a node from phase 2 on.

use std::io::BufRead;
use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use checks::client::{self, Backoff, Config, Event, Outgoing};
use serde_json::Value;
use tokio::runtime::Builder;
use tokio::sync::mpsc;

use crate::Ended;
use crate::cli::{ChatArgs, DEFAULT_NODE};
use crate::screen::{Paint, counted};

/// Lines typed, and events shown, that may wait for each other.
const WAITING: usize = 64;
/// Quick enough for a node that was only restarted, and never so often that it hurts one that is down.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));

/// Longer than a node waits for a recipient that does not read, unless it is told otherwise.
const LINGER: Duration = Duration::from_secs(6);

/// Reads `bob hello` line by line and prints what comes, until the end of input and the last answer.
///
/// # Errors
///
/// The node refuses the name, or leaves a message unanswered.
pub fn run(args: &ChatArgs) -> Result<Ended> {
    let runtime = Builder::new_current_thread().enable_all().build().context("cannot start a runtime")?;
    match runtime.block_on(talk(args)) {
        client::Ended::Dropped { unanswered: 0 } => Ok(Ended::Passed),
        client::Ended::Dropped { unanswered } => bail!("{}", not_answered(unanswered)),
        client::Ended::Refused(why) => bail!("the node refuses `{}`: {why}", args.name),
    }
}

async fn talk(args: &ChatArgs) -> client::Ended {
    let address: SocketAddr = args.node;
    let (outgoing_tx, outgoing) = mpsc::channel(WAITING);
    let (events_tx, mut events) = mpsc::channel(WAITING);
    thread::spawn(move || read_lines(&outgoing_tx));
    println!("{HOW}");
    let seed = u64::from(std::process::id());
    let backoff = Backoff::new(BACKOFF.0, BACKOFF.1, seed);
    let config = Config { address, user: args.name.clone(), token: args.token.clone(), backoff, linger: LINGER };
    let show = async {
        let mut screen = Screen { name: &args.name, node: address, paint: Paint::of_stdout(), told: None };
        while let Some(event) = events.recv().await {
            if let Some(line) = screen.line(event) {
                println!("{line}");
            }
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

struct Screen<'a> {
    name: &'a str,
    node: SocketAddr,
    paint: Paint,
    /// Why it is not connected: another attempt that ends the same way is no news.
    told: Option<String>,
}

impl Screen<'_> {
    fn line(&mut self, event: Event) -> Option<String> {
        let (name, paint) = (self.name, self.paint);
        Some(match event {
            Event::Connected { conn } => {
                self.told = None;
                paint.dim(&format!("connected, registered as {name} (connection {})", visible(&conn)))
            }
            Event::Disconnected { why, .. } if self.told.as_ref() == Some(&why) => return None,
            Event::Disconnected { why, nobody, .. } => {
                let said = if nobody { no_node(self.node) } else { format!("not connected ({why}); trying again") };
                self.told = Some(why);
                paint.dim(&said)
            }
            Event::Message { from, payload, .. } => {
                let from = from.as_deref().unwrap_or("(over HTTP)");
                let text = payload.as_str().map_or_else(|| payload.to_string(), str::to_owned);
                format!("{} {}", paint.bold(&format!("{from}:")), visible(&text))
            }
            Event::Written { to } => paint.dim(&format!("✓ written to {to}")),
            Event::Refused { to, code } => paint.red(&format!("✗ {to}: {code}")),
        })
    }
}

/// Another user's control characters stay off this terminal.
fn visible(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}

fn no_node(address: SocketAddr) -> String {
    let listen = if address.to_string() == DEFAULT_NODE { String::new() } else { format!(" --listen {address}") };
    format!(
        "No node at {address}. Start one:\n  cargo run --bin phase-2 -- --node n1{listen}\nTrying again until then …"
    )
}

fn not_answered(unanswered: usize) -> String {
    let messages = counted(unanswered as u64, "message");
    format!("{messages} unanswered after {} s: nobody has said what became of it", LINGER.as_secs())
}

const HOW: &str = "Type a name and a message: bob hello. Ctrl-D ends.";

#[cfg(test)]
mod tests {
    use checks::client::Event;

    use super::{Paint, Screen};

    #[test]
    fn what_is_no_news_is_not_said_again() {
        let node = "127.0.0.1:8080".parse().expect("it is an address");
        let mut screen = Screen { name: "alice", node, paint: Paint { colour: false }, told: None };
        let mut lost =
            |why: &str, nobody| screen.line(Event::Disconnected { why: why.to_owned(), nobody, retry_in_ms: 7 });
        assert_eq!(lost("closed", false).as_deref(), Some("not connected (closed); trying again"));
        let advice =
            "No node at 127.0.0.1:8080. Start one:\n  cargo run --bin phase-2 -- --node n1\nTrying again until then …";
        assert_eq!(lost("refused", true).as_deref(), Some(advice));
        assert_eq!(lost("refused", true), None);
        let connected = screen.line(Event::Connected { conn: String::from("2") });
        assert_eq!(connected.as_deref(), Some("connected, registered as alice (connection 2)"));
        let again = screen.line(Event::Disconnected { why: String::from("refused"), nobody: true, retry_in_ms: 7 });
        assert_eq!(again.as_deref(), Some(advice));
    }
}
