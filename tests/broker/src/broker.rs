//! One of three brokers.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use serde::Deserialize;
use tokio::net::lookup_host;
use tokio::sync::Mutex;

use crate::args::Args;
use crate::client::{Client, blocking};
use crate::error::BrokerError;
use crate::groups::Progress;
use crate::mock::Mock;
use crate::real::Real;
use crate::records::{NewRecord, Place, Record};
use crate::topics::Topic;

/// A broker, and a client of it.
pub struct Broker {
    client: Client,
    kind: Kind,
}

enum Kind {
    Mock(Mock),
    /// Its process comes and goes by faults, one after the other.
    Real(Box<Mutex<Real>>),
    Existing,
}

/// What may be done to a broker, each by itself or together.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Faults {
    down: Option<bool>,
    delay_ms: Option<u64>,
    errors: Option<Errors>,
    held_back: Option<HeldBack>,
}

/// The next answers to a kind of request.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Errors {
    api: String,
    codes: Vec<i32>,
}

/// The next answers to a kind of request come so much later.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct HeldBack {
    api: String,
    delays_ms: Vec<u16>,
}

impl Broker {
    /// Starts what the arguments ask for; a broker that exists need not answer.
    pub async fn start(args: &Args) -> Result<Self> {
        let (address, kind) = if let Some(address) = &args.kafka {
            (resolved(address).await?, Kind::Existing)
        } else if args.real {
            let real = Real::start(&args.cache, args.kafka_port).await?;
            (real.address(), Kind::Real(Box::new(Mutex::new(real))))
        } else {
            let mock = Mock::start(args.kafka_port).await?;
            (mock.address, Kind::Mock(mock))
        };
        Ok(Self { client: Client::new(&address.to_string())?, kind })
    }

    /// Where clients find it.
    pub fn address(&self) -> &str {
        &self.client.address
    }

    pub async fn topics(&self) -> Result<Vec<Topic>, BrokerError> {
        let client = self.client.clone();
        blocking(move || client.topics()).await
    }

    /// Creates a topic unless it is there.
    pub async fn create_topic(&self, topic: &str, partitions: i32) -> Result<(), BrokerError> {
        if partitions < 1 {
            return Err(BrokerError::Malformed(String::from("a topic has one partition at least")));
        }
        match self.partitions(topic).await {
            Ok(there) if there == partitions as usize => Ok(()),
            Ok(partitions) => Err(BrokerError::Exists { topic: topic.to_owned(), partitions }),
            Err(BrokerError::UnknownTopic(_)) => match &self.kind {
                Kind::Mock(mock) => mock.create_topic(topic, partitions),
                Kind::Real(_) | Kind::Existing => self.client.create_topic(topic, partitions).await,
            },
            Err(error) => Err(error),
        }
    }

    pub async fn delete_topic(&self, topic: &str) -> Result<(), BrokerError> {
        match &self.kind {
            Kind::Mock(_) => Err(BrokerError::Unsupported("the mock cluster cannot delete topics")),
            Kind::Real(_) | Kind::Existing => self.client.delete_topic(topic).await,
        }
    }

    /// Writes records in order, and gives their places once the broker has acknowledged all.
    pub async fn produce(&self, topic: &str, records: &[NewRecord]) -> Result<Vec<Place>, BrokerError> {
        let partitions = self.partitions(topic).await?;
        let there = |partition: &i32| usize::try_from(*partition).is_ok_and(|partition| partition < partitions);
        let asked = records.iter().filter_map(|record| record.partition);
        if let Some(partition) = asked.into_iter().find(|partition| !there(partition)) {
            return Err(BrokerError::UnknownPartition { topic: topic.to_owned(), partition });
        }
        let Kind::Mock(mock) = &self.kind else { return self.client.produce(topic, records).await };
        mock.capacity.take(topic, records)?;
        let places = self.client.produce(topic, records).await;
        mock.capacity.settle(topic, records, places.as_deref().ok());
        places
    }

    /// All records from an offset on, up to the ends as they are now.
    pub async fn records(&self, topic: String, from: i64) -> Result<Vec<Record>, BrokerError> {
        let (client, keeps_all) = (self.client.clone(), matches!(self.kind, Kind::Mock(_)));
        blocking(move || {
            let extents = client.extents(&topic)?;
            if keeps_all && extents.iter().any(|extent| extent.low > from) {
                let message =
                    format!("{topic} was written more than the mock cluster keeps: the oldest records are gone");
                return Err(BrokerError::Full(message));
            }
            client.read(&topic, from, &extents)
        })
        .await
    }

    /// How far a group is in a topic.
    pub async fn progress(&self, group: String, topic: String) -> Result<Vec<Progress>, BrokerError> {
        let client = self.client.clone();
        blocking(move || client.progress(&group, &topic)).await
    }

    /// Does to the broker what is asked.
    pub async fn fault(&self, faults: &Faults) -> Result<(), BrokerError> {
        match &self.kind {
            Kind::Mock(mock) => fault_mock(mock, faults),
            Kind::Real(real) => fault_real(&mut *real.lock().await, faults).await,
            Kind::Existing => Err(BrokerError::Unsupported("a broker that others use is left alone")),
        }
    }

    /// Ends what was started.
    pub async fn end(&self) {
        if let Kind::Real(real) = &self.kind
            // A fault under way: the guard ends it as soon as this process is gone.
            && let Ok(mut real) = real.try_lock()
        {
            real.end().await;
        }
    }

    async fn partitions(&self, topic: &str) -> Result<usize, BrokerError> {
        let (client, topic) = (self.client.clone(), topic.to_owned());
        blocking(move || client.partitions(&topic)).await
    }
}

/// The address behind a name: what is told when a broker is ready is always an address.
async fn resolved(name: &str) -> Result<SocketAddr> {
    let mut found = lookup_host(name).await.with_context(|| format!("`{name}` is no HOST:PORT that can be found"))?;
    found.find(SocketAddr::is_ipv4).with_context(|| format!("`{name}` has no address of IPv4"))
}

fn fault_mock(mock: &Mock, faults: &Faults) -> Result<(), BrokerError> {
    if let Some(errors) = &faults.errors {
        mock.fail(&errors.api, &errors.codes)?;
    }
    if let Some(held_back) = &faults.held_back {
        mock.hold_back(&held_back.api, &held_back.delays_ms)?;
    }
    if let Some(delay) = faults.delay_ms {
        mock.delay(Duration::from_millis(delay))?;
    }
    faults.down.map_or(Ok(()), |down| mock.set_down(down))
}

async fn fault_real(real: &mut Real, faults: &Faults) -> Result<(), BrokerError> {
    if faults.delay_ms.is_some() || faults.errors.is_some() || faults.held_back.is_some() {
        return Err(BrokerError::Unsupported("only the mock cluster delays and fails at will"));
    }
    match faults.down {
        Some(true) => real.stop().await,
        Some(false) => real.run().await,
        None => Ok(()),
    }
    .map_err(|error| BrokerError::Unavailable(format!("{error:#}")))
}
