//! What can be asked of a node about its users, from phase 2 on.

use serde_json::Value;

use crate::Observed;
use crate::harness::admin::{Admin, Answer};
use crate::harness::eventually::eventually;
use crate::harness::failure::{Failure, ensure};
use crate::harness::gateway::Talk;
use crate::harness::node::Node;
use crate::harness::peer::PATIENCE;
use crate::harness::raw::RawClient;
use crate::harness::ws::Client;

impl Node {
    /// Connects a client and registers it; gives its connection's id as well. `alice#2` registers as `alice`.
    ///
    /// # Errors
    ///
    /// What went wrong with either.
    pub async fn user(&self, name: &str) -> Result<(Client, String), Failure> {
        let mut client = self.connect(name).await?;
        let conn = client.register(user_of(name)).await?;
        Ok((client, conn))
    }

    /// As [`user`](Self::user), with a client that reads only what it is told to, and has room for little else.
    ///
    /// # Errors
    ///
    /// What went wrong with either.
    pub async fn stalled_user(&self, name: &str) -> Result<(RawClient, String), Failure> {
        let mut client = self.connect_stalled(name).await?;
        let conn = client.register(user_of(name)).await?;
        Ok((client, conn))
    }

    /// The connections that `GET /users/{id}` lists; none when it says that nobody is there. Unrecorded.
    ///
    /// # Errors
    ///
    /// `WrongAnswer` if it says something else.
    pub async fn connections(&self, user: &str) -> Result<Vec<String>, Failure> {
        let path = user_path(user);
        let answer = self.admin().peek(&path).await?;
        let listed = rows(&answer, user).inspect_err(|_| self.record_lookup(&path, &answer))?;
        Ok(listed.into_iter().map(|(_, conn)| conn).collect())
    }

    /// Where `GET /users/{id}` says that a user is, as [`place`] writes it, sorted; none when it says that nobody is there. Unrecorded.
    ///
    /// # Errors
    ///
    /// `WrongAnswer` if it says something else.
    pub async fn places(&self, user: &str) -> Result<Vec<String>, Failure> {
        let path = user_path(user);
        let answer = self.admin().peek(&path).await?;
        let listed = rows(&answer, user).inspect_err(|_| self.record_lookup(&path, &answer))?;
        let mut places: Vec<_> = listed.iter().map(|(node, conn)| place(node, conn)).collect();
        places.sort_unstable();
        Ok(places)
    }

    /// Fails unless `GET /users/{id}` lists these connections and no others, in this order, now.
    ///
    /// # Errors
    ///
    /// `observed`.
    pub async fn expect_connections(&self, user: &str, wanted: &[&str], observed: Observed) -> Result<(), Failure> {
        let listed = self.connections_told(user).await?;
        ensure(listed == wanted, observed, told(wanted))
    }

    /// Waits until `GET /users/{id}` lists these connections and no others, in this order.
    ///
    /// # Errors
    ///
    /// `observed`; the story then ends with what it said last.
    pub async fn connections_until(&self, user: &str, wanted: &[&str], observed: Observed) -> Result<(), Failure> {
        let look = || async { ensure(self.connections(user).await? == wanted, observed, told(wanted)) };
        let settled = eventually(PATIENCE, look).await;
        self.connections_told(user).await?;
        settled
    }

    /// Waits until nobody is there by that name any more.
    ///
    /// # Errors
    ///
    /// `StillRegistered` if a connection of that name is listed all the time; `GhostUser` if there is something else than nobody.
    pub async fn forgotten(&self, user: &str) -> Result<(), Failure> {
        let gone =
            || async { ensure(self.connections(user).await?.is_empty(), Observed::StillRegistered, told::<&str>(&[])) };
        let settled = eventually(PATIENCE, gone).await;
        self.connections_told(user).await?;
        settled
    }

