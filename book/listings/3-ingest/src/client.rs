//! How librdkafka is set up, and what it calls back for.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use contract::{Config, Node, Stats};
use rdkafka::client::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, StreamConsumer};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::statistics::Statistics;
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{Offset, TopicPartitionList};
use tokio::sync::mpsc;

/// What the group has to say between two records.
#[derive(Debug)]
pub enum Event {
    /// These partitions are this node's as well, once it calls `incremental_assign`.
    Assigned(TopicPartitionList),
    /// These are to go to others, who get them when this node has called `incremental_unassign`.
    Revoked(TopicPartitionList),
}

/// The group waits for an answer to the one before the next comes: one would do.
const EVENTS: usize = 4;

/// Turns callbacks into events. They run while the loop polls, and must not wait for anything that the loop has to do.
pub struct Callbacks {
    events_tx: mpsc::Sender<Event>,
    stats: Arc<Stats>,
    closing: AtomicBool,
}

/// A member of the group that has not subscribed yet, and what it has to say.
///
/// # Errors
///
/// librdkafka refuses a setting, or finds no room for its threads.
pub fn consumer(node: &Node) -> KafkaResult<(StreamConsumer<Callbacks>, mpsc::Receiver<Event>)> {
    let (events_tx, events) = mpsc::channel(EVENTS);
    let callbacks = Callbacks { events_tx, stats: node.stats.clone(), closing: AtomicBool::new(false) };
    let kafka = &node.config.kafka;
    let session_ms = kafka.session_timeout.as_millis();
    let kib = (kafka.max_undecided_bytes / 1024).clamp(1, 2_097_151);
    let consumer = common(&node.config)
        .set("group.id", &kafka.group)
        // A new group begins with what is there already.
        .set("auto.offset.reset", "earliest")
        // Only what is decided may be committed, and librdkafka does not know what that is.
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("session.timeout.ms", session_ms.to_string())
        // Also how soon this node learns that another wants to join.
        .set("heartbeat.interval.ms", (session_ms / 10).max(1).to_string())
        // Only those partitions change hands that have to; nobody stops for the others.
        .set("partition.assignment.strategy", "cooperative-sticky")
        // What librdkafka reads ahead is memory as well.
        .set("queued.min.messages", kafka.max_undecided.min(100_000).to_string())
        .set("queued.max.messages.kbytes", kib.to_string())
        .set("fetch.queue.backoff.ms", "10")
        .set("fetch.wait.max.ms", "100")
        // A topic that is created later is found within so many.
        .set("topic.metadata.refresh.interval.ms", "1000")
        .set("statistics.interval.ms", "1000")
        .create_with_context(callbacks)?;
    Ok((consumer, events))
}

/// What a consumer and a producer of this node have in common.
pub fn common(config: &Config) -> ClientConfig {
    let mut common = ClientConfig::new();
    common
        .set("bootstrap.servers", config.kafka.brokers.as_deref().unwrap_or_default())
        .set("client.id", config.node.to_string())
        // The defaults wait for up to 10 s before they look again.
        .set("reconnect.backoff.ms", "50")
        .set("reconnect.backoff.max.ms", "1000");
    common
}

impl Callbacks {
    /// From now on nobody answers events: partitions are given back as they are revoked.
    pub fn close(&self) {
        self.closing.store(true, Ordering::Relaxed);
    }

    fn tell(&self, event: Event) {
        // Nobody listens any more once the loop has ended; that there is room while it runs, see EVENTS.
        let _ = self.events_tx.try_send(event);
    }
}

impl ConsumerContext for Callbacks {
    /// Only tells the loop, which answers in its own time: what is under way is settled first. The default would answer here.
    fn rebalance(&self, consumer: &BaseConsumer<Self>, what: RDKafkaRespErr, partitions: &mut TopicPartitionList) {
        if self.closing.load(Ordering::Relaxed) {
            // An error means that there is nothing to give back.
            let _ = consumer.incremental_unassign(partitions);
        } else if what == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            self.tell(Event::Assigned(partitions.clone()));
        } else {
            self.tell(Event::Revoked(partitions.clone()));
        }
    }
}

impl ClientContext for Callbacks {
    /// Each attempt to connect has a line here. What a person should know of it, `trouble` says once.
    fn log(&self, _level: RDKafkaLogLevel, facility: &str, line: &str) {
        tracing::debug!(facility, line, "librdkafka");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "librdkafka");
    }

    fn stats(&self, statistics: Statistics) {
        let partitions = statistics.topics.values().flat_map(|topic| topic.partitions.values());
        // Below 0 where it is not known yet, or where the partition is another node's.
        let lag: i64 = partitions.map(|partition| partition.consumer_lag.max(0)).sum();
        self.stats.ingest.lag.set(lag.unsigned_abs());
    }
}

/// A list of positions for librdkafka, of one topic.
///
/// # Errors
///
/// None that a partition of this node can meet.
pub fn positions(topic: &str, positions: &[(i32, i64)]) -> KafkaResult<TopicPartitionList> {
    let mut list = TopicPartitionList::new();
    for (partition, position) in positions {
        list.add_partition_offset(topic, *partition, Offset::Offset(*position))?;
    }
    Ok(list)
}

/// The numbers of the partitions in a list.
pub fn numbers(list: &TopicPartitionList) -> BTreeSet<i32> {
    list.elements().iter().map(|element| element.partition()).collect()
}
