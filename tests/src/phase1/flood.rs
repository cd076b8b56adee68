//! Floods that fill a mailbox whose client does not read, and what became of each message.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::io::AsyncWriteExt;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

use crate::Observed;
use crate::harness::frame::{self, Frame};
use crate::harness::{Answer, Failure, Node, PATIENCE, RawClient, ensure};

/// Large, so that the kernel's own buffers are soon full; within the default `--max-message`.
pub const PUSH_BYTES: usize = 60_000;
/// More than the mailboxes of the checks hold, so that some find no room.
const AT_A_TIME: usize = 16;
/// 18 MB: several times what a kernel keeps for a connection.
const PUSHES_AT_MOST: usize = 300;

/// No two pushes of a process have the same label.
static LABELS: AtomicUsize = AtomicUsize::new(0);

/// What became of the pushes of a flood, each by its label, the first word of its text.
#[derive(Debug, Default)]
pub struct Tally {
    /// 202: said to be handed to the kernel.
    pub written: Vec<String>,
    /// 504: in the mailbox, and not written within `--deliver-timeout`.
    pub undecided: Vec<String>,
    /// 503: no room.
    pub overloaded: usize,
    /// 503: dropped with its socket.
    pub unavailable: usize,
    /// 404: the socket had gone.
    pub gone: usize,
}

impl Tally {
    /// Some push was not written: the client's buffers are full.
    pub fn stalled(&self) -> bool {
        !self.undecided.is_empty() || self.overloaded + self.unavailable + self.gone > 0
    }

    /// Some push found no room, and it was not a burst that the client's buffers have taken since.
    pub fn full(&self) -> bool {
        self.overloaded > 0 && !self.undecided.is_empty()
    }

    fn absorb(&mut self, more: Self) {
        self.written.extend(more.written);
        self.undecided.extend(more.undecided);
        self.overloaded += more.overloaded;
        self.unavailable += more.unavailable;
        self.gone += more.gone;
    }

    fn add(&mut self, label: String, answer: &Answer) -> Result<(), Failure> {
        match (answer.status, answer.error_code()) {
            (202, _) => self.written.push(label),
            (504, Some("timeout")) => self.undecided.push(label),
            (503, Some("overloaded")) => self.overloaded += 1,
            (503, Some("unavailable")) => self.unavailable += 1,
            (404, _) => self.gone += 1,
            _ => return Err(Failure::new(Observed::WrongAnswer, "202, 503 overloaded or unavailable, or 504 timeout")),
        }
        Ok(())
    }
}

/// Pushes large messages to `conn`, several at a time, until `enough`, and waits for the answers that are still due.
///
/// # Errors
///
/// `WrongAnswer` if an answer is none of the contract's.
pub async fn push_until(node: &Node, conn: &str, enough: impl Fn(&Tally) -> bool) -> Result<Tally, Failure> {
    push_some(node, conn, AT_A_TIME, enough).await
}

async fn push_some(
    node: &Node,
    conn: &str,
    at_a_time: usize,
    enough: impl Fn(&Tally) -> bool,
) -> Result<Tally, Failure> {
    let path = format!("/sockets/{conn}");
    let how = if at_a_time == 1 { "one at a time" } else { "again and again" };
    node.admin().record_asked(format!("POST {path}, {PUSH_BYTES} bytes each, {how}"));
    let mut tally = Tally::default();
    let mut answers = FuturesUnordered::new();
    let mut labels = (0..PUSHES_AT_MOST).map(|_| format!("push-{}", LABELS.fetch_add(1, Ordering::Relaxed)));
    let mut done = false;
    loop {
        while !done && answers.len() < at_a_time {
            let Some(label) = labels.next() else { break };
            answers.push(push(node, &path, label));
        }
        let Some((label, answer)) = answers.next().await else { break };
        let answer = answer?;
        tally.add(label, &answer).inspect_err(|_| node.admin().record(&answer))?;
        done = done || enough(&tally);
    }
    node.admin().record_seen(describe(&tally));
    Ok(tally)
}

/// Pushes until the client's buffers are full and something waits in its mailbox, or until it is gone.
///
/// # Errors
///
/// As [`push_until`].
pub async fn stall(node: &Node, conn: &str) -> Result<Tally, Failure> {
    stall_by(node, conn, AT_A_TIME).await
}

/// As [`stall`], but one push at a time: the one that gets stuck half-way has the mailbox, and its batch, for itself.
///
/// # Errors
///
/// As [`push_until`].
pub async fn stall_alone(node: &Node, conn: &str) -> Result<Tally, Failure> {
    stall_by(node, conn, 1).await
}

async fn stall_by(node: &Node, conn: &str, at_a_time: usize) -> Result<Tally, Failure> {
    let mut tally = push_some(node, conn, at_a_time, Tally::stalled).await?;
    // On a busy machine an answer may only have been late, and nothing is stuck.
    while tally.gone + tally.unavailable == 0 && is_drained(node, conn).await? {
        tally.absorb(push_some(node, conn, at_a_time, Tally::stalled).await?);
    }
    Ok(tally)
}

