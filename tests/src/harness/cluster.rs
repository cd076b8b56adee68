//! A node's cluster as it tells it: `GET /cluster`.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::Deserialize;

use crate::Observed;
use crate::harness::eventually::eventually_each;
use crate::harness::failure::Failure;
use crate::harness::node::Node;

/// A round or so of the checks' nodes: between two rounds nothing changes.
const ROUND: Duration = Duration::from_millis(30);

/// `GET /cluster`.
#[derive(Debug, Clone, Deserialize)]
pub struct Cluster {
    /// Who says so.
    pub node: String,
    /// Which of its lives it is.
    pub incarnation: u64,
    /// A row a name.
    pub members: Vec<Member>,
    /// Who should be there.
    pub expected: Vec<String>,
    /// Of those, who is not.
    pub missing: Vec<String>,
    /// Who is there, and not among those.
    pub unexpected: Vec<String>,
    /// Who was turned away.
    pub rejected: Vec<Rejected>,
    /// Somebody else has the same name.
    pub duplicate: bool,
}

/// A row of it.
#[derive(Debug, Clone, Deserialize)]
pub struct Member {
    /// Its name.
    pub node: String,
    /// Which of its lives it is.
    pub incarnation: u64,
    /// `live`, `dead` or `left`.
    pub state: String,
    /// `up` or `down`; a node has none to itself, and none at all before phase 5.
    pub link: Option<String>,
    /// Where it listens, by name.
    pub addresses: BTreeMap<String, String>,
    /// What it runs.
    pub version: Option<String>,
    /// Since it was heard directly.
    pub last_heard_ms: Option<u64>,
    /// Datagrams sent to it.
    pub sent: u64,
    /// Datagrams heard from it, each once.
    pub received: u64,
    /// Datagrams that came again.
    pub repeats: u64,
}

/// Datagrams of a stranger.
#[derive(Debug, Clone, Deserialize)]
pub struct Rejected {
    /// Where they came from; `None` for many.
    pub from: Option<String>,
    /// `malformed`, `cluster` or `cookie`.
    pub reason: String,
    /// How many.
    pub count: u64,
}

impl Cluster {
    /// The row of this name, if there is exactly one.
    pub fn member(&self, name: &str) -> Option<&Member> {
        let mut rows = self.members.iter().filter(|row| row.node == name);
        rows.next().filter(|_| rows.next().is_none())
    }

    /// The state of the only row of this name; `None` without one.
    pub fn state(&self, name: &str) -> Option<&str> {
        self.member(name).map(|row| row.state.as_str())
    }

    /// Whether exactly these are live.
    pub fn lives_are(&self, names: &[&str]) -> bool {
        let live: Vec<_> = self.members.iter().filter(|row| row.state == "live").map(|row| &row.node).collect();
        live.len() == names.len() && names.iter().all(|name| live.iter().any(|node| node == name))
    }

    /// How many datagrams were turned away for this reason.
    pub fn rejected_for(&self, reason: &str) -> u64 {
        self.rejected.iter().filter(|row| row.reason == reason).map(|row| row.count).sum()
    }

    /// Who should be there, and is not, and the other way round: `missing [], unexpected ["n3"]`.
    pub fn expectation(&self) -> String {
        format!("missing {:?}, unexpected {:?}", self.missing, self.unexpected)
    }
}

impl Member {
    /// Which life it is, and where: `n1 live, incarnation 7, ws=127.0.0.1:41233`.
    pub fn life(&self) -> String {
        let ws = self.addresses.get("ws").map_or("nowhere", String::as_str);
        format!("{} {}, incarnation {}, ws={ws}", self.node, self.state, self.incarnation)
    }

    /// All that it says of itself: `n1: admin=127.0.0.1:41234, …, version=0.1.0`.
    pub fn words(&self) -> String {
        let addresses = self.addresses.iter().map(|(name, address)| format!("{name}={address}"));
        let words: Vec<_> = addresses.chain(self.version.iter().map(|version| format!("version={version}"))).collect();
        format!("{}: {}", self.node, if words.is_empty() { "(nothing)".to_owned() } else { words.join(", ") })
    }