    /// Posts a payload, which is JSON already, to a user.
    ///
    /// # Errors
    ///
    /// `ConnectFailed` or `NothingArrived`.
    pub async fn post_to(&self, user: &str, payload: &str) -> Result<Answer, Failure> {
        self.admin().post(&messages_path(user), payload).await
    }

    /// Posts a payload to a user and expects it to be written; gives the message's id.
    ///
    /// # Errors
    ///
    /// `refused` when the node says that nobody is there; `WrongAnswer` for any other answer but 202.
    pub async fn post_written(&self, user: &str, payload: &str, refused: Observed) -> Result<String, Failure> {
        let answer = self.post_to(user, payload).await?;
        ensure(answer.status != 404, refused, "202")?;
        answer.written_id()
    }

    async fn connections_told(&self, user: &str) -> Result<Vec<String>, Failure> {
        let listed = self.connections(user).await?;
        self.admin().record_asked(format!("GET {}", user_path(user)));
        self.admin().record_seen(told(&listed));
        Ok(listed)
    }

    fn record_lookup(&self, path: &str, answer: &Answer) {
        self.admin().record_asked(format!("GET {path}"));
        self.admin().record(answer);
    }
}

impl Admin {
    /// A counter as it is now, recorded.
    ///
    /// # Errors
    ///
    /// `WrongAnswer` if there is none.
    pub async fn counter_seen(&self, name: &str) -> Result<u64, Failure> {
        let value = self.counter(name).await?;
        self.record_seen(format!("/stats: {name} {value}"));
        Ok(value)
    }
}

impl Answer {
    /// The id in `202 {"id":"…","outcome":"written"}`.
    ///
    /// # Errors
    ///
    /// `WrongAnswer` if it is anything else.
    pub fn written_id(&self) -> Result<String, Failure> {
        let id = self.body.get("id").and_then(Value::as_str).filter(|id| !id.is_empty());
        let written = self.status == 202 && self.body.get("outcome").and_then(Value::as_str) == Some("written");
        id.filter(|_| written)
            .map(str::to_owned)
            .ok_or_else(|| Failure::new(Observed::WrongAnswer, r#"202 {"id":"…","outcome":"written"}"#))
    }
}

/// `/users/{id}`, percent-encoded.
pub fn user_path(user: &str) -> String {
    format!("/users/{}", percent_encoded(user))
}

/// `/users/{id}/messages`, percent-encoded.
pub fn messages_path(user: &str) -> String {
    format!("{}/messages", user_path(user))
}

fn user_of(client: &str) -> &str {
    client.split('#').next().unwrap_or(client)
}

/// A node and a connection there: `n1#3`.
pub fn place(node: &str, conn: &str) -> String {
    format!("{node}#{conn}")
}

/// The node and the connection of each row.
fn rows(answer: &Answer, user: &str) -> Result<Vec<(String, String)>, Failure> {
    if answer.status == 404 && answer.error_code() == Some("not_connected") {
        return Ok(Vec::new());
    }
    let expected = || Failure::new(Observed::WrongAnswer, r#"{"user":"…","connections":[{"node":"…","conn":"…"}]}"#);
    let rows = answer.body.get("connections").and_then(Value::as_array).ok_or_else(expected)?;
    let row = |row: &Value| {
        let text = |name| row.get(name).and_then(Value::as_str).map(str::to_owned);
        text("node").zip(text("conn"))
    };
    let named = answer.status == 200 && answer.body.get("user").and_then(Value::as_str) == Some(user);
    rows.iter().map(row).collect::<Option<Vec<_>>>().filter(|_| named).ok_or_else(expected)
}

/// What a lookup says, in words.
fn told<S: AsRef<str>>(connections: &[S]) -> String {
    let ids: Vec<_> = connections.iter().map(AsRef::as_ref).collect();
    match ids[..] {
        [] => "404 not_connected".to_owned(),
        [one] => format!("200, connection {one}"),
        _ => format!("200, connections {}", ids.join(", ")),
    }
}

fn percent_encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}
