//! A Kafka broker for checks, by the control routes of the program `broker`; nothing here speaks Kafka.
//!
//! One process serves a whole run: each check takes a handle with its own story ([`Broker::told_in`]), topics of its own
//! ([`Broker::topic`]) and groups of its own ([`unique`]). A fault is everybody's, so a check that takes the broker away starts
//! one for itself. What the broker refuses is no fault of the node's: such a check is skipped, with the broker's words.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;
use std::process;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::harness::admin::{Admin, Answer};
use crate::harness::failure::Failure;
use crate::harness::process::Process;
use crate::harness::story::{Story, show_text};

/// The mock cluster needs milliseconds; Apache Kafka ten seconds on a busy machine, and as long to be fetched.
const READY_WITHIN: Duration = Duration::from_secs(180);
/// The broker gives up after five seconds; bringing Apache Kafka back takes longer.
const ANSWER_WITHIN: Duration = Duration::from_secs(70);
/// Who it is, in the story.
const NAME: &str = "kafka";
/// Who asks.
const ASKER: &str = "test";

/// A running broker. A clone is another handle; a process that was started here ends with the last one.
#[derive(Debug, Clone)]
pub struct Broker {
    kafka: String,
    control: Admin,
    story: Story,
    process: Option<Arc<Process>>,
}

/// A record to be written.
#[derive(Debug, Clone, Default, Serialize)]
pub struct NewRecord {
    /// Who it is for.
    pub key: Option<String>,
    /// What it says; none is a tombstone.
    pub value: Option<String>,
    /// Otherwise the key decides, as it does for Java's clients.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partition: Option<i32>,
    /// By name.
    pub headers: BTreeMap<String, String>,
    /// The broker puts so many `x` in place of the value's first `…`.
    pub fill: usize,
}

/// Where a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
pub struct Place {
    /// Its partition.
    pub partition: i32,
    /// Its offset there.
    pub offset: i64,
}

/// A record as it was read.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct Record {
    /// Where it is.
    #[serde(flatten)]
    pub place: Place,
    /// Its key.
    pub key: Option<String>,
    /// Its value.
    pub value: Option<String>,
    /// By name.
    pub headers: BTreeMap<String, String>,
}

/// How far a group is in one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Progress {
    /// The partition.
    pub partition: i32,
    /// The offset of the next record to read; none if nothing was committed.
    pub committed: Option<i64>,
    /// The offset that the next record written will have.
    pub end: i64,
}

/// A topic that there is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct Topic {
    /// Its name.
    pub topic: String,
    /// How many partitions it has.
    pub partitions: u32,
}

/// A name that no other check has, of this run or another, as `prefix-…`: for groups, and for topics that are not to exist.
pub fn unique(prefix: &str) -> String {
    static RUN: OnceLock<u32> = OnceLock::new();
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let run = RUN.get_or_init(|| {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        (now.as_millis() as u32).wrapping_add(process::id().rotate_left(16))
    });
    format!("{prefix}-{run:x}-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

impl NewRecord {
    /// A record with a key and a value.
    pub fn new(key: impl Into<String>, value: impl Into<String>) -> Self {
        Self { key: Some(key.into()), value: Some(value.into()), ..Self::default() }
    }

    /// For this partition, whatever the key.
    pub fn to_partition(self, partition: i32) -> Self {
        Self { partition: Some(partition), ..self }
    }
}

impl std::fmt::Display for NewRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let value = self.value.as_deref().map_or_else(|| String::from("(no value)"), show_text);
        write!(f, "{}: {value}", self.key.as_deref().unwrap_or("(no key)"))
    }
}

impl std::fmt::Display for Progress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let committed = self.committed.map_or_else(|| String::from("none"), |offset| offset.to_string());
        write!(f, "partition {}: {committed} of {}", self.partition, self.end)
    }
}

impl Broker {
    /// Starts the program `broker`; without `args`, with the mock cluster. Its story is its own until [`told_in`](Self::told_in).
    ///
    /// # Errors
    ///
    /// A skip with its last words, if it does not come up.
    pub async fn start(binary: &Path, args: &[&str]) -> Result<Self, Failure> {
        let args = [args, &["--until-eof"]].concat();
        let process = Process::start(binary, &args)
            .map_err(|error| Failure::skip(format!("{} cannot be started: {error}", binary.display())))?;
        let Ok(Some(ready)) = timeout(READY_WITHIN, process.ready()).await else {
            return Err(Failure::skip(format!("the broker does not start: {}", last_words(&process).await)));
        };
        match (ready.address("kafka"), ready.address("control")) {
            (Some(kafka), Some(control)) => {
                let broker = Self::connect(&Story::begin(), &kafka.to_string(), control);
                Ok(Self { process: Some(Arc::new(process)), ..broker })
            }
            _ => Err(Failure::skip("the broker did not say where it is")),
        }
    }

