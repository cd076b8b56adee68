//! A user: connects, talks when told to, reads promptly, leaves when told to, and comes back when the connection breaks.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use checks::client::Backoff;
use checks::harness::Rng;
use checks::harness::gateway::message_frame;
use futures_util::{SinkExt, StreamExt};
use serde::Deserialize;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::NODES;
use super::book::{End, Pen, Place, Told};
use super::crowd::Tempo;
use crate::subject::connect;

/// A node that does not answer for so long is another user's business: this one tries the next.
const ENTER_WITHIN: Duration = Duration::from_secs(2);
const FIRST_WAIT: Duration = Duration::from_millis(50);
/// No wait between two attempts is longer.
pub const LONGEST_WAIT: Duration = Duration::from_secs(1);
/// A node that hangs answers a Close when it goes on.
const CLOSED_WITHIN: Duration = Duration::from_secs(20);

/// What a user is to do.
#[derive(Debug, Clone, Copy)]
pub enum Order {
    /// Send a message to this user.
    Say(usize),
    /// Go, and come back after so long, if users may come and go then.
    Leave(Manner, Duration),
    /// Go for good.
    Finish,
}

/// How to go.
#[derive(Debug, Clone, Copy)]
pub enum Manner {
    /// By a Close, reading on until it is answered.
    Close,
    /// Without a word.
    Drop,
}

/// One of many.
pub struct User {
    number: usize,
    pen: Pen,
    orders: mpsc::Receiver<Order>,
    tempo: watch::Receiver<Tempo>,
    rng: Rng,
    backoff: Backoff,
}

/// Why a user's connection is over.
enum Over {
    Broke,
    Left(Duration),
    Finished,
}

struct Visit {
    connection: usize,
    socket: WebSocketStream<TcpStream>,
}

#[derive(Deserialize)]
struct Frame<'a> {
    r#type: &'a str,
    r#ref: Option<&'a str>,
    code: Option<Told>,
    outcome: Option<Told>,
    from: Option<&'a str>,
    payload: Option<usize>,
    #[serde(rename = "connId")]
    conn: Option<String>,
}

impl User {
    /// Nowhere yet.
    pub fn new(
        number: usize,
        pen: &Pen,
        orders: mpsc::Receiver<Order>,
        tempo: watch::Receiver<Tempo>,
        seed: u64,
    ) -> Self {
        let backoff = Backoff::new(FIRST_WAIT, LONGEST_WAIT, !seed);
        Self { number, pen: pen.clone(), orders, tempo, rng: Rng::new(seed), backoff }
    }

    /// Goes to this node first, and to any later, until it is to finish.
    ///
    /// # Errors
    ///
    /// A node says what it must not say.
    pub async fn run(mut self, first: usize) -> Result<()> {
        let mut node = first;
        loop {
            let over = match self.arrive(node).await? {
                Some(mut visit) => self.stay(&mut visit).await?,
                None => Over::Broke,
            };
            match over {
                Over::Broke => sleep(self.backoff.next_wait()).await,
                Over::Left(away) if self.comes_back(away).await => {}
                Over::Left(_) | Over::Finished => return Ok(()),
            }
            node = self.rng.below(NODES);
        }
    }

    /// Connects and registers; `None` if that cannot be done now.
    async fn arrive(&mut self, node: usize) -> Result<Option<Visit>> {
        let Some((life, address)) = self.pen.door(node) else { return Ok(None) };
        let connection = self.pen.connects(self.number, life);
        let entered = timeout(ENTER_WITHIN, self.enter(connection, address)).await.unwrap_or(Ok(None))?;
        match &entered {
            Some(_) => self.backoff.reset(),
            None => self.pen.ended(connection, End::Dropped, Place::Between),
        }
        Ok(entered)
    }

