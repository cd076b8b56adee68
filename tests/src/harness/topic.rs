//! A topic as a check of phase 3 handles it: with a group and dead letters of its own, on a broker that others may share.

use std::path::PathBuf;
use std::time::Duration;

use serde::de::IgnoredAny;
use serde_json::json;

use crate::Observed;
use crate::harness::broker::{Broker, NewRecord, Place, Progress, Record, unique};
use crate::harness::eventually::eventually;
use crate::harness::failure::Failure;
use crate::harness::large::LARGE_BYTES;
use crate::harness::story::{Story, shorten};

/// What a story shows of a payload or of what is none.
const SHORT: usize = 24;

/// How brokers come to be.
#[derive(Debug, Clone)]
pub struct Brokers {
    /// The program `broker`.
    pub program: PathBuf,
    /// What it is told for the broker that the checks of a run share; nothing makes it a mock cluster.
    pub shared: Vec<String>,
}

/// The broker that the checks of a run share, and how others are made.
#[derive(Debug, Clone)]
pub struct Kafka {
    program: PathBuf,
    shared: Broker,
    /// Whether the shared one is a mock cluster.
    pub is_mock: bool,
}

/// A topic that nobody else has.
#[derive(Debug, Clone)]
pub struct Topic {
    broker: Broker,
    /// Its name.
    pub name: String,
}

impl Kafka {
    /// Starts the broker that is shared.
    ///
    /// # Errors
    ///
    /// A skip, if it does not come up.
    pub async fn start(brokers: &Brokers) -> Result<Self, Failure> {
        let told: Vec<&str> = brokers.shared.iter().map(String::as_str).collect();
        let shared = Broker::start(&brokers.program, &told).await?;
        Ok(Self { program: brokers.program.clone(), shared, is_mock: told.is_empty() })
    }

    /// The shared one, told of in this story.
    pub fn shared(&self, story: &Story) -> Broker {
        self.shared.told_in(story)
    }

    /// Another one, which may go away without harm to others: a mock cluster, whatever the shared one is, since that is back in no time.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub async fn another(&self, story: &Story) -> Result<Broker, Failure> {
        Ok(Broker::start(&self.program, &[]).await?.told_in(story))
    }
}

/// A record for a user, whose payload is JSON already: the key names the user, and so does the value.
pub fn record_for(user: &str, payload: &str) -> NewRecord {
    NewRecord::new(user, value(user, payload))
}

/// A record for a user whose payload is [`large`](crate::harness::large()), made so by the broker.
pub fn large_record_for(user: &str, number: usize) -> NewRecord {
    let number = number.to_string();
    NewRecord { fill: LARGE_BYTES - number.len(), ..record_for(user, &format!("\"{number} …\"")) }
}

