//! Dead letters: records that cannot be brought to anybody, kept for a person to look at.

use std::sync::Arc;

use contract::{Config, Topic};
use rdkafka::Message as _;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::{BorrowedMessage, DeliveryResult, Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, ProducerContext, ThreadedProducer};

use crate::answers::{Answers, Told};
use crate::client;
use crate::record::{Place, Reason, place_of};

/// A record on its way to the dead-letter topic, unchanged.
#[derive(Debug)]
pub struct Letter {
    /// Where it stood.
    pub place: Place,
    /// Why it is dead.
    pub reason: Reason,
    /// Its key, if it had one.
    pub key: Option<Vec<u8>>,
    /// Its value, if it had one.
    pub value: Option<Vec<u8>>,
}

/// Writes dead letters, and tells what has become of each. Dropping it gives up what is under way.
pub struct DeadLetters {
    producer: ThreadedProducer<Delivered>,
    topic: Topic,
    source: Topic,
    answers: Arc<Answers>,
}

struct Delivered(Arc<Answers>);

impl Letter {
    /// A record that could not be read.
    pub fn new(raw: &BorrowedMessage<'_>, reason: Reason) -> Self {
        let owned = |bytes: Option<&[u8]>| bytes.map(<[u8]>::to_vec);
        Self { place: place_of(raw), reason, key: owned(raw.key()), value: owned(raw.payload()) }
    }
}

impl DeadLetters {
    /// A producer for the dead-letter topic of `config`.
    ///
    /// # Errors
    ///
    /// librdkafka refuses a setting, or finds no room for its threads.
    pub fn new(config: &Config, answers: &Arc<Answers>) -> KafkaResult<Self> {
        let producer = client::common(config)
            // A letter that is lost with its broker would be decided and nowhere.
            .set("acks", "all")
            // Once is enough, though it is written again when no answer came.
            .set("enable.idempotence", "true")
            // Of two, the leader of a new topic may refuse the first and take the second; the first, sent again, it then takes for one that it
            // has, and it would be nowhere, too.
            .set("max.in.flight.requests.per.connection", "1")
            // For as long as it takes: the record stays undecided meanwhile.
            .set("message.timeout.ms", "0")
            // Whatever could be read can be written.
            .set("message.max.bytes", "100000000")
            .set("linger.ms", "1")
            .create_with_context(Delivered(answers.clone()))?;
        Ok(Self { producer, topic: config.kafka.dead_topic, source: config.kafka.topic, answers: answers.clone() })
    }

    // ANCHOR: bury
    /// Hands a letter to the producer, without waiting: [`Told::Buried`] comes once it is in its topic, [`Told::Returned`] if it does not
    /// get there.
    pub fn bury(&self, letter: Arc<Letter>) {
        // ANCHOR: step-3-2-bury
        // BEFORE 3.2: key and value as they were, the headers `reason` and `source`, and the letter itself to know it by
        //| tracing::warn!(place = ?letter.place, reason = letter.reason.as_str(), "skipped a record");
        let source = format!("{}/{}/{}", self.source, letter.place.partition, letter.place.offset);
        let headers = OwnedHeaders::new()
            .insert(Header { key: "reason", value: Some(letter.reason.as_str()) })
            .insert(Header { key: "source", value: Some(&source) });
        let mut record =
            BaseRecord::<[u8], [u8], _>::with_opaque_to(self.topic.as_str(), letter.clone()).headers(headers);
        record.key = letter.key.as_deref();
        record.payload = letter.value.as_deref();
        if let Err((error, _)) = self.producer.send(record) {
            self.answers.tell(Told::Returned(letter.clone(), error));
        }
        // ANCHOR_END: step-3-2-bury
    }
    // ANCHOR_END: bury
}

impl ProducerContext for Delivered {
    type DeliveryOpaque = Arc<Letter>;

    fn delivery(&self, result: &DeliveryResult<'_>, letter: Arc<Letter>) {
        self.0.tell(match result {
            Ok(_) => Told::Buried(letter.place),
            Err((error, _)) => Told::Returned(letter, error.clone()),
        });
    }
}

impl ClientContext for Delivered {
    fn log(&self, _level: RDKafkaLogLevel, facility: &str, line: &str) {
        tracing::debug!(facility, line, "librdkafka");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "librdkafka");
    }
}
