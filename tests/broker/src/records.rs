//! Records: written all at once, read back up to the end.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{Header, Headers, Message, OwnedHeaders};
use rdkafka::producer::FutureRecord;
use rdkafka::{Offset, TopicPartitionList};
use serde::{Deserialize, Serialize};

use crate::client::{Client, PATIENCE, config};
use crate::error::BrokerError;
use crate::topics::Extent;

/// A record to be written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewRecord {
    #[serde(default)]
    pub key: Option<String>,
    #[serde(default)]
    pub value: Option<String>,
    /// Otherwise the key decides, and without a key chance.
    #[serde(default)]
    pub partition: Option<i32>,
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// So many `x` take the place of the value's first `…`: whoever wants large records need not send them.
    #[serde(default)]
    pub fill: usize,
}

impl NewRecord {
    /// With its value as it is to be written.
    pub fn filled(mut self) -> Self {
        if self.fill > 0 {
            self.value = self.value.map(|value| value.replacen('…', &"x".repeat(self.fill), 1));
        }
        self
    }
}

/// Where a record went.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Place {
    pub partition: i32,
    pub offset: i64,
}

/// A record as it was read. What is not UTF-8 shows replacement characters.
#[derive(Debug, Serialize)]
pub struct Record {
    partition: i32,
    offset: i64,
    key: Option<String>,
    value: Option<String>,
    headers: BTreeMap<String, String>,
}

impl Client {
    /// Writes `records` in order, and gives their places once the broker has acknowledged all.
    ///
    /// # Errors
    ///
    /// `Unavailable` if one was not acknowledged; those before and after it may have been written.
    pub async fn produce(&self, topic: &str, records: &[NewRecord]) -> Result<Vec<Place>, BrokerError> {
        let send = |record| self.producer.send_result(native(topic, record)).map_err(|(error, _)| error);
        let sent = records.iter().map(send).collect::<Result<Vec<_>, KafkaError>>()?;
        let mut places = Vec::with_capacity(sent.len());
        for delivery in sent {
            let gone = |_| BrokerError::Unavailable(String::from("the producer has ended"));
            let delivery = delivery.await.map_err(gone)?.map_err(|(error, _)| error)?;
            places.push(Place { partition: delivery.partition, offset: delivery.offset });
        }
        Ok(places)
    }

    /// Reads the records of all partitions from offset `from` up to `extents`, by partition and offset. Blocks.
    pub fn read(&self, topic: &str, from: i64, extents: &[Extent]) -> Result<Vec<Record>, BrokerError> {
        let mut wanted: BTreeMap<i32, i64> = BTreeMap::new();
        let mut assignment = TopicPartitionList::new();
        for extent in extents.iter().filter(|extent| from.max(extent.low) < extent.end) {
            assignment.add_partition_offset(topic, extent.partition, Offset::Offset(from.max(extent.low)))?;
            wanted.insert(extent.partition, extent.end);
        }
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let consumer = self.consumers.take(&self.address)?;
        consumer.assign(&assignment)?;
        let mut records = collect(&consumer, wanted)?;
        consumer.unassign()?;
        self.consumers.give_back(consumer);
        records.sort_by_key(|record| (record.partition, record.offset));
        Ok(records)
    }
}

/// Consumers that nobody uses now: the next reader need not connect, and none waits until one is closed.
#[derive(Default)]
pub struct Consumers(Mutex<Vec<BaseConsumer>>);

impl Consumers {
    fn take(&self, address: &str) -> Result<BaseConsumer, BrokerError> {
        let idle = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Ok(idle.map_or_else(|| reading(address).create(), Ok)?)
    }

    fn give_back(&self, consumer: BaseConsumer) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(consumer);
    }
}

fn reading(address: &str) -> rdkafka::ClientConfig {
    let mut config = config(address);
    config
        // It is never joined, but librdkafka assigns nothing to a consumer without one.
        .set("group.id", "broker-reads")
        .set("enable.auto.commit", "false")
        .set("auto.offset.reset", "error")
        // An answer that waits for records would hold up the next reader.
        .set("fetch.wait.max.ms", "10")
        // Says where a partition ends whose last offsets bear no record, such as a transaction's marks.
        .set("enable.partition.eof", "true");
    config
}

/// Polls until each partition of `wanted` is read up to its end.
fn collect(consumer: &BaseConsumer, mut wanted: BTreeMap<i32, i64>) -> Result<Vec<Record>, BrokerError> {
    let deadline = Instant::now() + PATIENCE;
    let (mut records, mut trouble) = (Vec::new(), String::from("not all records came in time"));
    while !wanted.is_empty() {
        match consumer.poll(deadline.saturating_duration_since(Instant::now())) {
            None => return Err(BrokerError::Unavailable(trouble)),
            Some(Err(KafkaError::PartitionEOF(partition))) => _ = wanted.remove(&partition),
            // A connection that broke, perhaps since the last reader: librdkafka makes another.
            Some(Err(error)) => trouble = error.to_string(),
            Some(Ok(message)) => {
                let end = wanted.get(&message.partition()).copied().unwrap_or_default();
                if message.offset() < end {
                    records.push(record(&message));
                }
                if message.offset() + 1 >= end {
                    wanted.remove(&message.partition());
                }
            }
        }
    }
    Ok(records)
}

fn native<'a>(topic: &'a str, record: &'a NewRecord) -> FutureRecord<'a, str, str> {
    let mut native = FutureRecord::to(topic);
    native.key = record.key.as_deref();
    native.payload = record.value.as_deref();
    native.partition = record.partition;
    let header = |headers: OwnedHeaders, (key, value): (&'a String, &'a String)| {
        headers.insert(Header { key, value: Some(value.as_str()) })
    };
    native.headers = (!record.headers.is_empty()).then(|| record.headers.iter().fold(OwnedHeaders::new(), header));
    native
}

fn record(message: &impl Message) -> Record {
    let text = |bytes: Option<&[u8]>| bytes.map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    let headers = message.headers().into_iter().flat_map(Headers::iter);
    Record {
        partition: message.partition(),
        offset: message.offset(),
        key: text(message.key()),
        value: text(message.payload()),
        headers: headers.map(|header| (header.key.to_owned(), text(header.value).unwrap_or_default())).collect(),
    }
}
