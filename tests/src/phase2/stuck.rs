//! Recipients that do not read, and how a sender finds out.

use std::time::Duration;

use tokio::time::{sleep, timeout};

use crate::Observed;
use crate::harness::{Failure, Heard, Judge, LARGE_BYTES, Node, PATIENCE, Peer, RawClient, Seen, Talk, ensure, large};

/// 12 MB: several times what a kernel keeps for a connection.
const BIG_AT_MOST: usize = 200;
/// An answer that is known at once comes within this, mostly; if it was only late, the checks go on.
const MOMENT: Duration = Duration::from_millis(30);
/// So many messages in a row without a word: nobody will be told at once any more.
const SILENCES: usize = 15;

/// Sends large messages, numbered on from `next`, each when the one before was answered with `ok`; gives the answer that was none.
///
/// # Errors
///
/// `ToldTooEarly` if more is answered with `ok` than can have been written; `NeverTold` if an answer does not come.
pub async fn until_not_ok(sender: &mut impl Talk, to: &str, next: &mut usize) -> Result<Heard, Failure> {
    while *next < BIG_AT_MOST {
        let reference = next.to_string();
        sender.message(to, &large(*next), Some(&reference)).await?;
        *next += 1;
        let told = sender.hear().await.seen_as(Observed::NothingArrived, Observed::NeverTold)?;
        ensure(told.reference() == Some(&reference), Observed::WrongAnswer, format!("an answer (ref {reference})"))?;
        if told.kind() != "ok" {
            return Ok(told);
        }
    }
    Err(Failure::new(Observed::ToldTooEarly, "error timeout, once the client's buffers are full"))
}

/// Sends large messages until one is not answered and lies in the mailbox of `conn`; gives its `ref`.
///
/// # Errors
///
/// `ToldTooEarly` if more is answered with `ok` than can have been written.
pub async fn until_silent(node: &Node, sender: &mut impl Talk, to: &str, conn: &str) -> Result<String, Failure> {
    for n in 0..BIG_AT_MOST {
        let reference = format!("{conn}-{n}");
        sender.message(to, &large(n), Some(&reference)).await?;
        let mut told = sender.hear_within(MOMENT).await?;
        while told.is_none() {
            let rows = node.admin().sockets().await?;
            if rows.iter().any(|row| row.conn == conn && row.queued > 0) {
                return Ok(reference);
            }
            told = sender.hear_within(PATIENCE).await?;
            ensure(told.is_some(), Observed::NeverTold, format!("ok (ref {reference})"))?;
        }
        let written = told.is_some_and(|told| told.is_ok(&reference));
        ensure(written, Observed::WrongAnswer, format!("ok (ref {reference}), or nothing yet"))?;
    }
    Err(Failure::new(Observed::ToldTooEarly, "no answer, once the client's buffers are full"))
}

/// Sends large messages without waiting for those that are not answered, until one is refused at once; gives that answer, or the
/// first error that is not `overloaded`. Nothing is refused for good: a kernel that has taken nothing for a while may take some more.
///
/// # Errors
///
/// `ToldTooLate` if there is no answer any more; `NeverOverloaded` if there is no end to what is taken.
pub async fn until_refused(sender: &mut impl Talk, to: &str) -> Result<Heard, Failure> {
    let mut silences = 0;
    for n in 0..BIG_AT_MOST {
        let reference = n.to_string();
        sender
            .message(to, &large(n), Some(&reference))
            .await
            .seen_as(Observed::NothingArrived, Observed::ToldTooLate)?;
        silences += 1;
        while let Some(told) = sender.hear_within(MOMENT).await? {
            let overloaded = told.is_error("overloaded", told.reference());
            if told.kind() != "ok" && (!overloaded || told.reference() == Some(&reference)) {
                return Ok(told);
            }
            silences = 0;
            if told.is_ok(&reference) {
                break;
            }
        }
        if silences == SILENCES {
            sender.record_seen("(no answer)");
            return Err(Failure::new(Observed::ToldTooLate, "error overloaded, at once"));
        }
    }
    Err(Failure::new(Observed::NeverOverloaded, "error overloaded, once nothing more fits"))
}

/// Fills the mailbox of a connection that does not read, by pushes that go to that connection alone.
///
/// # Errors
///
/// `NeverOverloaded` if there is no end to what is taken.
pub async fn fill(node: &Node, conn: &str) -> Result<(), Failure> {
    let path = format!("/sockets/{conn}");
    node.admin().record_asked(format!("POST {path}, {LARGE_BYTES} bytes each, again and again"));
    for n in 0..BIG_AT_MOST {
        // Who goes before the answer leaves the frame in the mailbox, where it belongs.
        let Ok(answer) = timeout(MOMENT, node.admin().post_quietly(&path, large(n).into())).await else { continue };
        let answer = answer?;
        if answer.status == 404 || answer.status == 503 && stays_full(node, conn).await? {
            node.admin().record(&answer);
            return Ok(());
        }
    }
    Err(Failure::new(Observed::NeverOverloaded, "503, once nothing more fits"))
}

/// Whether it is the client that takes nothing: on a busy machine, its writer may only have been late.
async fn stays_full(node: &Node, conn: &str) -> Result<bool, Failure> {
    sleep(MOMENT).await;
    let rows = node.admin().sockets().await?;
    Ok(rows.iter().all(|row| row.conn != conn || row.queued > 1))
}

/// Reads all messages up to the one with this payload, and gives how many those were; numbers only go up on the way.
///
/// # Errors
///
/// `MessageLost` if it does not come; `OutOfOrder`.
pub async fn read_until(client: &mut RawClient, last: &str) -> Result<usize, Failure> {
    let (mut read, mut before) = (0, None);
    loop {
        let payload = match timeout(PATIENCE, client.next()).await {
            Ok(Seen::Text(text)) => payload(&text),
            Ok(Seen::Ping(_)) => continue,
            Ok(other) => {
                client.record_seen(other.to_string());
                return Err(Failure::new(other.instead_of_message(), format!("message {last}")));
            }
            Err(_) => {
                client.record_seen(format!("{read} messages, then nothing"));
                return Err(Failure::new(Observed::MessageLost, format!("message {last}")));
            }
        };
        read += 1;
        if payload == last {
            client.record_seen(format!("{read} messages, the last one {last}"));
            return Ok(read);
        }
        let number = payload.strip_prefix('"').and_then(|text| text.split(' ').next()?.parse::<usize>().ok());
        if number.is_some() {
            ensure(number > before, Observed::OutOfOrder, format!("a message after {before:?}"))?;
            before = number;
        }
    }
}

fn payload(text: &str) -> String {
    let from = text.find(r#""payload":"#).map_or(0, |at| at + r#""payload":"#.len());
    text[from..].trim_end_matches('}').to_owned()
}
