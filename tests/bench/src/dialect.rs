//! The adapters: how to start a router, and what its clients say.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use tokio_tungstenite::tungstenite::Message;

/// A router to be measured.
#[derive(Debug, Clone)]
pub struct Router {
    /// As it stands in the table.
    pub name: String,
    /// What its clients say.
    pub dialect: Dialect,
    /// How many of it are one router.
    pub nodes: usize,
    binary: PathBuf,
    args: Vec<String>,
}

/// What clients of a router say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// The gateway protocol.
    Gateway,
    /// The NATS client protocol, over WebSocket.
    Nats,
}

/// Stands before the time in each payload.
const MARK: &str = "t=";
/// Digits of that time.
const DIGITS: usize = 12;

impl Router {
    /// A node of ours, or anything else that speaks the wire.
    pub fn ours(binary: &Path) -> Self {
        // From phase 4 on a node wants a secret, or to be told that it is to do without.
        let args = ["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--insecure"].map(str::to_owned).to_vec();
        Self { name: "node".to_owned(), dialect: Dialect::Gateway, nodes: 1, binary: binary.to_owned(), args }
    }

    /// The floor that speaks JSON.
    pub fn floor() -> Result<Self> {
        let args = vec!["floor".to_owned(), "route".to_owned()];
        let binary = std::env::current_exe()?;
        Ok(Self { name: "floor".to_owned(), dialect: Dialect::Gateway, nodes: 1, binary, args })
    }

    /// NATS, where `nats-server` is in the PATH.
    pub fn nats() -> Option<Self> {
        let found = Command::new("nats-server").arg("--version").output().is_ok_and(|output| output.status.success());
        let binary = PathBuf::from("nats-server");
        found.then(|| Self { name: "nats".to_owned(), dialect: Dialect::Nats, nodes: 1, binary, args: Vec::new() })
    }

    /// The same on so many nodes.
    pub fn on(self, nodes: usize) -> Self {
        let name = if nodes == 1 { self.name } else { format!("{nodes} × {}", self.name) };
        Self { name, nodes, ..self }
    }

    /// What it is started with.
    pub fn command(&self) -> (&Path, &[String]) {
        (&self.binary, &self.args)
    }
}

impl Dialect {
    /// What a client says first, to be called `user`.
    pub fn register(self, user: &str) -> Message {
        match self {
            Self::Gateway => Message::text(format!(r#"{{"type":"register","userId":"{user}"}}"#)),
            Self::Nats => Message::binary(format!(
                "CONNECT {{\"verbose\":false,\"pedantic\":false}}\r\nSUB u.{user} 1\r\nPING\r\n"
            )),
        }
    }

    /// Whether this says that the client is registered.
    pub fn is_registered(self, frame: &Message) -> bool {
        let word: &[u8] = if self == Self::Gateway { b"\"registered\"" } else { b"PONG" };
        bytes(frame).windows(word.len()).any(|window| window == word)
    }

    /// A message of `size` bytes to `to`, that tells when it was sent.
    pub fn message(self, to: &str, sent_us: u64, size: usize) -> Message {
        let payload =
            format!("\"{MARK}{sent_us:0DIGITS$}{}\"", "x".repeat(size.saturating_sub(MARK.len() + DIGITS + 2)));
        match self {
            Self::Gateway => Message::text(format!(r#"{{"type":"message","to":"{to}","payload":{payload}}}"#)),
            Self::Nats => Message::binary(format!("PUB u.{to} {}\r\n{payload}\r\n", payload.len())),
        }
    }

    /// When the messages in this frame were sent; a frame of NATS may hold several.
    pub fn sent_us(self, frame: &Message) -> impl Iterator<Item = u64> {
        let bytes = bytes(frame);
        let mut at = 0;
        std::iter::from_fn(move || {
            let rest = bytes.get(at..)?;
            let found = rest.windows(MARK.len()).position(|window| window == MARK.as_bytes())?;
            let digits = rest.get(found + MARK.len()..found + MARK.len() + DIGITS)?;
            at += found + MARK.len() + DIGITS;
            std::str::from_utf8(digits).ok()?.parse().ok()
        })
    }
}

fn bytes(frame: &Message) -> &[u8] {
    match frame {
        Message::Text(text) => text.as_bytes(),
        Message::Binary(bytes) => bytes,
        _ => b"",
    }
}

/// A port for a server that cannot choose one itself. It is free now; whoever takes it meanwhile makes the start fail, loudly.
pub fn free_port() -> Result<u16> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").context("no port is free")?;
    Ok(listener.local_addr()?.port())
}
