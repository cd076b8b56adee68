//! A client of the gateway that reconnects by itself: behind `cargo tutor chat`, and for checks in which nodes go and come.
//!
//! What it promises: a message that was not answered before the connection broke is sent again on the next one, with the same
//! `messageId`. So it arrives at least once; a recipient that keeps ids can drop the repeats.

mod backoff;
mod session;

use std::net::SocketAddr;

use serde_json::Value;
use tokio::sync::mpsc;

pub use backoff::Backoff;

/// To whom to connect, and as whom.
#[derive(Debug, Clone)]
pub struct Config {
    /// The node, or whatever stands before it.
    pub address: SocketAddr,
    /// The name to register.
    pub user: String,
    /// The token that proves it, where the node asks for one.
    pub token: Option<String>,
    /// How long to wait between attempts.
    pub backoff: Backoff,
}

/// A message to send.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// Whom it is for.
    pub to: String,
    /// Any JSON value.
    pub payload: Value,
}

/// What happened, in order.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// Registered.
    Connected,
    /// The connection is gone, or could not be made; the next attempt comes after `retry_in_ms`.
    Disconnected {
        /// Why, for a person.
        why: String,
        /// Milliseconds until the next attempt.
        retry_in_ms: u64,
    },
    /// A message has come.
    Message {
        /// The sender, if it was a user.
        from: Option<String>,
        /// The message's id: a repeat has the same.
        id: String,
        /// What it says.
        payload: Value,
    },
    /// A message of ours was written to its recipient.
    Written {
        /// The recipient.
        to: String,
    },
    /// A message of ours was refused, for good or with the advice to try again.
    Refused {
        /// The recipient.
        to: String,
        /// The wire's code.
        code: String,
    },
}

/// Why the client has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// Nobody has anything to send, or to hear, any more.
    Dropped,
    /// The node refuses the name: another attempt would end the same way.
    Refused(String),
}

/// Stays connected until `outgoing` is closed or nobody listens to `events`.
///
/// Both channels are bounded by the caller: while `events` is full, nothing is read.
pub async fn run(config: Config, mut outgoing: mpsc::Receiver<Outgoing>, events: mpsc::Sender<Event>) -> Ended {
    let mut backoff = config.backoff.clone();
    let mut unanswered = session::Unanswered::new(&config.user);
    loop {
        let why = match session::run(&config, &mut unanswered, &mut outgoing, &events, &mut backoff).await {
            session::End::Dropped => return Ended::Dropped,
            session::End::Refused(why) => return Ended::Refused(why),
            session::End::Lost(why) => why,
        };
        let wait = backoff.next_wait();
        let retry_in_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        if events.send(Event::Disconnected { why, retry_in_ms }).await.is_err() {
            return Ended::Dropped;
        }
        tokio::time::sleep(wait).await;
    }
}
