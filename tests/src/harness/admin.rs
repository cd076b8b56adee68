//! A node's admin routes, and plain HTTP to any of its listeners.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::Observed;
use crate::harness::eventually::eventually;
use crate::harness::failure::{Failure, ensure};
use crate::harness::story::{Story, show_binary, show_text};

/// Longer than any `--deliver-timeout` that a check sets, since a push is answered no later than that.
const ANSWER_WITHIN: Duration = Duration::from_millis(1500);
/// Rows of `/sockets` that a story tells.
const ROWS_TOLD: usize = 3;
const NO_ANSWER: &str = "(no answer)";
/// Who asks, in the story.
const ASKER: &str = "test";

/// An HTTP client for one listener. A clone is the same door; each request has a connection of its own.
#[derive(Debug, Clone)]
pub struct Admin {
    node: String,
    story: Story,
    address: SocketAddr,
    answer_within: Duration,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body, as JSON where it is JSON, else as a string.
    pub body: Value,
}

/// A row of `GET /sockets`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Socket {
    /// The connection's id.
    pub conn: String,
    /// Who is behind it, once it has registered; from phase 2 on.
    #[serde(default)]
    pub user: Option<String>,
    /// Frames in its mailbox.
    pub queued: u64,
    /// Frames handed to the kernel so far.
    pub written: u64,
}

impl std::fmt::Display for Socket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: queued {}, written {}", self.user.as_ref().unwrap_or(&self.conn), self.queued, self.written)
    }
}

impl Admin {
    /// A client for the listener at `address`.
    pub fn new(story: &Story, node: &str, address: SocketAddr) -> Self {
        Self { node: node.to_owned(), story: story.clone(), address, answer_within: ANSWER_WITHIN }
    }

    /// The same door, with so much patience for an answer.
    pub fn patient(self, answer_within: Duration) -> Self {
        Self { answer_within, ..self }
    }

    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The same door, with another story.
    pub fn told_in(&self, story: &Story) -> Self {
        Self { story: story.clone(), ..self.clone() }
    }

    /// `GET path`, recorded.
    ///
    /// # Errors
    ///
    /// `ConnectFailed` or `NothingArrived`.
    pub async fn get(&self, path: &str) -> Result<Answer, Failure> {
        self.story.record(ASKER, &self.node, format!("GET {path}"));
        let answer = self.ask("GET", path, &[], Bytes::new()).await;
        self.record_answer(answer)
    }

    /// `GET path` for polling: in the story only if it is the last that is asked.
    ///
    /// # Errors
    ///
    /// `ConnectFailed` or `NothingArrived`.
    pub async fn peek(&self, path: &str) -> Result<Answer, Failure> {
        let answer = self.ask("GET", path, &[], Bytes::new()).await;
        self.look(&format!("GET {path}"), answer)
    }

    /// `POST path` with a text body, recorded.
    ///
    /// # Errors
    ///
    /// `ConnectFailed` or `NothingArrived`.
    pub async fn post(&self, path: &str, text: &str) -> Result<Answer, Failure> {
        self.story.record(ASKER, &self.node, format!("POST {path} {}", show_text(text)));
        let answer = self.ask("POST", path, &[], Bytes::copy_from_slice(text.as_bytes())).await;
        self.record_answer(answer)
    }

    /// `POST path` with a binary body, recorded.
    ///
    /// # Errors
    ///
    /// `ConnectFailed` or `NothingArrived`.
    pub async fn post_binary(&self, path: &str, bytes: Bytes) -> Result<Answer, Failure> {
        self.story.record(ASKER, &self.node, format!("POST {path} {}", show_binary(&bytes)));
        let answer = self.ask("POST", path, &[("content-type", "application/octet-stream")], bytes).await;
        self.record_answer(answer)
    }

