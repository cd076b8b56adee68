//! A well-behaved client: masks, answers Pings while it reads, and completes the closing handshake.

use std::net::SocketAddr;

use bytes::Bytes;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use crate::Observed;
use crate::harness::failure::Failure;
use crate::harness::peer::{CONNECT_PATIENCE, PATIENCE, Peer, Seen};
use crate::harness::story::{Story, show_binary, show_text};

/// tungstenite fills its read buffer with zeros at each read; the default of 128 KiB makes a client slow and large.
const READ_BUFFER_BYTES: usize = 8 * 1024;

/// A client on tokio-tungstenite. It reads only when asked to. Dropping it drops the TCP connection without a Close.
#[derive(Debug)]
pub struct Client {
    reading: Reading,
    writing: Writing,
}

/// The reading half, which answers Pings as it reads.
#[derive(Debug)]
pub struct Reading {
    who: Who,
    stream: SplitStream<WebSocketStream<TcpStream>>,
}

/// The writing half.
#[derive(Debug)]
pub struct Writing {
    who: Who,
    sink: SplitSink<WebSocketStream<TcpStream>, Message>,
}

#[derive(Debug, Clone)]
struct Who {
    name: String,
    node: String,
    story: Story,
}

impl Client {
    /// Connects to `/ws` at `address`.
    ///
    /// # Errors
    ///
    /// `ConnectFailed` if the connection or its upgrade is refused, or takes longer than [`CONNECT_PATIENCE`].
    pub async fn connect(story: &Story, name: &str, node: &str, address: SocketAddr) -> Result<Self, Failure> {
        let who = Who { name: name.to_owned(), node: node.to_owned(), story: story.clone() };
        story.record(name, node, "connect");
        let stream = match timeout(CONNECT_PATIENCE, upgrade(address)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return Err(who.refused(&error.to_string())),
            Err(_) => return Err(who.refused("no answer to the upgrade")),
        };
        let (sink, stream) = stream.split();
        Ok(Self { reading: Reading { who: who.clone(), stream }, writing: Writing { who, sink } })
    }

    /// Both halves, for a client that writes in one task and reads in another.
    pub fn split(self) -> (Writing, Reading) {
        (self.writing, self.reading)
    }

    /// Sends a text message.
    ///
    /// # Errors
    ///
    /// `ClosedWithoutReason` if the connection has gone; `NothingArrived` if the node takes no bytes for [`PATIENCE`].
    pub async fn send_text(&mut self, text: &str) -> Result<(), Failure> {
        self.writing.record(show_text(text));
        self.writing.send(Message::text(text)).await
    }

    /// Sends a text message, which the story tells as `words`.
    ///
    /// # Errors
    ///
    /// As [`send_text`](Self::send_text).
    pub async fn send_told(&mut self, text: &str, words: &str) -> Result<(), Failure> {
        self.writing.record(words);
        self.writing.send(Message::text(text)).await
    }

    /// Sends a binary message.
    ///
    /// # Errors
    ///
    /// As [`send_text`](Self::send_text).
    pub async fn send_binary(&mut self, bytes: impl Into<Bytes>) -> Result<(), Failure> {
        let bytes = bytes.into();
        self.writing.record(show_binary(&bytes));
        self.writing.send(Message::Binary(bytes)).await
    }

    /// Sends a Ping.
    ///
    /// # Errors
    ///
    /// As [`send_text`](Self::send_text).
    pub async fn ping(&mut self, payload: &'static str) -> Result<(), Failure> {
        self.writing.record(Seen::Ping(payload.into()).to_string());
        self.writing.send(Message::Ping(payload.into())).await
    }

    /// Sends a Close; read on to see how the node answers.
    ///
    /// # Errors
    ///
    /// As [`send_text`](Self::send_text).
    pub async fn close(&mut self, code: u16) -> Result<(), Failure> {
        self.writing.record(Seen::Close(Some(code)).to_string());
        let frame = CloseFrame { code: CloseCode::from(code), reason: "".into() };
        self.writing.send(Message::Close(Some(frame))).await
    }
}

impl Writing {
    /// Sends without recording, for floods.
    ///
    /// # Errors
    ///
    /// `ClosedWithoutReason` if the connection has gone; `NothingArrived` if the node takes no bytes for [`PATIENCE`].
    pub async fn send(&mut self, message: Message) -> Result<(), Failure> {
        let problem = match timeout(PATIENCE, self.sink.send(message)).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => (Observed::ClosedWithoutReason, format!("({error})")),
            Err(_) => (Observed::NothingArrived, "(takes no more bytes)".to_owned()),
        };
        self.who.story.record(&self.who.node, &self.who.name, problem.1);
        Err(Failure::new(problem.0, "a connection that takes messages"))
    }

    /// Adds what it does to the story.
    pub fn record(&self, text: impl AsRef<str>) {
        self.who.story.record(&self.who.name, &self.who.node, text);
    }
}

impl Peer for Client {
    fn name(&self) -> &str {
        self.reading.name()
    }

    fn node(&self) -> &str {
        self.reading.node()
    }

    fn story(&self) -> &Story {
        self.reading.story()
    }

    async fn next(&mut self) -> Seen {
        self.reading.next().await
    }
}

impl Peer for Reading {
    fn name(&self) -> &str {
        &self.who.name
    }

    fn node(&self) -> &str {
        &self.who.node
    }

    fn story(&self) -> &Story {
        &self.who.story
    }

    async fn next(&mut self) -> Seen {
        match self.stream.next().await {
            Some(Ok(message)) => seen(message),
            Some(Err(error)) => ended(&error),
            None => Seen::End,
        }
    }
}

impl Who {
    fn refused(&self, why: &str) -> Failure {
        self.story.record(&self.node, &self.name, format!("({why})"));
        Failure::new(Observed::ConnectFailed, "101 Switching Protocols")
    }
}

async fn upgrade(address: SocketAddr) -> Result<WebSocketStream<TcpStream>, Error> {
    let stream = TcpStream::connect(address).await?;
    // Nagle's algorithm would hold a small frame back for the 40 ms of a delayed acknowledgement.
    stream.set_nodelay(true)?;
    let config = WebSocketConfig::default().read_buffer_size(READ_BUFFER_BYTES);
    let (stream, _) = client_async_with_config(format!("ws://{address}/ws"), stream, Some(config)).await?;
    Ok(stream)
}

fn seen(message: Message) -> Seen {
    match message {
        Message::Text(text) => Seen::Text(text.as_str().to_owned()),
        Message::Binary(bytes) => Seen::Binary(bytes),
        Message::Ping(payload) => Seen::Ping(payload),
        Message::Pong(payload) => Seen::Pong(payload),
        Message::Close(frame) => Seen::Close(frame.map(|frame| frame.code.into())),
        Message::Frame(_) => Seen::Garbage("a bare frame".to_owned()),
    }
}

fn ended(error: &Error) -> Seen {
    use std::io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
    use tokio_tungstenite::tungstenite::error::ProtocolError::ResetWithoutClosingHandshake;
    match error {
        Error::ConnectionClosed | Error::AlreadyClosed | Error::Protocol(ResetWithoutClosingHandshake) => Seen::End,
        Error::Io(error) if matches!(error.kind(), ConnectionReset | BrokenPipe) => Seen::Reset,
        Error::Io(error) if error.kind() == UnexpectedEof => Seen::End,
        other => Seen::Garbage(other.to_string()),
    }
}
