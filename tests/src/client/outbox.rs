//! What a client is to send, from the caller's hands to the node's answer.

use std::collections::VecDeque;
use std::future::pending;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tokio_tungstenite::tungstenite::Message;

use super::{Config, Ended, Outgoing};

/// More are not taken from the caller before some are answered: a node that is down would have us keep all that is typed.
const MOST_UNANSWERED: usize = 1024;

/// Messages that nobody has answered yet, oldest first, and where more come from.
pub struct Outbox {
    outgoing: mpsc::Receiver<Outgoing>,
    // In front of each key, so that another life of this client never gives the same.
    prefix: String,
    last: u64,
    unanswered: VecDeque<(String, Outgoing)>,
    linger: Duration,
    // Set once the caller has nothing more to send: how long answers are waited for.
    until: Option<Instant>,
}

impl Outbox {
    pub fn new(config: &Config, outgoing: mpsc::Receiver<Outgoing>) -> Self {
        let prefix = format!("{:x}", RandomState::new().hash_one(&config.user));
        Self { outgoing, prefix, last: 0, unanswered: VecDeque::new(), linger: config.linger, until: None }
    }

    /// The next frame to send; `None` once there will be no more and all are answered, or answers have had their time.
    ///
    /// # Cancel safety
    ///
    /// Safe: what was taken from the caller is among the unanswered.
    pub async fn next(&mut self) -> Option<Message> {
        loop {
            match self.until {
                Some(_) if self.unanswered.is_empty() => return None,
                Some(until) => {
                    sleep_until(until).await;
                    return None;
                }
                None if self.unanswered.len() == MOST_UNANSWERED => pending().await,
                None => match self.outgoing.recv().await {
                    Some(message) => return Some(self.add(message)),
                    None => self.until = Some(Instant::now() + self.linger),
                },
            }
        }
    }

    /// Takes what comes, for the next connection, until there is nothing to connect for. Cancel safe, as [`next`](Self::next).
    pub async fn done(&mut self) {
        while self.next().await.is_some() {}
    }

    /// The same, and gives a first connection its time also if there is nothing to send: whoever registers hears whether they may.
    pub async fn overdue(&mut self) {
        self.done().await;
        if let Some(until) = self.until {
            sleep_until(until).await;
        }
    }

    /// The frames of all that is unanswered, for another connection.
    pub fn again(&self) -> impl Iterator<Item = Message> {
        self.unanswered.iter().map(|(key, message)| frame(key, message))
    }

    /// Takes out what was answered by this key.
    pub fn answered(&mut self, key: &str) -> Option<Outgoing> {
        let at = self.unanswered.iter().position(|(known, _)| known == key)?;
        self.unanswered.remove(at).map(|(_, message)| message)
    }

    /// What to tell the caller at the end.
    pub fn ended(&self) -> Ended {
        Ended::Dropped { unanswered: self.unanswered.len() }
    }

    fn add(&mut self, message: Outgoing) -> Message {
        self.last += 1;
        let key = format!("{}-{}", self.prefix, self.last);
        let frame = frame(&key, &message);
        self.unanswered.push_back((key, message));
        frame
    }
}

fn frame(key: &str, Outgoing { to, payload }: &Outgoing) -> Message {
    // The key serves twice: as `ref` for this connection's answer, as `messageId` for the message's identity.
    Message::text(json!({"type": "message", "to": to, "payload": payload, "ref": key, "messageId": key}).to_string())
}
