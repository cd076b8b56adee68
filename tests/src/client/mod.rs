//! A client of the gateway that reconnects by itself: behind `cargo tutor chat`, and for checks in which nodes go and come.
//!
//! What it promises: a message that was not answered before the connection broke is sent again on the next one, with the same
//! `messageId`. So it arrives at least once; a recipient that keeps ids can drop the repeats. Only when the caller has nothing more to
//! send does it give up, after a time that the caller sets.

mod backoff;
mod outbox;
mod session;

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::mpsc;

pub use backoff::Backoff;

use outbox::Outbox;
use session::End;

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
    /// How long answers are waited for once there is nothing more to send.
    pub linger: Duration,
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
    Connected {
        /// The connection's id, as the node has it.
        conn: String,
    },
    /// The connection is gone, or could not be made; the next attempt comes after `retry_in_ms`.
    Disconnected {
        /// Why, for a person.
        why: String,
        /// Nobody listens at the address.
        nobody: bool,
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
    Dropped {
        /// Messages of which nobody has said what became of them.
        unanswered: usize,
    },
    /// The node refuses the name: another attempt would end the same way.
    Refused(String),
}

/// Stays connected until `outgoing` is closed and all that came from it is answered, or nobody listens to `events`.
///
/// Both channels are bounded by the caller: while `events` is full, nothing is read. While too much is unanswered, nothing is taken
/// from `outgoing`.
pub async fn run(config: Config, outgoing: mpsc::Receiver<Outgoing>, events: mpsc::Sender<Event>) -> Ended {
    let mut backoff = config.backoff.clone();
    let mut outbox = Outbox::new(&config, outgoing);
    loop {
        let (why, nobody) = match session::run(&config, &mut outbox, &events, &mut backoff).await {
            End::Dropped => return outbox.ended(),
            End::Refused(why) => return Ended::Refused(why),
            End::Nobody(why) => (why, true),
            End::Lost(why) => (why, false),
        };
        let wait = backoff.next_wait();
        let retry_in_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        if events.send(Event::Disconnected { why, nobody, retry_in_ms }).await.is_err() {
            return outbox.ended();
        }
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = outbox.done() => return outbox.ended(),
            () = events.closed() => return outbox.ended(),
        }
    }
}