/// `{"user_id":"…","payload":…}`
pub fn value(user: &str, payload: &str) -> String {
    format!(r#"{{"user_id":{},"payload":{payload}}}"#, json!(user))
}

impl Topic {
    /// A topic on this broker, created.
    ///
    /// # Errors
    ///
    /// A skip, as for all that the broker is asked.
    pub async fn new(broker: &Broker, partitions: u32) -> Result<Self, Failure> {
        let topic = Self::unborn(broker);
        topic.create(partitions).await?;
        Ok(topic)
    }

    /// A topic that does not exist yet; its dead-letter topic does not either.
    pub fn unborn(broker: &Broker) -> Self {
        Self { broker: broker.clone(), name: unique("messages") }
    }

    /// Creates it, and the one for its dead letters.
    ///
    /// # Errors
    ///
    /// A skip.
    pub async fn create(&self, partitions: u32) -> Result<(), Failure> {
        self.broker.create(&self.name, partitions).await?;
        // Untold: there is nothing to see in it.
        self.broker.told_in(&Story::begin()).create(&self.dead(), 1).await
    }

    /// Where its broker is.
    pub fn kafka(&self) -> &str {
        self.broker.address()
    }

    /// The flags of a node that reads it.
    pub fn flags(&self) -> Vec<String> {
        let flags = [
            ("--kafka", self.broker.address().to_owned()),
            ("--kafka-topic", self.name.clone()),
            ("--kafka-group", self.name.clone()),
            ("--kafka-dead-topic", self.dead()),
        ];
        flags.into_iter().flat_map(|(flag, value)| [flag.to_owned(), value]).collect()
    }

    fn dead(&self) -> String {
        format!("{}.dead", self.name)
    }

    /// Writes records, and tells each; gives where they are.
    ///
    /// # Errors
    ///
    /// A skip.
    pub async fn produce(&self, records: &[NewRecord]) -> Result<Vec<Place>, Failure> {
        records.iter().for_each(|record| self.broker.record_asked(show(record)));
        self.broker.produce_quietly(&self.name, records).await
    }

    /// Writes many records, told as their number.
    ///
    /// # Errors
    ///
    /// A skip.
    pub async fn produce_many(&self, records: &[NewRecord]) -> Result<Vec<Place>, Failure> {
        self.broker.produce_all(&self.name, records).await
    }

    /// What is in its dead-letter topic, unrecorded.
    ///
    /// # Errors
    ///
    /// A skip.
    pub async fn dead_letters(&self) -> Result<Vec<Record>, Failure> {
        self.broker.peek(&self.dead()).await
    }

    /// How far the group has come, by partition, unrecorded.
    ///
    /// # Errors
    ///
    /// A skip.
    pub async fn progress(&self) -> Result<Vec<Progress>, Failure> {
        self.broker.peek_committed(&self.name, &self.name).await
    }

    /// What is committed of one partition; 0 when nothing is.
    ///
    /// # Errors
    ///
    /// A skip.
    pub async fn committed(&self, partition: i32) -> Result<i64, Failure> {
        let progress = self.progress().await?;
        let own = progress.iter().find(|progress| progress.partition == partition);
        Ok(own.and_then(|own| own.committed).unwrap_or(0))
    }

    /// Waits until all that is written to it is committed.
    ///
    /// # Errors
    ///
    /// `observed`; the story then ends with what is committed.
    pub async fn all_committed(&self, within: Duration, observed: Observed) -> Result<(), Failure> {
        let look = || async {
            let progress = self.progress().await.map_err(|failure| (failure, Vec::new()))?;
            let done = progress.iter().all(|own| own.committed.unwrap_or(0) == own.end);
            if done { Ok(()) } else { Err((Failure::new(observed, "everything committed"), progress)) }
        };
        eventually(within, look).await.map_err(|(failure, progress)| {
            self.record_progress(&progress);
            failure
        })
    }

    /// Tells how far the group has come, where there is anything to tell.
    pub fn record_progress(&self, progress: &[Progress]) {
        let told: Vec<_> = progress.iter().filter(|own| own.end > 0).map(ToString::to_string).collect();
        self.record_seen(format!("committed: {}", told.join(", ")));
    }

    /// Adds something to the story that the broker has said.
    pub fn record_seen(&self, text: impl AsRef<str>) {
        self.broker.record_seen(text);
    }
}

/// By its payload, where it has one.
fn show(record: &NewRecord) -> String {
    let (key, value) = (record.key.as_deref().unwrap_or("(no key)"), record.value.as_deref());
    if let Some(value) = value.filter(|value| serde_json::from_str::<IgnoredAny>(value).is_err()) {
        return format!("{key}: {} (no JSON)", shorten(value, SHORT));
    }
    let payload =
        value.and_then(|value| value.split_once(r#","payload":"#)).map(|(_, rest)| rest.trim_end_matches('}'));
    match payload {
        Some(payload) if payload.len() <= SHORT => format!("{key}: {payload}"),
        _ => record.to_string(),
    }
}