    /// A handle on a broker whose control routes are at `control`, and which somebody else ends.
    pub fn connect(story: &Story, kafka: &str, control: SocketAddr) -> Self {
        let admin = Admin::new(story, NAME, control).patient(ANSWER_WITHIN);
        Self { kafka: kafka.to_owned(), control: admin, story: story.clone(), process: None }
    }

    /// The same broker, told of in another story.
    pub fn told_in(&self, story: &Story) -> Self {
        Self { story: story.clone(), ..self.clone() }
    }

    /// What a node is given as `--kafka`.
    pub fn address(&self) -> &str {
        &self.kafka
    }

    /// Its process, if it was started here: signals.
    pub fn process(&self) -> Option<&Process> {
        self.process.as_deref()
    }

    /// Where its control routes are.
    pub fn control(&self) -> SocketAddr {
        self.control.address()
    }

    /// Creates a topic with a name of its own.
    ///
    /// # Errors
    ///
    /// A skip, as for all that the broker is asked.
    pub async fn topic(&self, partitions: u32) -> Result<String, Failure> {
        let topic = unique("messages");
        self.create(&topic, partitions).await?;
        Ok(topic)
    }

    /// Creates a topic of this name, unless it is there.
    ///
    /// # Errors
    ///
    /// A skip.
    pub async fn create(&self, topic: &str, partitions: u32) -> Result<(), Failure> {
        self.record_asked(format!("create {topic}, {partitions} partition{}", plural(partitions as usize)));
        self.ask("PUT", &format!("/topics/{topic}"), Some(json!({"partitions": partitions}))).await.map(drop)
    }

    /// The topics that there are, unrecorded.
    ///
    /// # Errors
    ///
    /// A skip.
    pub async fn topics(&self) -> Result<Vec<Topic>, Failure> {
        self.list("/topics", "topics").await
    }

    /// Writes a record, recorded.
    ///
    /// # Errors
    ///
    /// A skip.
    pub async fn produce(&self, topic: &str, record: NewRecord) -> Result<Place, Failure> {
        self.record_asked(record.to_string());
        let places = self.produce_quietly(topic, &[record]).await?;
        places.first().copied().ok_or_else(|| Failure::skip("the broker did not say where the record is"))
    }

    /// Writes records in order, told in one line, and waits until all are acknowledged.
    ///
    /// # Errors
    ///
    /// A skip; with the mock cluster also if a partition would be full.
    pub async fn produce_all(&self, topic: &str, records: &[NewRecord]) -> Result<Vec<Place>, Failure> {
        self.record_asked(show_many(records));
        self.produce_quietly(topic, records).await
    }

    /// As [`produce_all`](Self::produce_all) without a trace in the story, for floods.
    ///
    /// # Errors
    ///
    /// A skip.
    pub async fn produce_quietly(&self, topic: &str, records: &[NewRecord]) -> Result<Vec<Place>, Failure> {
        let answer = self.ask("POST", &format!("/topics/{topic}/records"), Some(json!({"records": records}))).await?;
        parsed(&answer, "records")
    }

    /// The records of a topic, by partition and offset; recorded.
    ///
    /// # Errors
    ///
    /// A skip.
    pub async fn records(&self, topic: &str) -> Result<Vec<Record>, Failure> {
        self.record_asked(format!("read {topic}"));
        let records = self.peek(topic).await?;
        self.record_seen(format!("{} record{}", records.len(), plural(records.len())));
        Ok(records)
    }

    /// As [`records`](Self::records) without a trace in the story, for polling.
    ///
    /// # Errors
    ///
    /// A skip.
    pub async fn peek(&self, topic: &str) -> Result<Vec<Record>, Failure> {
        self.peek_from(topic, 0).await
    }

    /// As [`peek`](Self::peek), of each partition only what has this offset or a later one.
    ///
    /// # Errors
    ///
    /// A skip.
    pub async fn peek_from(&self, topic: &str, offset: i64) -> Result<Vec<Record>, Failure> {
        self.list(&format!("/topics/{topic}/records?from={offset}"), "records").await
    }

    /// How far a group is in each partition of a topic; recorded.
    ///
    /// # Errors
    ///
    /// A skip.
    pub async fn committed(&self, group: &str, topic: &str) -> Result<Vec<Progress>, Failure> {
        self.record_asked(String::from("what is committed?"));
        let progress = self.peek_committed(group, topic).await?;
        for row in &progress {
            self.record_seen(row.to_string());
        }
        Ok(progress)
    }

