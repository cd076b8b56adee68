//! A node under test, as a check handles it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use crate::Observed;
use crate::harness::admin::{Admin, Answer, Socket};
use crate::harness::eventually::eventually;
use crate::harness::failure::{Failure, ensure};
use crate::harness::peer::PATIENCE;
use crate::harness::process::{Process, describe};
use crate::harness::raw::RawClient;
use crate::harness::ready::Ready;
use crate::harness::story::Story;
use crate::harness::ws::Client;

/// A running node. A clone is another handle on the same process; the world that started it kills it.
#[derive(Debug, Clone)]
pub struct Node {
    name: String,
    story: Story,
    process: Arc<Process>,
    ws: SocketAddr,
    admin: Admin,
    ready: Ready,
}

impl Node {
    /// Takes over a process that has said where it listens; `None` if it has not said all that every node says.
    pub(crate) fn new(name: &str, story: &Story, process: Arc<Process>, ready: Ready) -> Option<Self> {
        let (ws, admin) = (ready.address("ws")?, Admin::new(story, name, ready.address("admin")?));
        Some(Self { name: name.to_owned(), story: story.clone(), process, ws, admin, ready })
    }

    /// The same node, but what is done through this handle is told nowhere: for crowds.
    pub fn untold(&self) -> Self {
        let story = Story::begin();
        let admin = self.admin.told_in(&story);
        Self { story, admin, ..self.clone() }
    }

    /// Its process: signals and memory.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// Its resident memory in KiB.
    ///
    /// # Errors
    ///
    /// A skip where `ps` cannot say.
    pub async fn rss_kib(&self) -> Result<u64, Failure> {
        let kib = self.process.rss_kib().await;
        kib.ok_or_else(|| Failure::skip("`ps -o rss=` cannot say how much memory a process has"))
    }

    /// Where its public listener is.
    pub fn ws(&self) -> SocketAddr {
        self.ws
    }

    /// Where it gossips, itself: not what it advertises.
    ///
    /// # Errors
    ///
    /// `NeverReady` if its ready line does not say it.
    pub fn gossip(&self) -> Result<SocketAddr, Failure> {
        let missing = || Failure::new(Observed::NeverReady, "ready … gossip=… on standard output");
        self.ready.address("gossip").ok_or_else(missing)
    }

    /// Where it takes links, itself: not what it advertises.
    ///
    /// # Errors
    ///
    /// `NeverReady` if its ready line does not say it.
    pub fn link(&self) -> Result<SocketAddr, Failure> {
        let missing = || Failure::new(Observed::NeverReady, "ready … link=… on standard output");
        self.ready.address("link").ok_or_else(missing)
    }

    /// Lines that it has printed so far, on both of its streams.
    pub fn lines(&self) -> u64 {
        let report = self.process.report(&self.name);
        report.lines_before + report.last_lines.len() as u64
    }

    /// Its admin listener.
    pub fn admin(&self) -> &Admin {
        &self.admin
    }

    /// Plain HTTP to its public listener.
    pub fn public(&self) -> Admin {
        Admin::new(&self.story, &self.name, self.ws)
    }

    /// Connects a well-behaved client.
    ///
    /// # Errors
    ///
    /// `ConnectFailed`.
    pub async fn connect(&self, name: &str) -> Result<Client, Failure> {
        Client::connect(&self.story, name, &self.name, self.ws).await
    }

    /// Connects a client on bare TCP.
    ///
    /// # Errors
    ///
    /// `ConnectFailed`.
    pub async fn connect_raw(&self, name: &str) -> Result<RawClient, Failure> {
        RawClient::connect(&self.story, name, &self.name, self.ws, false).await
    }

    /// Connects a client on bare TCP with the smallest of buffers, which reads nothing until it is asked to.
    ///
    /// # Errors
    ///
    /// `ConnectFailed`.
    pub async fn connect_stalled(&self, name: &str) -> Result<RawClient, Failure> {
        RawClient::connect(&self.story, name, &self.name, self.ws, true).await
    }

    /// Connects a client on bare TCP by way of a proxy at `address`.
    ///
    /// # Errors
    ///
    /// `ConnectFailed`.
    pub async fn connect_through(&self, name: &str, address: SocketAddr) -> Result<RawClient, Failure> {
        RawClient::connect(&self.story, name, &self.name, address, false).await
    }

