//! Kafka is away, or does not know the topic: said once, and looked after until it is over.

use std::sync::{Arc, Weak};
use std::time::Duration;

use contract::{Intake, Node};
use rdkafka::consumer::{Consumer as _, StreamConsumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use tokio_util::task::AbortOnDropHandle;

use crate::client::Callbacks;

/// Before the first look whether it is over; then twice as long each time.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// Between two looks, at most.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(1);
/// The name under which it is known to `/health`.
const KAFKA: &str = "kafka";

/// What is wrong, if anything is, and somebody who looks after it.
pub(crate) struct Trouble {
    node: Arc<Node>,
    consumer: Weak<StreamConsumer<Callbacks>>,
    known: Option<String>,
    look: Option<AbortOnDropHandle<()>>,
}

impl Trouble {
    /// None yet.
    pub fn new(consumer: &Arc<StreamConsumer<Callbacks>>, intake: &Intake) -> Self {
        // The reader lives as long as the consumer; what looks after trouble must not keep it from ending.
        Self { node: intake.node.clone(), consumer: Arc::downgrade(consumer), known: None, look: None }
    }

    // ANCHOR: meet
    /// Something went wrong. One line for each trouble, however often it is met.
    pub fn meet(&mut self, error: &KafkaError) {
        // ANCHOR: step-3-7-meet
        // Step 3.7: tell `/health` what is wrong and the log once, and begin to look whether it is over
        let _ = (error, reason, until_over, KAFKA);
        // ANCHOR_END: step-3-7-meet
    }
    // ANCHOR_END: meet

    /// Resolves once Kafka answers again. Cancel-safe.
    pub async fn over(&mut self) {
        match &mut self.look {
            // It is never aborted while it is waited for, and a panic in it is no reason to wait any longer.
            Some(look) => _ = look.await,
            None => std::future::pending().await,
        }
    }

    // ANCHOR: leave
    /// It is over.
    pub fn leave(&mut self) {
        // ANCHOR: step-3-7-leave
        // Step 3.7: `/health` is ok again
        // ANCHOR_END: step-3-7-leave
    }
    // ANCHOR_END: leave
}

/// What is wrong, for a person.
fn reason(error: &KafkaError, node: &Node) -> String {
    let kafka = &node.config.kafka;
    let brokers = kafka.brokers.as_deref().unwrap_or_default();
    match error.rdkafka_error_code() {
        Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic) => {
            format!("Kafka at {brokers} has no topic `{}`", kafka.topic)
        }
        Some(RDKafkaErrorCode::AllBrokersDown | RDKafkaErrorCode::BrokerTransportFailure) => {
            format!("Kafka at {brokers} is away")
        }
        _ => format!("Kafka at {brokers}: {error}"),
    }
}

// ANCHOR: until_over
/// Looks again and again, less and less often, until Kafka knows the topic. librdkafka connects and subscribes anew by itself; but when
/// nothing is written to the topic, only asking tells.
async fn until_over(consumer: Weak<StreamConsumer<Callbacks>>, topic: &'static str) {
    let mut pause = FIRST_PAUSE;
    loop {
        tokio::time::sleep(pause).await;
        pause = LONGEST_PAUSE.min(pause * 2);
        let consumer = consumer.clone();
        // The question waits for its answer on the thread that asks it.
        let is_there = tokio::task::spawn_blocking(move || {
            let found = consumer.upgrade()?.fetch_metadata(Some(topic), PATIENCE).ok()?;
            found.topics().iter().find(|found| found.name() == topic && found.error().is_none()).map(drop)
        });
        if matches!(is_there.await, Ok(Some(()))) {
            return;
        }
    }
}
// ANCHOR_END: until_over
