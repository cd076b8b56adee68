//! The gateway protocol as a client speaks it: JSON frames out, told in words, and JSON frames in.

use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::time::timeout;

use crate::Observed;
use crate::harness::failure::{Failure, ensure};
use crate::harness::frame::{self, Frame};
use crate::harness::peer::{PATIENCE, Peer, Seen};
use crate::harness::raw::RawClient;
use crate::harness::story::{show_text, show_time};
use crate::harness::ws::Client;

/// The `ref` of a registration that a check does not look at more closely.
const REGISTER_REF: &str = "register";
/// The `ref` of the ping that ends "and nothing else".
const MARKER_REF: &str = "nothing-else";

/// A frame that a node has said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    text: String,
    value: Value,
}

impl Heard {
    /// `None` for what is no frame of the protocol.
    fn parse(text: String) -> Option<Self> {
        let value: Value = serde_json::from_str(&text).ok()?;
        value.get("type")?.as_str()?;
        Some(Self { text, value })
    }

    /// Its `type`.
    pub fn kind(&self) -> &str {
        self.member("type").unwrap_or_default()
    }

    /// A member that is a string.
    pub fn member(&self, name: &str) -> Option<&str> {
        self.value.get(name)?.as_str()
    }

    /// Its `ref`.
    pub fn reference(&self) -> Option<&str> {
        self.member("ref")
    }

    /// Whether it has a member of this name.
    pub fn has(&self, name: &str) -> bool {
        self.value.get(name).is_some()
    }

    /// Its `payload`, byte for byte.
    pub fn payload(&self) -> Option<String> {
        #[derive(Deserialize)]
        struct Envelope<'a> {
            #[serde(borrow)]
            payload: &'a RawValue,
        }
        serde_json::from_str::<Envelope>(&self.text).ok().map(|envelope| envelope.payload.get().to_owned())
    }

    /// Whether it is the `ok` for `reference`.
    pub fn is_ok(&self, reference: &str) -> bool {
        self.kind() == "ok" && self.reference() == Some(reference) && self.member("outcome") == Some("written")
    }

    /// Whether it is an `error` with this code, for this `ref` or for none, of the contract's form.
    pub fn is_error(&self, code: &str, reference: Option<&str>) -> bool {
        let well_formed = self.member("message").is_some() && self.value.get("retry").is_some_and(Value::is_boolean);
        self.kind() == "error" && self.member("code") == Some(code) && self.reference() == reference && well_formed
    }

    /// An error's `retry`.
    pub fn retry(&self) -> bool {
        self.value.get("retry").and_then(Value::as_bool).unwrap_or(false)
    }
}

impl fmt::Display for Heard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let member = |name| self.member(name).unwrap_or("?");
        match self.kind() {
            "registered" => write!(f, "registered {}", show_text(member("userId")))?,
            "error" => write!(f, "error {}", member("code"))?,
            "message" => {
                write!(f, "message {}", self.payload().map_or_else(|| "without payload".into(), |raw| show_raw(&raw)))?;
                self.member("from").map_or(Ok(()), |from| write!(f, " from {from}"))?;
            }
            kind @ ("ok" | "pong") => f.write_str(kind)?,
            _ => f.write_str(&show_text(&self.text))?,
        }
        // The usual ones tell nothing.
        let reference = self.reference().filter(|reference| ![REGISTER_REF, MARKER_REF].contains(reference));
        reference.map_or(Ok(()), |reference| write!(f, " (ref {reference})"))
    }
}

/// A client that speaks the gateway protocol.
pub trait Talk: Peer {
    /// Sends a text frame, which the story tells as `words`.
    fn say(&mut self, frame: &str, words: &str) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Asks to be called `user`, and expects it to be granted; gives the connection's id.
    fn register(&mut self, user: &str) -> impl Future<Output = Result<String, Failure>> + Send {
        async move {
            self.ask_name(user, None, REGISTER_REF).await?;
            self.expect_registered(user, REGISTER_REF).await
        }
    }

