//! A client on bare TCP: sends any bytes, answers nothing by itself, and may stop reading.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use crate::Observed;
use crate::harness::failure::Failure;
use crate::harness::frame::{self, Frame};
use crate::harness::peer::{CONNECT_PATIENCE, PATIENCE, Peer, Seen};
use crate::harness::story::Story;

/// Small, so that a client that does not read is soon felt.
const SMALL_BUFFER_BYTES: u32 = 16384;
/// On loopback a segment is 64 KiB, and a kernel keeps dozens of them for a connection; of an Ethernet's it keeps less.
const SMALL_SEGMENT_BYTES: u32 = 1460;

/// A client that misbehaves when told to. Dropping it ends the TCP connection without a Close.
#[derive(Debug)]
pub struct RawClient {
    name: String,
    node: String,
    story: Story,
    read: OwnedReadHalf,
    write: Option<OwnedWriteHalf>,
    /// What was read and is no whole frame yet.
    unread: Vec<u8>,
    /// The beginning of a message that came in several frames.
    message: Option<(u8, Vec<u8>)>,
}

impl RawClient {
    /// Connects to `/ws` at `address`; `small` gives it the smallest receive buffer there is.
    ///
    /// # Errors
    ///
    /// `ConnectFailed` if the connection or its upgrade is refused, or takes longer than [`CONNECT_PATIENCE`].
    pub async fn connect(
        story: &Story,
        name: &str,
        node: &str,
        address: SocketAddr,
        small: bool,
    ) -> Result<Self, Failure> {
        story.record(name, node, if small { "connect, and read nothing" } else { "connect" });
        let (answer, stream) = match timeout(CONNECT_PATIENCE, upgrade(address, small)).await {
            Ok(Ok(upgraded)) => upgraded,
            Ok(Err(error)) => (error.to_string(), None),
            Err(_) => ("no answer to the upgrade".to_owned(), None),
        };
        let Some((stream, unread)) = stream else {
            story.record(node, name, format!("({answer})"));
            return Err(Failure::new(Observed::ConnectFailed, "101 Switching Protocols"));
        };
        let (read, write) = stream.into_split();
        let (name, node, story) = (name.to_owned(), node.to_owned(), story.clone());
        Ok(Self { name, node, story, read, write: Some(write), unread, message: None })
    }

    /// Sends a frame, recorded as `text`.
    ///
    /// # Errors
    ///
    /// `NothingArrived` if the node takes no bytes for [`PATIENCE`]. A connection that is gone is no error: what the
    /// node had to say before can still be read.
    pub async fn send(&mut self, frame: &Frame, text: &str) -> Result<(), Failure> {
        self.send_bytes(&frame.encode(), text).await
    }

    /// Sends a text message.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub async fn send_text(&mut self, text: &str) -> Result<(), Failure> {
        self.send(&Frame::client(frame::TEXT, text), &Seen::Text(text.to_owned()).to_string()).await
    }

    /// Sends a frame without recording it, for floods.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub async fn send_quietly(&mut self, frame: &Frame) -> Result<(), Failure> {
        self.write_all(&frame.encode()).await
    }

    /// Sends any bytes, recorded as `text`.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub async fn send_bytes(&mut self, bytes: &[u8], text: &str) -> Result<(), Failure> {
        self.story.record(&self.name, &self.node, text);
        self.write_all(bytes).await
    }

    async fn write_all(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let Some(write) = &mut self.write else { return Ok(()) };
        match timeout(PATIENCE, write.write_all(bytes)).await {
            Ok(Ok(()) | Err(_)) => Ok(()),
            Err(_) => Err(Failure::new(Observed::NothingArrived, "a connection that takes bytes")),
        }
    }

    /// Adds what it does, in words, to the story: for floods.
    pub fn record_sent(&self, text: impl AsRef<str>) {
        self.story.record(&self.name, &self.node, text);
    }

    /// Takes the writing half, for a client that floods in another task while it reads, or does not, here.
    pub fn take_writing(&mut self) -> Option<OwnedWriteHalf> {
        self.write.take()
    }

    /// Reads and drops all there is until the connection ends; gives the messages of each text frame and how it ended.
    ///
    /// # Errors
    ///
    /// `StillOpen` if nothing comes for [`PATIENCE`].
    pub async fn read_to_end(&mut self) -> Result<(Vec<String>, Vec<Seen>), Failure> {
        let (mut texts, mut others) = (Vec::new(), Vec::new());
        loop {
            match timeout(PATIENCE, self.next()).await {
                Ok(Seen::Text(text)) => texts.push(text),
                Ok(seen) => {
                    let last = seen.is_last();
                    others.push(seen);
                    if last {
                        self.record_seen(format!("{} text messages, then {}", texts.len(), show_all(&others)));
                        return Ok((texts, others));
                    }
                }
                Err(_) => {
                    self.record_seen(format!("{} text messages, then nothing", texts.len()));
                    return Err(Failure::new(Observed::StillOpen, "the end of the connection"));
                }
            }
        }
    }

    /// Whether the node has let go of the TCP connection: it answers what it is sent with a reset then. This is how a
    /// client that does not read finds out; ask again and again, since the reset comes later than the sending.
    pub async fn is_let_go(&mut self) -> bool {
        let pong = Frame::client(frame::PONG, []).encode();
        match &mut self.write {
            Some(write) => matches!(timeout(PATIENCE, write.write_all(&pong)).await, Ok(Err(_))),
            None => false,
        }
    }

    /// Resets the TCP connection: the peer sees an error instead of an end.
    pub fn reset(self) {
        self.story.record(&self.name, &self.node, "(resets the TCP connection)");
        if let Some(Ok(stream)) = self.write.map(|write| self.read.reunite(write)) {
            // Where the option is refused, the drop that follows is an abrupt end all the same.
            let _ = stream.set_zero_linger();
        }
    }
}

