//! Reading pauses, for all partitions at once: when an operator wants it, and when too much is undecided.

use std::time::Duration;

use rdkafka::TopicPartitionList;
use rdkafka::consumer::Consumer as _;
use rdkafka::error::KafkaResult;

use crate::client;
use crate::consumer::Reader;

/// How long a leader may take to be asked, only so that librdkafka looks at its partition.
const ASKED: Duration = Duration::from_millis(500);

impl Reader<'_> {
    // ANCHOR: govern
    /// Pauses or resumes all partitions, as an operator and the room that is left want it.
    pub fn govern(&mut self) {
        let ingest = &self.intake.node.stats.ingest;
        ingest.in_flight.set(self.room.records() as u64);
        let pause = *self.paused.borrow() || self.room.is_crowded();
        if pause != self.is_paused {
            self.is_paused = pause;
            self.apply_pause();
        }
    }
    // ANCHOR_END: govern

    /// Tells librdkafka, of all partitions that are this node's now.
    fn apply_pause(&mut self) {
        let consumer = self.consumer;
        let applied = consumer.assignment().and_then(|own| match self.is_paused {
            true => consumer.pause(&own),
            false => consumer.resume(&own).and_then(|()| self.wake()),
        });
        if let Err(error) = applied {
            tracing::error!(%error, "cannot pause or resume");
        }
        self.count_paused();
    }

    /// librdkafka looks at a resumed partition in its next round, which may be a second away. A seek to where it stands wakes it up; where
    /// it was paused from the beginning, any question to its leader does.
    fn wake(&mut self) -> KafkaResult<()> {
        let topic = self.intake.node.config.kafka.topic.as_str();
        let unread = std::mem::take(&mut self.unread);
        if !unread.is_empty() {
            let (consumer, topic) = (self.consumer.clone(), topic.to_owned());
            let ask = move |partition| consumer.fetch_watermarks(&topic, partition, ASKED).is_ok();
            tokio::task::spawn_blocking(move || unread.into_iter().all(ask));
        }
        let stands = self.consumer.position()?;
        let known = stands.elements().into_iter().filter_map(|own| Some((own.partition(), own.offset().to_raw()?)));
        // Below 0: nothing was read of it yet.
        let known: Vec<_> = known.filter(|(_, offset)| *offset >= 0).collect();
        if known.is_empty() {
            return Ok(());
        }
        self.consumer.seek_partitions(client::positions(topic, &known)?, Duration::ZERO).map(drop)
    }

    /// Partitions that have just come are as paused as the others.
    pub fn pause_also(&mut self, partitions: &TopicPartitionList) -> KafkaResult<()> {
        self.count_paused();
        if !self.is_paused {
            return Ok(());
        }
        self.unread.extend(client::numbers(partitions));
        self.consumer.pause(partitions)
    }

    /// As many as there are, or none.
    pub fn count_paused(&self) {
        let paused = if self.is_paused { self.ledgers.len() } else { 0 };
        self.intake.node.stats.ingest.paused_partitions.set(paused as u64);
    }
}
