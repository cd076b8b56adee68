//! A client of a broker: one producer, one reader of what is there.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::admin::AdminClient;
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::BaseConsumer;
use rdkafka::error::KafkaResult;
use rdkafka::producer::FutureProducer;

use crate::error::BrokerError;
use crate::groups::Groups;
use crate::records::Consumers;

/// How long any one question to the broker may take. A broker that is away is told by then.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// What a request may bring, and what waits for the broker.
pub const MOST_BYTES: usize = 64 * 1024 * 1024;

/// A clone is the same client.
#[derive(Clone)]
pub struct Client {
    pub(crate) address: Arc<str>,
    pub(crate) producer: FutureProducer,
    pub(crate) reader: Arc<BaseConsumer>,
    pub(crate) admin: Arc<AdminClient<DefaultClientContext>>,
    pub(crate) groups: Arc<Groups>,
    pub(crate) consumers: Arc<Consumers>,
}

impl Client {
    /// A client of the broker at `address`, which need not be there yet.
    ///
    /// # Errors
    ///
    /// librdkafka's.
    pub fn new(address: &str) -> KafkaResult<Self> {
        let config = config(address);
        Ok(Self {
            address: address.into(),
            producer: producing(&config).create()?,
            reader: Arc::new(config.create()?),
            admin: Arc::new(config.create()?),
            groups: Arc::default(),
            consumers: Arc::default(),
        })
    }
}

/// What all clients share: none creates a topic by asking for it, and all notice soon that a broker is back.
pub fn config(address: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", address)
        .set("client.id", "broker")
        .set("allow.auto.create.topics", "false")
        .set("reconnect.backoff.ms", "20")
        .set("reconnect.backoff.max.ms", "100")
        .set("broker.address.family", "v4");
    config
}

/// What producers add to that.
pub fn producing(config: &ClientConfig) -> ClientConfig {
    let mut config = config.clone();
    config
        // Keeps the order when a request is repeated.
        .set("enable.idempotence", "true")
        // What is there goes at once; what comes meanwhile fills the next batch.
        .set("linger.ms", "0")
        // As Java's clients choose partitions.
        .set("partitioner", "murmur2_random")
        .set("message.timeout.ms", PATIENCE.as_millis().to_string())
        // A request's records always fit, so that the queue is never what refuses them.
        .set("queue.buffering.max.messages", "10000000")
        .set("queue.buffering.max.kbytes", (4 * MOST_BYTES / 1024).to_string())
        .set("message.max.bytes", "4000000");
    config
}

/// Runs what waits for the broker away from the tasks.
pub async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, BrokerError> + Send + 'static,
) -> Result<T, BrokerError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(BrokerError::Unavailable(error.to_string())))
}