impl Peer for RawClient {
    fn name(&self) -> &str {
        &self.name
    }

    fn node(&self) -> &str {
        &self.node
    }

    fn story(&self) -> &Story {
        &self.story
    }

    async fn next(&mut self) -> Seen {
        loop {
            while let Some(frame) = Frame::take(&mut self.unread) {
                if let Some(seen) = assemble(&mut self.message, frame) {
                    return seen;
                }
            }
            match self.read.read_buf(&mut self.unread).await {
                Ok(0) => return Seen::End,
                Ok(_) => {}
                Err(_) => return Seen::Reset,
            }
        }
    }
}

/// Adds a frame to the message under way; gives the message when it is whole, and control frames at once.
fn assemble(message: &mut Option<(u8, Vec<u8>)>, frame: Frame) -> Option<Seen> {
    let (opcode, payload) = match (frame.opcode, message.take()) {
        (frame::CONTINUATION, Some((opcode, mut begun))) => {
            begun.extend(frame.payload);
            (opcode, begun)
        }
        (frame::TEXT | frame::BINARY, None) => (frame.opcode, frame.payload),
        (control, begun) => {
            *message = begun;
            return Some(control_frame(control, frame.payload));
        }
    };
    if !frame.fin {
        *message = Some((opcode, payload));
        return None;
    }
    Some(match (opcode, String::from_utf8(payload)) {
        (frame::TEXT, Ok(text)) => Seen::Text(text),
        (frame::TEXT, Err(_)) => Seen::Garbage("text that is not UTF-8".to_owned()),
        (_, Ok(text)) => Seen::Binary(text.into_bytes().into()),
        (_, Err(bytes)) => Seen::Binary(bytes.into_bytes().into()),
    })
}

fn control_frame(opcode: u8, payload: Vec<u8>) -> Seen {
    match opcode {
        frame::CLOSE => Seen::Close(payload.first_chunk().map(|code| u16::from_be_bytes(*code))),
        frame::PING => Seen::Ping(payload.into()),
        frame::PONG => Seen::Pong(payload.into()),
        other => Seen::Garbage(format!("a frame with opcode {other}")),
    }
}

fn show_all(seen: &[Seen]) -> String {
    seen.iter().filter(|seen| !matches!(seen, Seen::Ping(_))).map(Seen::to_string).collect::<Vec<_>>().join(", ")
}

/// The answer's first line, and the stream with what came behind the answer's head if it was 101.
type Upgraded = (String, Option<(TcpStream, Vec<u8>)>);

async fn upgrade(address: SocketAddr, small: bool) -> std::io::Result<Upgraded> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if small {
        socket.set_recv_buffer_size(SMALL_BUFFER_BYTES)?;
        socket.set_send_buffer_size(SMALL_BUFFER_BYTES)?;
        socket2::SockRef::from(&socket).set_tcp_mss(SMALL_SEGMENT_BYTES)?;
    }
    let mut stream = socket.connect(address).await?;
    stream.set_nodelay(true)?;
    let request = format!(
        "GET /ws HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut head = Vec::new();
    let end = loop {
        if stream.read_buf(&mut head).await? == 0 {
            break head.len();
        }
        if let Some(end) = head.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
    };
    let first_line = String::from_utf8_lossy(&head).lines().next().unwrap_or("no answer").to_owned();
    let accepted = first_line.split_whitespace().nth(1) == Some("101");
    Ok((first_line, accepted.then(|| (stream, head.split_off(end)))))
}