    /// A request with headers of its own, recorded with those.
    ///
    /// # Errors
    ///
    /// `ConnectFailed` or `NothingArrived`.
    pub async fn with_headers(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Result<Answer, Failure> {
        let told: Vec<_> = headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        self.story.record(ASKER, &self.node, format!("{method} {path}, {}", told.join(", ")));
        let answer = self.ask(method, path, headers, body.into()).await;
        self.record_answer(answer)
    }

    /// `POST path` for floods: in the story only if it is the last that is asked.
    ///
    /// # Errors
    ///
    /// `ConnectFailed` or `NothingArrived`.
    pub async fn post_quietly(&self, path: &str, body: Bytes) -> Result<Answer, Failure> {
        let asked = format!("POST {path}, {} byte{}", body.len(), if body.len() == 1 { "" } else { "s" });
        let answer = self.ask("POST", path, &[], body).await;
        self.look(&asked, answer)
    }

    /// The rows of `GET /sockets`, unrecorded.
    ///
    /// # Errors
    ///
    /// `WrongAnswer` if they are not as the contract has them.
    pub async fn sockets(&self) -> Result<Vec<Socket>, Failure> {
        let answer = self.peek("/sockets").await?;
        let rows = answer.body.get("sockets").cloned().unwrap_or_default();
        let rows: Vec<Socket> = serde_json::from_value(rows).map_err(|_| {
            self.record(&answer);
            Failure::new(Observed::WrongAnswer, r#"{"sockets":[{"conn":"…","queued":0,"written":0}]}"#)
        })?;
        let told: Vec<_> = rows.iter().take(ROWS_TOLD).map(ToString::to_string).collect();
        let more = if rows.len() > ROWS_TOLD { "; …" } else { "" };
        self.saw(&format!("/sockets: {}{more}", if rows.is_empty() { "nobody".to_owned() } else { told.join("; ") }));
        Ok(rows)
    }

    /// A counter of `GET /stats` by its dotted name, unrecorded.
    ///
    /// # Errors
    ///
    /// `WrongAnswer` if there is none.
    pub async fn counter(&self, name: &str) -> Result<u64, Failure> {
        let answer = self.peek("/stats").await?;
        let value = name.split('.').try_fold(&answer.body, |value, key| value.get(key)).and_then(Value::as_u64);
        let value = value.ok_or_else(|| {
            self.record(&answer);
            Failure::new(Observed::WrongAnswer, format!("a counter {name} in /stats"))
        })?;
        self.saw(&format!("/stats: {name} {value}"));
        Ok(value)
    }

    /// Waits until nobody is left in any table; unrecorded.
    ///
    /// # Errors
    ///
    /// Who is left after `within`, or what the node answered instead.
    pub async fn nobody_left(&self, within: Duration) -> Result<(), String> {
        eventually(within, || async {
            let told = |failure: Failure| format!("{failure:?}");
            let listed = self.sockets().await.map_err(told)?.len() as u64;
            let open = self.counter("sockets.open").await.map_err(told)?;
            let users = self.counter("registry.users").await.map_err(told)?;
            match (listed, open, users) {
                (0, 0, 0) => Ok(()),
                left => Err(format!("left in /sockets, sockets.open and registry.users: {left:?}")),
            }
        })
        .await
    }

    /// Adds an answer to the story.
    pub fn record(&self, answer: &Answer) {
        self.record_seen(answer.to_string());
    }

    /// Adds what is asked, in words, to the story: for floods.
    pub fn record_asked(&self, text: impl AsRef<str>) {
        self.story.record(ASKER, &self.node, text);
    }

    /// Adds what was seen there to the story.
    pub fn record_seen(&self, text: impl AsRef<str>) {
        self.story.record(&self.node, ASKER, text);
    }

    /// As [`record_seen`](Self::record_seen), if nothing follows it.
    fn saw(&self, text: &str) {
        self.story.look(&[(&self.node, ASKER, text)]);
    }

    fn look(&self, asked: &str, answer: Result<Answer, Failure>) -> Result<Answer, Failure> {
        let told = answer.as_ref().map_or_else(|_| NO_ANSWER.to_owned(), ToString::to_string);
        self.story.look(&[(ASKER, &self.node, asked), (&self.node, ASKER, &told)]);
        answer
    }

    fn record_answer(&self, answer: Result<Answer, Failure>) -> Result<Answer, Failure> {
        match &answer {
            Ok(answer) => self.record(answer),
            Err(_) => self.record_seen(NO_ANSWER),
        }
        answer
    }

    /// A request without a trace in the story.
    pub(crate) async fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Result<Answer, Failure> {
        let request = Request::builder().method(method).uri(path).header("host", self.address.to_string());
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let request = request
            .body(Full::new(body))
            .map_err(|error| Failure::new(Observed::WrongAnswer, format!("a path that can be asked for ({error})")))?;
        timeout(self.answer_within, exchange(self.address, request))
            .await
            .map_err(|_| Failure::new(Observed::NothingArrived, format!("an answer to {method} {path}")))?
            .map_err(|_| Failure::new(Observed::ConnectFailed, format!("an answer to {method} {path}")))
    }
}

impl Answer {
    /// `error.code`, where it is an error of the contract's form.
    pub fn error_code(&self) -> Option<&str> {
        self.body.get("error")?.get("code")?.as_str()
    }

    /// The status, and what an error says of itself.
    pub fn told(&self) -> String {
        let message = self.body.get("error").and_then(|error| error.get("message")).and_then(Value::as_str);
        message.map_or_else(|| self.to_string(), |message| format!("{}: {message}", self.status))
    }

    /// Fails unless it has this status and, if there is one, this error code.
    ///
    /// # Errors
    ///
    /// `WrongAnswer`.
    pub fn expect(&self, status: u16, code: Option<&str>) -> Result<(), Failure> {
        let expected = code.map_or_else(|| status.to_string(), |code| format!("{status} {code}"));
        ensure(self.status == status && self.error_code() == code, Observed::WrongAnswer, expected)
    }
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.error_code(), &self.body) {
            (Some(code), _) => write!(f, "{} {code}", self.status),
            (None, Value::String(text)) => write!(f, "{} {text}", self.status),
            (None, body) => write!(f, "{} {body}", self.status),
        }
    }
}

async fn exchange(
    address: SocketAddr,
    request: Request<Full<Bytes>>,
) -> Result<Answer, Box<dyn std::error::Error + Send + Sync>> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let answering = async {
        let response = sender.send_request(request).await?;
        let status = response.status().as_u16();
        Ok::<_, hyper::Error>((status, response.into_body().collect().await?.to_bytes()))
    };
    // The connection is driven here and not in a task, so that giving up on the answer drops both.
    tokio::pin!(answering);
    let (status, body) = tokio::select! {
        answer = &mut answering => answer?,
        _ = connection => answering.await?,
    };
    let text = || Value::String(String::from_utf8_lossy(&body).into_owned());
    Ok(Answer { status, body: serde_json::from_slice(&body).unwrap_or_else(|_| text()) })
}
