//! librdkafka's mock cluster: one broker in this process's memory, which others reach over TCP like any other.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use rdkafka::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, DefaultProducerContext, Producer};
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

use crate::capacity::Capacity;
use crate::error::BrokerError;
use crate::{native, relay};

/// The id of the only broker.
const BROKER: i32 = 1;

/// The mock cluster. Dropping it ends it, with all that it keeps.
pub struct Mock {
    /// Owns the cluster, and produces nothing.
    owner: BaseProducer,
    pub capacity: Capacity,
    pub address: SocketAddr,
}

impl Mock {
    /// Starts it, on a port of one's choice, or one of the system's if that is 0.
    pub async fn start(port: u16) -> Result<Self> {
        let owner: BaseProducer = ClientConfig::new().set("test.mock.num.brokers", "1").create()?;
        native::rebalance_at_once(&owner);
        let own = owner.client().mock_cluster().context("librdkafka made no mock cluster")?.bootstrap_servers();
        let own: SocketAddr = own.parse().with_context(|| format!("the mock cluster is at `{own}`"))?;
        let address = match port {
            0 => own,
            _ => relay::start(port, own).await?,
        };
        native::advertise(&owner, BROKER, address);
        Ok(Self { owner, capacity: Capacity::default(), address })
    }

    /// Creates a topic.
    pub fn create_topic(&self, topic: &str, partitions: i32) -> Result<(), BrokerError> {
        self.cluster()?.create_topic(topic, partitions, 1).map_err(refused)
    }

    /// Takes the broker away, with its connections, or back.
    pub fn set_down(&self, down: bool) -> Result<(), BrokerError> {
        let cluster = self.cluster()?;
        if down { cluster.broker_down(BROKER) } else { cluster.broker_up(BROKER) }.map_err(refused)
    }

    /// Delays each of its answers.
    pub fn delay(&self, delay: Duration) -> Result<(), BrokerError> {
        self.cluster()?.broker_round_trip_time(BROKER, delay).map_err(refused)
    }

    /// Holds back the answers to the next requests of a kind, each for so many milliseconds, in order.
    pub fn hold_back(&self, api: &str, delays_ms: &[u16]) -> Result<(), BrokerError> {
        let api = known(api)?;
        delays_ms.iter().for_each(|delay| native::hold_back(&self.owner, BROKER, api, i32::from(*delay)));
        Ok(())
    }

    /// Answers the next requests of a kind with these errors, in order; none takes back those that are left.
    pub fn fail(&self, api: &str, codes: &[i32]) -> Result<(), BrokerError> {
        let api = known(api)?;
        let code = |code: &i32| {
            RDKafkaRespErr::try_from(*code).map_err(|_| BrokerError::Malformed(format!("{code} is no code of Kafka's")))
        };
        let codes = codes.iter().map(code).collect::<Result<Vec<_>, _>>()?;
        let cluster = self.cluster()?;
        match codes.is_empty() {
            true => cluster.clear_request_errors(api),
            false => cluster.request_errors(api, &codes),
        }
        Ok(())
    }

    fn cluster(&self) -> Result<MockCluster<'_, DefaultProducerContext>, BrokerError> {
        let gone = || BrokerError::Unavailable(String::from("there is no mock cluster"));
        self.owner.client().mock_cluster().ok_or_else(gone)
    }
}

/// What a consumer or a producer asks of the cluster.
const APIS: [RDKafkaApiKey; 12] = [
    RDKafkaApiKey::Produce,
    RDKafkaApiKey::Fetch,
    RDKafkaApiKey::ListOffsets,
    RDKafkaApiKey::Metadata,
    RDKafkaApiKey::OffsetCommit,
    RDKafkaApiKey::OffsetFetch,
    RDKafkaApiKey::FindCoordinator,
    RDKafkaApiKey::JoinGroup,
    RDKafkaApiKey::Heartbeat,
    RDKafkaApiKey::LeaveGroup,
    RDKafkaApiKey::SyncGroup,
    RDKafkaApiKey::InitProducerId,
];

fn known(api: &str) -> Result<RDKafkaApiKey, BrokerError> {
    let unknown = || BrokerError::Malformed(format!("`{api}` is no request that the mock cluster knows"));
    APIS.iter().copied().find(|known| format!("{known:?}") == api).ok_or_else(unknown)
}

fn refused(error: KafkaError) -> BrokerError {
    match error {
        KafkaError::MockCluster(RDKafkaErrorCode::InvalidTopic) => {
            BrokerError::Malformed(String::from("no name for a topic"))
        }
        error => error.into(),
    }
}