    /// What was exchanged with it: `n1 live, heard 7 ms ago: 3 sent, 2 received, 0 repeats`.
    pub fn traffic(&self) -> String {
        let heard = self.last_heard_ms.map_or_else(|| "never heard".to_owned(), |ms| format!("heard {ms} ms ago"));
        let Self { node, state, sent, received, repeats, .. } = self;
        format!("{node} {state}, {heard}: {sent} sent, {received} received, {repeats} repeats")
    }
}

/// In one line: `n1 live, n2 live (link up), n3 dead`.
impl fmt::Display for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let row = |row: &Member| {
            let link = row.link.as_ref().map_or_else(String::new, |link| format!(" (link {link})"));
            format!("{} {}{link}", row.node, row.state)
        };
        let rows: Vec<_> = self.members.iter().map(row).collect();
        f.write_str(if rows.is_empty() { "(no members)" } else { "" })?;
        f.write_str(&rows.join(", "))?;
        f.write_str(if self.duplicate { "; duplicate" } else { "" })?;
        let rejected: u64 = self.rejected.iter().map(|row| row.count).sum();
        if rejected > 0 { write!(f, "; {rejected} rejected") } else { Ok(()) }
    }
}

impl Node {
    /// `GET /cluster`, unrecorded.
    ///
    /// # Errors
    ///
    /// `WrongAnswer` if it is not as the contract has it.
    pub async fn cluster(&self) -> Result<Cluster, Failure> {
        let answer = self.admin().peek("/cluster").await?;
        serde_json::from_value(answer.body.clone()).map_err(|_| {
            self.admin().record(&answer);
            Failure::new(Observed::WrongAnswer, r#"{"node":…,"members":[…],…} as the wire has it"#)
        })
    }

    /// Looks at `/cluster` until `wanted` finds in it what it looks for; the story then has what it said last.
    ///
    /// # Errors
    ///
    /// What `wanted` failed with last.
    pub async fn cluster_until<T: Send>(
        &self,
        within: Duration,
        wanted: impl Fn(&Cluster) -> Result<T, Failure> + Send + Sync,
    ) -> Result<T, Failure> {
        self.cluster_told_until(within, Cluster::to_string, wanted).await
    }

    /// As [`cluster_until`](Self::cluster_until), where the story has all rows of `name`, as `told`.
    ///
    /// # Errors
    ///
    /// What `wanted` failed with last.
    pub async fn row_until<T: Send>(
        &self,
        within: Duration,
        name: &str,
        told: fn(&Member) -> String,
        wanted: impl Fn(&Cluster) -> Result<T, Failure> + Send + Sync,
    ) -> Result<T, Failure> {
        let rows = |cluster: &Cluster| {
            let rows: Vec<_> = cluster.members.iter().filter(|row| row.node == name).map(told).collect();
            if rows.is_empty() { format!("(no row for {name})") } else { rows.join("; ") }
        };
        self.cluster_told_until(within, rows, wanted).await
    }

    /// As [`cluster_until`](Self::cluster_until), where the story has what it said last as `told`.
    ///
    /// # Errors
    ///
    /// What `wanted` failed with last.
    pub async fn cluster_told_until<T: Send>(
        &self,
        within: Duration,
        told: impl Fn(&Cluster) -> String + Send + Sync,
        wanted: impl Fn(&Cluster) -> Result<T, Failure> + Send + Sync,
    ) -> Result<T, Failure> {
        let looked = eventually_each(ROUND, within, || async {
            let cluster = self.cluster().await.map_err(|failure| (failure, None))?;
            let found = wanted(&cluster).map_err(|failure| (failure, Some(told(&cluster))))?;
            Ok((found, told(&cluster)))
        });
        let (found, seen) = match looked.await {
            Ok((found, seen)) => (Ok(found), Some(seen)),
            Err((failure, seen)) => (Err(failure), seen),
        };
        if let Some(seen) = seen {
            self.admin().record_asked("GET /cluster");
            self.admin().record_seen(seen);
        }
        found
    }
}