    /// Asks to be called `user`.
    fn ask_name(
        &mut self,
        user: &str,
        token: Option<&str>,
        reference: &str,
    ) -> impl Future<Output = Result<(), Failure>> + Send {
        async move {
            let token = token.map_or_else(String::new, |token| format!(r#","token":{}"#, quoted(token)));
            let frame =
                format!(r#"{{"type":"register","userId":{}{token},"ref":{}}}"#, quoted(user), quoted(reference));
            self.say(&frame, &format!("register {}", show_text(user))).await
        }
    }

    /// Sends a `message` with a payload that is JSON already.
    fn message(
        &mut self,
        to: &str,
        payload: &str,
        reference: Option<&str>,
    ) -> impl Future<Output = Result<(), Failure>> + Send {
        async move {
            let frame = message_frame(to, payload, reference);
            let reference = reference.map_or_else(String::new, |reference| format!(" (ref {reference})"));
            self.say(&frame, &format!("message to {to} {}{reference}", show_raw(payload))).await
        }
    }

    /// What the node says next, or `None` when it has said nothing `within` that time. Recorded when it says something;
    /// that it has said nothing is, if that is the last that the check looks at.
    fn hear_within(&mut self, within: Duration) -> impl Future<Output = Result<Option<Heard>, Failure>> + Send {
        async move {
            let listen = async {
                loop {
                    match self.next().await {
                        Seen::Ping(_) => {}
                        other => break other,
                    }
                }
            };
            let Ok(seen) = timeout(within, listen).await else {
                let nothing = format!("(nothing within {})", show_time(within));
                self.story().look(&[(self.node(), self.name(), &nothing)]);
                return Ok(None);
            };
            let observed = seen.instead_of_message();
            let shown = seen.to_string();
            match seen {
                Seen::Text(text) => match Heard::parse(text) {
                    Some(heard) => {
                        self.record_seen(heard.to_string());
                        return Ok(Some(heard));
                    }
                    None => self.record_seen(shown),
                },
                _ => self.record_seen(shown),
            }
            Err(Failure::new(observed, "a frame of the protocol"))
        }
    }

    /// What the node says next.
    fn hear(&mut self) -> impl Future<Output = Result<Heard, Failure>> + Send {
        async move {
            match self.hear_within(PATIENCE).await? {
                Some(heard) => Ok(heard),
                None => {
                    self.record_seen(format!("(nothing within {} ms)", PATIENCE.as_millis()));
                    Err(Failure::new(Observed::NothingArrived, "a frame of the protocol"))
                }
            }
        }
    }

    /// The next frame is `wanted`, which `expected` tells in words.
    fn expect_heard(
        &mut self,
        expected: &str,
        wanted: impl FnOnce(&Heard) -> bool + Send,
    ) -> impl Future<Output = Result<Heard, Failure>> + Send {
        async move {
            let heard = self.hear().await.map_err(|failure| match failure.observed() {
                Some(observed) => Failure::new(observed, expected),
                None => failure,
            })?;
            ensure(wanted(&heard), Observed::WrongAnswer, expected)?;
            Ok(heard)
        }
    }

    /// The next frame says that this connection is called `user`; gives the connection's id.
    fn expect_registered(
        &mut self,
        user: &str,
        reference: &str,
    ) -> impl Future<Output = Result<String, Failure>> + Send {
        async move {
            let expected = format!("registered {} (ref {reference})", show_text(user));
            let granted = |heard: &Heard| {
                let named = heard.member("userId") == Some(user) && heard.member("connId").is_some();
                heard.kind() == "registered" && heard.reference() == Some(reference) && named
            };
            let heard = self.expect_heard(&expected, granted).await?;
            Ok(heard.member("connId").unwrap_or_default().to_owned())
        }
    }

    /// The next frame is the `ok` for `reference`; gives the message's id.
    fn expect_ok(&mut self, reference: &str) -> impl Future<Output = Result<String, Failure>> + Send {
        async move {
            let expected = format!("ok (ref {reference})");
            let told = |heard: &Heard| heard.is_ok(reference) && heard.member("id").is_some();
            let heard = self.expect_heard(&expected, told).await?;
            Ok(heard.member("id").unwrap_or_default().to_owned())
        }
    }

    /// The next frame is this error, for `reference` or for none.
    fn expect_error(
        &mut self,
        code: &str,
        reference: Option<&str>,
    ) -> impl Future<Output = Result<Heard, Failure>> + Send {
        async move {
            let shown = reference.map_or_else(String::new, |reference| format!(" (ref {reference})"));
            self.expect_heard(&format!("error {code}{shown}"), |heard| heard.is_error(code, reference)).await
        }
    }

    /// The next frame is the pong for `reference`.
    fn expect_pong(&mut self, reference: Option<&str>) -> impl Future<Output = Result<Heard, Failure>> + Send {
        async move { self.expect_heard("pong", |heard| heard.kind() == "pong" && heard.reference() == reference).await }
    }

    /// The next frame is a message with this payload, byte for byte, from this user or, over HTTP, from nobody; gives its id.
    fn expect_message(
        &mut self,
        from: Option<&str>,
        payload: &str,
    ) -> impl Future<Output = Result<String, Failure>> + Send {
        async move {
            let by = from.map_or_else(String::new, |from| format!(" from {from}"));
            let expected = format!("message {}{by}", show_raw(payload));
            let heard = self.expect_heard(&expected, |heard| heard.kind() == "message").await?;
            ensure(heard.payload().as_deref() == Some(payload), Observed::WrongPayload, &expected)?;
            ensure(
                heard.member("from") == from && heard.has("from") == from.is_some(),
                Observed::WrongSender,
                &expected,
            )?;
            let id = heard.member("id").filter(|id| !id.is_empty()).map(str::to_owned);
            id.ok_or_else(|| Failure::new(Observed::WrongAnswer, "a message with an id"))
        }
    }

    /// Nothing has been said that this client has not heard yet: a pong comes next. Anything else is `observed`.
    fn expect_nothing_else(&mut self, observed: Observed) -> impl Future<Output = Result<(), Failure>> + Send {
        async move {
            self.say(&format!(r#"{{"type":"ping","ref":"{MARKER_REF}"}}"#), "ping").await?;
            let heard = self.hear().await?;
            let pong = heard.kind() == "pong" && heard.reference() == Some(MARKER_REF);
            ensure(pong, observed, "nothing but the pong")
        }
    }
}

impl Talk for Client {
    async fn say(&mut self, frame: &str, words: &str) -> Result<(), Failure> {
        self.send_told(frame, words).await
    }
}

impl Talk for RawClient {
    async fn say(&mut self, frame: &str, words: &str) -> Result<(), Failure> {
        self.send(&Frame::client(frame::TEXT, frame), words).await
    }
}

/// A `message` frame.
pub fn message_frame(to: &str, payload: &str, reference: Option<&str>) -> String {
    let reference = reference.map_or_else(String::new, |reference| format!(r#","ref":{}"#, quoted(reference)));
    format!(r#"{{"type":"message","to":{},"payload":{payload}{reference}}}"#, quoted(to))
}

/// As a JSON string.
pub fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// A payload as a story shows it: JSON brings its own quotes.
pub fn show_raw(raw: &str) -> String {
    match serde_json::from_str::<String>(raw) {
        Ok(text) => show_text(&text),
        Err(_) if raw.len() <= 24 => raw.to_owned(),
        Err(_) => show_text(raw),
    }
}