/// Fills a mailbox that has room for `most`, and whose client does not read. Of those who push at once, all may be refused for the
/// last place; here one at a time pushes, and none while there is room.
///
/// # Errors
///
/// `BeyondBound` if more than `most` are queued, `OverloadedTooSoon` if one is refused before.
pub async fn fill_up(node: &Node, conn: &str, most: u64) -> Result<(), Failure> {
    let path = format!("/sockets/{conn}");
    loop {
        let queued = most_queued(node).await?;
        node.admin().record_seen(format!("/sockets: queued {queued}"));
        ensure(queued <= most, Observed::BeyondBound, format!("at most {most} queued"))?;
        if queued == most {
            return Ok(());
        }
        let label = format!("push-{}", LABELS.fetch_add(1, Ordering::Relaxed));
        let (_, answer) = push(node, &path, label).await;
        let answer = answer?;
        let refused = answer.error_code() == Some("overloaded");
        ensure(!refused, Observed::OverloadedTooSoon, format!("{most} queued before a 503"))
            .inspect_err(|_| node.admin().record(&answer))?;
    }
}

/// How many frames wait in the fullest mailbox, now; unrecorded.
///
/// # Errors
///
/// `WrongAnswer` if `/sockets` is not as the contract has it.
pub async fn most_queued(node: &Node) -> Result<u64, Failure> {
    Ok(node.admin().sockets().await?.iter().map(|row| row.queued).max().unwrap_or(0))
}

async fn is_drained(node: &Node, conn: &str) -> Result<bool, Failure> {
    let rows = node.admin().sockets().await?;
    Ok(rows.iter().any(|row| row.conn == conn && row.queued == 0))
}

async fn push(node: &Node, path: &str, label: String) -> (String, Result<Answer, Failure>) {
    let text = format!("{label} {}", "x".repeat(PUSH_BYTES - label.len() - 1));
    (label, node.admin().post_quietly(path, text.into()).await)
}

fn describe(tally: &Tally) -> String {
    let parts = [
        (tally.written.len(), "× 202"),
        (tally.undecided.len(), "× 504"),
        (tally.overloaded, "× overloaded"),
        (tally.unavailable, "× unavailable"),
        (tally.gone, "× 404"),
    ];
    let said = parts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count}{what}"));
    said.collect::<Vec<_>>().join(", ")
}

/// A client's own messages, sent as fast as they are taken: `0 xxx`, `1 xxx` … Dropping it stops it.
#[derive(Debug)]
pub struct Flood {
    stop: Arc<AtomicBool>,
    sent: watch::Receiver<usize>,
    /// Gives how many were sent whole, and the writing half back.
    pub task: AbortOnDropHandle<(usize, OwnedWriteHalf)>,
}

/// How long a flood that is not stopped by the node goes on at most.
const MESSAGES_AT_MOST: usize = 20_000;
/// A flood that has not moved for so long is taken to be stuck; if it was not, the check is easier, not wrong.
const STUCK_AFTER: Duration = Duration::from_millis(30);

/// How often a flood is given time to get stuck.
const ROUNDS_AT_MOST: usize = 20;

impl Flood {
    /// Starts it from a client that has not given its writing half away; each message has `bytes` bytes.
    pub fn start(client: &mut RawClient, bytes: usize) -> Option<Self> {
        let mut write = client.take_writing()?;
        let stop = Arc::new(AtomicBool::new(false));
        let (sent_tx, sent) = watch::channel(0);
        let stopped = stop.clone();
        let task = tokio::spawn(async move {
            let mut number = 0;
            while number < MESSAGES_AT_MOST && !stopped.load(Ordering::Relaxed) {
                let frame = Frame::client(frame::TEXT, message(number, bytes)).encode();
                if write.write_all(&frame).await.is_err() {
                    break;
                }
                number += 1;
                sent_tx.send_replace(number);
            }
            (number, write)
        });
        Some(Self { stop, sent, task: AbortOnDropHandle::new(task) })
    }

    /// Waits until the node takes no more.
    pub async fn stuck(&mut self) {
        while let Ok(Ok(())) = timeout(STUCK_AFTER, self.sent.changed()).await {}
    }

    /// Waits until the node takes no more, and at least so many echoes wait in a mailbox: on a busy machine, a flood may stand
    /// still for other reasons. A node that never gets there makes the check easier, not wrong.
    ///
    /// # Errors
    ///
    /// As [`most_queued`].
    pub async fn stuck_behind(&mut self, node: &Node, echoes: u64) -> Result<(), Failure> {
        for _ in 0..ROUNDS_AT_MOST {
            self.stuck().await;
            if most_queued(node).await? >= echoes {
                break;
            }
        }
        Ok(())
    }

    /// Waits until the node takes no more, and gives how many echoes wait in a mailbox then: as many as at the look before. On a busy
    /// machine, a flood may stand still for other reasons.
    ///
    /// # Errors
    ///
    /// As [`most_queued`].
    pub async fn stuck_for_good(&mut self, node: &Node) -> Result<u64, Failure> {
        let mut before = 0;
        for _ in 0..ROUNDS_AT_MOST {
            self.stuck().await;
            let queued = most_queued(node).await?;
            if queued > 0 && queued == before {
                break;
            }
            before = queued;
        }
        Ok(before)
    }

    /// Whether so many more are taken, instead of being answered by a reset or by nobody.
    pub async fn goes_on(&mut self, messages: usize) -> bool {
        let wanted = (*self.sent.borrow() + messages).min(MESSAGES_AT_MOST);
        let sent = timeout(PATIENCE, self.sent.wait_for(|sent| *sent >= wanted)).await;
        sent.is_ok_and(|sent| sent.is_ok())
    }

    /// No message is begun after this.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// The text of a flood's message.
pub fn message(number: usize, bytes: usize) -> String {
    let number = number.to_string();
    format!("{number} {}", "x".repeat(bytes.saturating_sub(number.len() + 1)))
}

/// The label of a push, or the number of a flood's message.
pub fn label(text: &str) -> &str {
    text.split(' ').next().unwrap_or_default()
}