    /// As [`committed`](Self::committed) without a trace in the story, for polling.
    ///
    /// # Errors
    ///
    /// A skip.
    pub async fn peek_committed(&self, group: &str, topic: &str) -> Result<Vec<Progress>, Failure> {
        self.list(&format!("/groups/{group}/offsets?topic={topic}"), "offsets").await
    }

    /// Takes the broker away, with all connections to it; recorded.
    ///
    /// # Errors
    ///
    /// A skip.
    pub async fn down(&self) -> Result<(), Failure> {
        self.record_asked(String::from("go away"));
        self.fault(json!({"down": true})).await
    }

    /// Brings it back, with what it kept; recorded.
    ///
    /// # Errors
    ///
    /// A skip.
    pub async fn up(&self) -> Result<(), Failure> {
        self.record_asked(String::from("come back"));
        self.fault(json!({"down": false})).await
    }

    /// Delays each of the mock cluster's answers; recorded.
    ///
    /// # Errors
    ///
    /// A skip.
    pub async fn delay(&self, delay: Duration) -> Result<(), Failure> {
        self.record_asked(format!("answer {} ms late", delay.as_millis()));
        self.fault(json!({"delay_ms": delay.as_millis() as u64})).await
    }

    /// Lets the mock cluster answer the next requests of a kind, such as `OffsetCommit`, with Kafka's error codes; recorded.
    ///
    /// # Errors
    ///
    /// A skip.
    pub async fn fail(&self, api: &str, codes: &[i32]) -> Result<(), Failure> {
        self.record_asked(format!("answer {api} with errors {codes:?}"));
        self.fault(json!({"errors": {"api": api, "codes": codes}})).await
    }

    /// Lets the mock cluster hold back its answers to the next requests of a kind, such as `JoinGroup`, each for so many milliseconds.
    /// Unrecorded: nobody should see a difference.
    ///
    /// # Errors
    ///
    /// A skip.
    pub async fn hold_back(&self, api: &str, delays_ms: &[u16]) -> Result<(), Failure> {
        self.fault(json!({"held_back": {"api": api, "delays_ms": delays_ms}})).await
    }

    /// Adds what was seen at the broker to the story.
    pub fn record_seen(&self, text: impl AsRef<str>) {
        self.story.record(NAME, ASKER, text);
    }

    /// Adds what is asked of the broker to the story.
    pub fn record_asked(&self, text: impl AsRef<str>) {
        self.story.record(ASKER, NAME, text);
    }

    async fn fault(&self, fault: Value) -> Result<(), Failure> {
        self.ask("POST", "/faults", Some(fault)).await.map(drop)
    }

    async fn list<T: DeserializeOwned>(&self, path: &str, name: &str) -> Result<Vec<T>, Failure> {
        parsed(&self.ask("GET", path, None).await?, name)
    }

    async fn ask(&self, method: &str, path: &str, body: Option<Value>) -> Result<Answer, Failure> {
        let body = body.map_or_else(Bytes::new, |body| Bytes::from(body.to_string()));
        let answer = self.control.ask(method, path, &[("content-type", "application/json")], body).await;
        match answer {
            Ok(answer) if answer.status < 300 => Ok(answer),
            Ok(answer) => Err(Failure::skip(format!("the broker says {}", answer.told()))),
            Err(_) => Err(Failure::skip(format!("the broker does not answer {method} {path}"))),
        }
    }
}

fn parsed<T: DeserializeOwned>(answer: &Answer, name: &str) -> Result<Vec<T>, Failure> {
    let rows = answer.body.get(name).cloned().unwrap_or_default();
    serde_json::from_value(rows).map_err(|error| Failure::skip(format!("the broker's answer: {error}")))
}

/// `60 records for bob, 59 kB each`.
fn show_many(records: &[NewRecord]) -> String {
    let users: BTreeSet<_> = records.iter().map(|record| record.key.as_deref().unwrap_or("nobody")).collect();
    let users: Vec<_> = users.into_iter().collect();
    let sizes = records.iter().map(|record| (record.value.as_ref().map_or(0, String::len) + record.fill) / 1000);
    let size = match (sizes.clone().min(), sizes.max()) {
        (_, None | Some(0)) => String::new(),
        (Some(least), Some(most)) if least < most => format!(", up to {most} kB each"),
        (_, Some(most)) => format!(", {most} kB each"),
    };
    format!("{} record{} for {}{size}", records.len(), plural(records.len()), users.join(", "))
}

async fn last_words(process: &Process) -> String {
    // One that still runs has said nothing by which it could be known.
    let _ = timeout(Duration::from_millis(100), process.last_words()).await;
    process.report(NAME).last_lines.join(" ")
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}
