//! A user of one life of the node: registers, reads promptly, and reads on until the connection has ended.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use checks::harness::broker::Place;
use futures_util::{SinkExt, StreamExt};
use serde::Deserialize;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::interval;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::{Error, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use super::judge::{Heard, Reading};
use crate::subject::Subject;

/// Every so many users talk: where a process is killed that has not read all, the connection is reset and what was Written is gone.
const TALKS: usize = 10;
const TALK_EVERY: Duration = Duration::from_millis(10);
/// `{"type":"ping"}` as a client's frame, whose mask changes nothing.
const PING: &[u8] = b"\x81\x8f\0\0\0\0{\"type\":\"ping\"}";

/// How far all users are, in all lives so far: what was heard, and what was skipped.
pub struct Progress {
    /// By user, the number after the highest.
    next: Vec<AtomicU64>,
    sum: watch::Sender<u64>,
}

/// A registered user.
pub struct Reader {
    user: usize,
    socket: WebSocketStream<TcpStream>,
    topic: Arc<str>,
    progress: Arc<Progress>,
}

#[derive(Deserialize)]
struct Frame<'a> {
    r#type: &'a str,
    id: Option<&'a str>,
    payload: Option<u64>,
}

impl Progress {
    /// None yet.
    pub fn new(users: usize) -> Self {
        Self { next: (0..users).map(|_| AtomicU64::new(0)).collect(), sum: watch::channel(0).0 }
    }

    /// Of all users together.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.sum.subscribe()
    }

    fn heard(&self, user: usize, number: u64) {
        let before = self.next[user].fetch_max(number + 1, Ordering::Relaxed);
        if number >= before {
            self.sum.send_modify(|sum| *sum += number + 1 - before);
        }
    }
}

impl Reader {
    /// Connects and registers.
    pub async fn register(node: &Subject, user: usize, topic: &Arc<str>, progress: &Arc<Progress>) -> Result<Self> {
        let mut socket = node.connect().await?;
        socket.send(format!(r#"{{"type":"register","userId":"{}"}}"#, name(user)).into()).await?;
        let answer = socket.next().await.context("the node closed the connection")??;
        ensure!(answer.to_text()?.contains(r#""registered""#), "{} was told {answer}", name(user));
        Ok(Self { user, socket, topic: topic.clone(), progress: progress.clone() })
    }

    /// Reads until the node has ended.
    pub async fn read(mut self) -> Result<Reading> {
        let (mut reading, mut talk) = (Reading::default(), interval(TALK_EVERY));
        let talks = self.user.is_multiple_of(TALKS);
        loop {
            let frame = tokio::select! {
                frame = self.socket.next() => frame,
                _ = talk.tick(), if talks => {
                    // Past the WebSocket, which would read nothing any more once a write has failed. How it ended, reading tells.
                    let _ = self.socket.get_ref().try_write(PING);
                    continue;
                }
            };
            match frame {
                Some(Ok(Message::Text(text))) => reading.heard.extend(self.heard(&text)?),
                Some(Ok(Message::Close(frame))) => {
                    let left = frame.as_ref().is_some_and(|frame| frame.code == CloseCode::Away);
                    ensure!(left, "{} was closed: {frame:?}", name(self.user));
                }
                Some(Ok(_)) => {}
                Some(Err(Error::Io(_))) => {
                    reading.reset = true;
                    return Ok(reading);
                }
                None
                | Some(Err(Error::ConnectionClosed | Error::Protocol(ProtocolError::ResetWithoutClosingHandshake))) => {
                    return Ok(reading);
                }
                Some(Err(error)) => return Err(error).with_context(|| name(self.user)),
            }
        }
    }

    fn heard(&self, text: &Utf8Bytes) -> Result<Option<Heard>> {
        let frame: Frame =
            serde_json::from_str(text).with_context(|| format!("{} was sent {text}", name(self.user)))?;
        let (Some(id), Some(number)) = (frame.id, frame.payload) else {
            ensure!(frame.r#type == "pong", "{} was sent {text}", name(self.user));
            return Ok(None);
        };
        let Some(place) = place(id, &self.topic) else { bail!("{id} is no record of {}", self.topic) };
        self.progress.heard(self.user, number);
        Ok(Some(Heard { number, place }))
    }
}

/// Who that is.
pub fn name(user: usize) -> String {
    format!("user-{user}")
}

/// The place that an id names: `topic-partition-offset`.
fn place(id: &str, topic: &str) -> Option<Place> {
    let (partition, offset) = id.strip_prefix(topic)?.strip_prefix('-')?.split_once('-')?;
    Some(Place { partition: partition.parse().ok()?, offset: offset.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_names_a_place() {
        assert_eq!(place("messages-1a-0-3-71", "messages-1a-0"), Some(Place { partition: 3, offset: 71 }));
        assert_eq!(place("messages-1a-0-3-71", "messages-1a"), None);
        assert_eq!(place("00ff", "messages"), None);
    }

    #[test]
    fn progress_counts_what_was_skipped_and_nothing_twice() {
        let progress = Progress::new(2);
        [(0, 0), (0, 2), (1, 0), (0, 1), (0, 2)].into_iter().for_each(|(user, number)| progress.heard(user, number));
        assert_eq!(*progress.watch().borrow(), 4);
    }
}