    /// Looks at `/sockets` until `wanted` finds in it what it looks for.
    ///
    /// # Errors
    ///
    /// `observed` and `expected` after [`PATIENCE`]; the story then ends with what `/sockets` said last.
    pub async fn sockets_until<T: Send>(
        &self,
        wanted: impl Fn(&[Socket]) -> Option<T> + Send + Sync,
        observed: Observed,
        expected: &str,
    ) -> Result<T, Failure> {
        let look = || async {
            let sockets = self.admin.sockets().await?;
            wanted(&sockets).ok_or_else(|| Failure::new(observed, expected))
        };
        let found = eventually(PATIENCE, look).await;
        self.admin.record_asked("GET /sockets");
        let rows: Vec<_> = self.admin.sockets().await?.iter().map(Socket::to_string).collect();
        self.admin.record_seen(if rows.is_empty() { "(no sockets)".to_owned() } else { rows.join("; ") });
        found
    }

    /// The id of the socket in `/sockets` that is not among `known`, once there is one.
    ///
    /// # Errors
    ///
    /// `NotListed` if none shows up in time.
    pub async fn listed(&self, known: &[&str]) -> Result<String, Failure> {
        let newcomer = |sockets: &[Socket]| {
            sockets.iter().map(|row| &row.conn).find(|conn| !known.contains(&conn.as_str())).cloned()
        };
        self.sockets_until(newcomer, Observed::NotListed, "the new socket in /sockets").await
    }

    /// Waits until the socket `conn` is no longer in `/sockets`.
    ///
    /// # Errors
    ///
    /// `GhostSocket` if it stays.
    pub async fn unlisted(&self, conn: &str) -> Result<(), Failure> {
        let gone = |sockets: &[Socket]| sockets.iter().all(|row| row.conn != conn).then_some(());
        self.sockets_until(gone, Observed::GhostSocket, &format!("no socket {conn} in /sockets")).await
    }

    /// Waits until a counter of `/stats` has this value.
    ///
    /// # Errors
    ///
    /// `WrongCount` if it has not after [`PATIENCE`]; the story then ends with the value it had last.
    pub async fn counted(&self, counter: &str, wanted: u64) -> Result<(), Failure> {
        let look = || async {
            let value = self.admin.counter(counter).await.map_err(|failure| (failure, None))?;
            let wrong = || (Failure::new(Observed::WrongCount, format!("{counter} {wanted}")), Some(value));
            if value == wanted { Ok(()) } else { Err(wrong()) }
        };
        eventually(PATIENCE, look).await.map_err(|(failure, value)| {
            if let Some(value) = value {
                self.admin.record_seen(format!("/stats: {counter} {value}"));
            }
            failure
        })
    }

    /// Pushes a text frame to a socket by its id.
    ///
    /// # Errors
    ///
    /// `ConnectFailed` or `NothingArrived`.
    pub async fn push(&self, conn: &str, text: &str) -> Result<Answer, Failure> {
        self.admin.post(&format!("/sockets/{conn}"), text).await
    }

    /// Asks it to stop.
    pub fn terminate(&self) {
        self.story.record("test", &self.name, "SIGTERM");
        self.process.terminate();
    }

    /// Lets it hang.
    pub fn pause(&self) {
        self.story.record("test", &self.name, "SIGSTOP");
        self.process.pause();
    }

    /// Lets it go on.
    pub fn resume(&self) {
        self.story.record("test", &self.name, "SIGCONT");
        self.process.resume();
    }

    /// Kills it.
    pub fn kill(&self) {
        self.story.record("test", &self.name, "SIGKILL");
        self.process.kill();
    }

    /// Waits for its exit, which is to be clean.
    ///
    /// # Errors
    ///
    /// `ExitTooLate` if it still runs after `within`; `WrongExitStatus` if it does not exit with 0.
    pub async fn exits(&self, within: Duration) -> Result<(), Failure> {
        let Ok(status) = timeout(within, self.process.exited()).await else {
            self.story.record(&self.name, "test", "(still running)");
            return Err(Failure::new(Observed::ExitTooLate, "an exit with status 0"));
        };
        self.story.record(&self.name, "test", describe(status));
        ensure(status.success(), Observed::WrongExitStatus, "exit status 0")
    }
}
