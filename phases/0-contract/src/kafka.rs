//! The flags of a node that reads records from Kafka, from phase 3 on.

use std::time::Duration;

use clap::{Args, ValueEnum};

use super::config::{at_least_one, duration};
use crate::Topic;

/// Where records come from, and how carefully they are brought on.
#[derive(Debug, Clone, Args)]
pub struct Kafka {
    /// Brokers to read records from, as host:port; use commas [default: none, no records are read]
    #[arg(long = "kafka", env = "ROUTER_KAFKA", value_name = "BROKERS")]
    pub brokers: Option<String>,

    /// The topic whose records name users
    #[arg(long = "kafka-topic", env = "ROUTER_KAFKA_TOPIC", default_value = "messages")]
    #[arg(value_parser = topic)]
    pub topic: Topic,

    /// The consumer group that all nodes of a cluster are in
    #[arg(long = "kafka-group", env = "ROUTER_KAFKA_GROUP", default_value = "router")]
    pub group: String,

    /// The topic that records go to which cannot be brought to anybody
    #[arg(long = "kafka-dead-topic", env = "ROUTER_KAFKA_DEAD_TOPIC")]
    #[arg(value_parser = topic, default_value = "messages.dead")]
    pub dead_topic: Topic,

    /// A node that is not heard of for so long loses its partitions to the others
    #[arg(long = "kafka-session-timeout", env = "ROUTER_KAFKA_SESSION_TIMEOUT")]
    #[arg(value_parser = duration, default_value = "6s")]
    pub session_timeout: Duration,

    /// How often to commit how far the records are decided
    #[arg(long, env = "ROUTER_COMMIT_INTERVAL", value_parser = duration, default_value = "200ms")]
    pub commit_interval: Duration,

    /// What becomes of a record whose user is not connected
    #[arg(long, env = "ROUTER_MISSING_USER", value_enum, default_value = "drop")]
    pub missing_user: MissingUser,

    /// How many records may be taken and not yet decided
    #[arg(long, env = "ROUTER_MAX_UNDECIDED", default_value_t = 10_000, value_parser = at_least_one)]
    pub max_undecided: usize,

    /// How many bytes those may have
    #[arg(long, env = "ROUTER_MAX_UNDECIDED_BYTES", default_value_t = 16_777_216, value_parser = at_least_one)]
    pub max_undecided_bytes: usize,

    /// Begin paused: read nothing until POST /ingest/resume
    #[arg(long, env = "ROUTER_INGEST_PAUSED", value_parser = clap::builder::FalseyValueParser::new())]
    #[arg(num_args = 0, default_missing_value = "true", default_value = "false", hide_default_value = true)]
    pub ingest_paused: bool,
}

/// What becomes of a record whose user is not connected: it is counted either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum MissingUser {
    /// Nothing.
    Drop,
    /// It goes to the dead-letter topic.
    DeadLetter,
}

impl Kafka {
    /// What no single flag can know to be wrong.
    ///
    /// # Errors
    ///
    /// A sentence that names the flags and says what to change.
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.topic == self.dead_topic {
            return Err("--kafka-dead-topic must not be --kafka-topic, or a dead letter would be read again".into());
        }
        if self.commit_interval.is_zero() {
            return Err("--commit-interval must be longer than nothing".into());
        }
        if self.session_timeout < SHORTEST_SESSION {
            return Err(format!("--kafka-session-timeout must be at least {} ms", SHORTEST_SESSION.as_millis()));
        }
        Ok(())
    }
}

/// Several heartbeats have to fit in, and a settling revocation.
const SHORTEST_SESSION: Duration = Duration::from_millis(100);

fn topic(text: &str) -> Result<Topic, String> {
    Topic::parse(text).ok_or_else(|| "write 1 to 249 letters, digits, '.', '_' or '-'".into())
}