    async fn enter(&self, connection: usize, address: SocketAddr) -> Result<Option<Visit>> {
        let Ok(mut socket) = connect(address, "/ws").await else { return Ok(None) };
        let register = format!(r#"{{"type":"register","userId":"{}"}}"#, name(self.number));
        if socket.send(register.into()).await.is_err() {
            return Ok(None);
        }
        // Whoever is quick may have written before the answer comes.
        while let Some(Ok(message)) = socket.next().await {
            if let Message::Text(text) = message
                && self.hear(connection, &text)?
            {
                return Ok(Some(Visit { connection, socket }));
            }
        }
        Ok(None)
    }

    /// Does what it is told to, and reads.
    async fn stay(&mut self, visit: &mut Visit) -> Result<Over> {
        loop {
            tokio::select! {
                message = visit.socket.next() => if let Some(end) = self.take(visit.connection, message)? {
                    self.pen.ended(visit.connection, end, Place::Between);
                    return Ok(Over::Broke);
                },
                order = self.orders.recv() => match order {
                    Some(Order::Say(to)) => {
                        let number = self.pen.sends(visit.connection, to);
                        let number = number.to_string();
                        let frame = message_frame(&name(to), &number, Some(&number));
                        // How the connection ended, reading tells.
                        let _ = visit.socket.send(frame.into()).await;
                    }
                    Some(Order::Leave(manner, away)) => {
                        self.leave(visit, manner).await?;
                        return Ok(Over::Left(away));
                    }
                    Some(Order::Finish) | None => {
                        self.leave(visit, Manner::Close).await?;
                        return Ok(Over::Finished);
                    }
                },
            }
        }
    }

    async fn leave(&self, visit: &mut Visit, manner: Manner) -> Result<()> {
        let end = match manner {
            Manner::Drop => End::Dropped,
            Manner::Close => {
                self.pen.leaves(self.number);
                timeout(CLOSED_WITHIN, self.close(visit)).await.unwrap_or(Ok(End::Broken))?
            }
        };
        self.pen.ended(visit.connection, end, Place::Nowhere);
        Ok(())
    }

    /// Reads everything up to the answer to a Close.
    async fn close(&self, visit: &mut Visit) -> Result<End> {
        // How the connection ended, reading tells.
        let _ = visit.socket.close(None).await;
        loop {
            let message = visit.socket.next().await;
            if let Some(end) = self.take(visit.connection, message)? {
                return Ok(if let End::Dismissed(_) = end { End::Closed } else { end });
            }
        }
    }

    /// What a connection says next; how it ended, if it did.
    fn take(&self, connection: usize, message: Option<Result<Message, Error>>) -> Result<Option<End>> {
        match message {
            Some(Ok(Message::Text(text))) => self.hear(connection, &text).map(|_| None),
            Some(Ok(Message::Close(frame))) => Ok(Some(End::Dismissed(frame.map(|frame| frame.code.into())))),
            Some(Ok(_)) => Ok(None),
            Some(Err(_)) | None => Ok(Some(End::Broken)),
        }
    }

    /// Writes down what a frame says; whether it says that this user has registered.
    fn hear(&self, connection: usize, text: &str) -> Result<bool> {
        let sent = || format!("{} was sent {text}", name(self.number));
        let frame: Frame = serde_json::from_str(text).with_context(sent)?;
        let told = frame.r#ref.and_then(|number| number.parse().ok()).zip(frame.outcome.or(frame.code));
        match (frame.r#type, told) {
            ("registered", _) => {
                self.pen.registered(connection, frame.conn.with_context(sent)?);
                return Ok(true);
            }
            ("ok" | "error", Some((number, told))) => self.pen.told(connection, number, told)?,
            ("message", _) => {
                let from = frame.from.and_then(|name| name.strip_prefix(NAME)?.parse().ok());
                let (number, from) = frame.payload.zip(from).with_context(sent)?;
                self.pen.heard(connection, number, from)?;
            }
            _ => bail!(sent()),
        }
        Ok(false)
    }

    /// Waits until it may come back; whether it is to.
    async fn comes_back(&mut self, away: Duration) -> bool {
        let mut tempo = self.tempo.clone();
        let back = async {
            sleep(away).await;
            // An error means that all is over, which orders tell as well.
            let _ = tempo.wait_for(|tempo| *tempo == Tempo::Lively).await;
        };
        tokio::pin!(back);
        loop {
            tokio::select! {
                () = &mut back => return true,
                // Others were for a user who is here.
                order = self.orders.recv() => if let Some(Order::Finish) | None = order { return false },
            }
        }
    }
}

/// What users are called.
const NAME: &str = "user-";

/// Who that is.
pub fn name(user: usize) -> String {
    format!("{NAME}{user}")
}
