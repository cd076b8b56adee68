//! Topics: which there are, and how far their partitions reach.

use std::time::{Duration, Instant};

use rdkafka::admin::{AdminOptions, NewTopic, TopicReplication};
use rdkafka::consumer::Consumer;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::types::RDKafkaRespErr;
use serde::Serialize;

use crate::client::{Client, PATIENCE, blocking};
use crate::error::BrokerError;

/// How often a leader that is not there yet is looked for.
const RETRY: Duration = Duration::from_millis(20);

/// A row of the list.
#[derive(Debug, Serialize)]
pub struct Topic {
    pub topic: String,
    pub partitions: usize,
}

/// The offsets of a partition that exist: `low` up to, and without, `end`.
#[derive(Debug, Clone, Copy)]
pub struct Extent {
    pub partition: i32,
    pub low: i64,
    pub end: i64,
}

impl Client {
    /// All topics but the broker's own, by name. Blocks.
    pub fn topics(&self) -> Result<Vec<Topic>, BrokerError> {
        let metadata = self.reader.fetch_metadata(None, PATIENCE)?;
        let topics = metadata.topics().iter().filter(|topic| !topic.name().starts_with("__"));
        let row = |topic: &rdkafka::metadata::MetadataTopic| Topic {
            topic: topic.name().to_owned(),
            partitions: topic.partitions().len(),
        };
        let mut topics: Vec<_> = topics.map(row).collect();
        topics.sort_by(|a, b| a.topic.cmp(&b.topic));
        Ok(topics)
    }

    /// How many partitions a topic has. Blocks.
    pub fn partitions(&self, topic: &str) -> Result<usize, BrokerError> {
        let metadata = self.reader.fetch_metadata(Some(topic), PATIENCE)?;
        let found = metadata.topics().iter().find(|found| found.name() == topic);
        match found.map(|found| (found.error(), found.partitions().len())) {
            Some((None, partitions @ 1..)) => Ok(partitions),
            Some((Some(RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART), _)) | Some((None, 0)) | None => {
                Err(BrokerError::UnknownTopic(topic.to_owned()))
            }
            Some((Some(error), _)) => Err(BrokerError::Unavailable(RDKafkaErrorCode::from(error).to_string())),
        }
    }

    /// How far each partition of a topic reaches. Blocks.
    pub fn extents(&self, topic: &str) -> Result<Vec<Extent>, BrokerError> {
        let partitions = self.partitions(topic)? as i32;
        let extent = |partition| {
            let (low, end) = self.reader.fetch_watermarks(topic, partition, PATIENCE)?;
            Ok(Extent { partition, low, end })
        };
        (0..partitions).map(extent).collect()
    }

    /// Asks the broker for a new topic, and waits until all its partitions can be written to.
    pub async fn create_topic(&self, topic: &str, partitions: i32) -> Result<(), BrokerError> {
        let new = NewTopic::new(topic, partitions, TopicReplication::Fixed(1));
        refused(self.admin.create_topics([&new], &options()).await?)?;
        let (client, topic) = (self.clone(), topic.to_owned());
        blocking(move || client.await_leaders(&topic)).await
    }

    /// Apache Kafka answers that a topic is there before its partitions have their leader. An idempotent producer loses a record then: the
    /// first is refused, one that was sent right behind it is taken, and the first, sent again, is taken for one that is there already.
    fn await_leaders(&self, topic: &str) -> Result<(), BrokerError> {
        let until = Instant::now() + PATIENCE;
        loop {
            match self.extents(topic) {
                Err(error) if Instant::now() > until => return Err(error),
                Err(_) => std::thread::sleep(RETRY),
                Ok(_) => return Ok(()),
            }
        }
    }

    /// Asks the broker to remove a topic.
    pub async fn delete_topic(&self, topic: &str) -> Result<(), BrokerError> {
        refused(self.admin.delete_topics(&[topic], &options()).await?)
    }
}

/// The answer comes when the topic is there, or gone, and not when that is begun.
fn options() -> AdminOptions {
    AdminOptions::new().operation_timeout(Some(PATIENCE)).request_timeout(Some(PATIENCE))
}

fn refused(results: Vec<rdkafka::admin::TopicResult>) -> Result<(), BrokerError> {
    match results.into_iter().find_map(Result::err) {
        None => Ok(()),
        Some((topic, RDKafkaErrorCode::UnknownTopicOrPartition)) => Err(BrokerError::UnknownTopic(topic)),
        Some((_, RDKafkaErrorCode::InvalidTopic)) => Err(BrokerError::Malformed(String::from("no name for a topic"))),
        Some((_, code)) => Err(BrokerError::Unavailable(code.to_string())),
    }
}
