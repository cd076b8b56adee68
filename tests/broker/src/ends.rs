//! The two ends that a benchmark needs and that speak Kafka, as processes of their own: a consumer that only counts, and a producer that
//! keeps a pace.

use std::sync::OnceLock;
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};
use rdkafka::{ClientContext, Offset, TopicPartitionList};
use rustix::time::{ClockId, clock_gettime};
use serde_json::json;

use crate::client::{PATIENCE, config, producing};

/// One of them.
#[derive(Debug, clap::Subcommand)]
pub enum End {
    /// Read a topic from its beginning and count, then tell as JSON what that took
    #[command(hide = true)]
    Count(Count),
    /// Write a record for each user, then more for users in turn, so many a second; each says when it was written
    #[command(hide = true)]
    Pace(Pace),
}

/// What to count.
#[derive(Debug, clap::Args)]
pub struct Count {
    #[arg(long)]
    kafka: String,
    #[arg(long)]
    topic: String,
    /// How many records there are, or will be
    #[arg(long)]
    records: u64,
}

/// What to write.
#[derive(Debug, clap::Args)]
pub struct Pace {
    #[arg(long)]
    kafka: String,
    #[arg(long)]
    topic: String,
    /// They are called user-0, user-1 …
    #[arg(long)]
    users: u64,
    #[arg(long)]
    records: u64,
    /// Records a second
    #[arg(long)]
    rate: u32,
    /// Of a payload: `"t=`, twelve digits of microseconds, and what fills it up
    #[arg(long)]
    bytes: usize,
    /// When those microseconds began, in microseconds since 1970
    #[arg(long)]
    since: u64,
}

impl End {
    /// Does it. Blocks.
    ///
    /// # Errors
    ///
    /// The broker is not there, or too slow.
    pub fn run(&self) -> Result<()> {
        match self {
            Self::Count(count) => count.run(),
            Self::Pace(pace) => pace.run(),
        }
    }
}

impl Count {
    fn run(&self) -> Result<()> {
        let mut config = config(&self.kafka);
        // It is never joined, but librdkafka assigns nothing to a consumer without one.
        config.set("group.id", "broker-counts").set("enable.auto.commit", "false");
        let consumer: BaseConsumer = config.create()?;
        let metadata = consumer.fetch_metadata(Some(&self.topic), PATIENCE)?;
        let topic = metadata.topics().first().context("the broker does not know the topic")?;
        let mut all = TopicPartitionList::new();
        for partition in topic.partitions() {
            all.add_partition_offset(&self.topic, partition.id(), Offset::Beginning)?;
        }
        let (began, cpu) = (Instant::now(), cpu());
        consumer.assign(&all)?;
        for read in 0..self.records {
            let record = consumer.poll(PATIENCE);
            record.with_context(|| format!("{read} of {} records have come", self.records))??;
        }
        println!(
            "{}",
            json!({"seconds": began.elapsed().as_secs_f64(), "cpu_seconds": (self::cpu() - cpu).as_secs_f64()})
        );
        Ok(())
    }
}

impl Pace {
    fn run(&self) -> Result<()> {
        let producer: BaseProducer<Refused> = producing(&config(&self.kafka)).create_with_context(Refused::default())?;
        producer.client().fetch_metadata(Some(&self.topic), PATIENCE)?;
        // An idempotent producer asks for its number first, and may ask again half a second later: no pace begins with that.
        for user in 0..self.users {
            self.send(&producer, user)?;
        }
        producer.flush(PATIENCE)?;
        let (began, apart) = (Instant::now(), Duration::from_secs(1) / self.rate);
        for number in 0..self.records {
            let due = began + apart * u32::try_from(number)?;
            sleep(due.saturating_duration_since(Instant::now()));
            self.send(&producer, number % self.users)?;
            // So that what was acknowledged is forgotten.
            producer.poll(Duration::ZERO);
        }
        producer.flush(PATIENCE)?;
        ensure!(producer.in_flight_count() == 0, "the broker does not acknowledge");
        match producer.context().0.get() {
            Some(error) => Err(error.clone()).context("a record was not written"),
            None => Ok(()),
        }
    }

    fn send(&self, producer: &BaseProducer<Refused>, user: u64) -> Result<()> {
        let since = UNIX_EPOCH + Duration::from_micros(self.since);
        let (user, now_us) = (format!("user-{user}"), SystemTime::now().duration_since(since)?.as_micros());
        let payload = format!("{:x<1$}", format!("\"t={now_us:012}"), self.bytes - 1) + "\"";
        let value = format!(r#"{{"user_id":"{user}","payload":{payload}}}"#);
        let record = BaseRecord::to(&self.topic).key(&user).payload(&value);
        producer.send(record).map_err(|(error, _)| error)?;
        Ok(())
    }
}

/// Keeps why the first record was not written.
#[derive(Default)]
struct Refused(OnceLock<KafkaError>);

impl ClientContext for Refused {}

impl ProducerContext for Refused {
    type DeliveryOpaque = ();

    fn delivery(&self, told: &DeliveryResult<'_>, (): ()) {
        if let Err((error, _)) = told {
            self.0.get_or_init(|| error.clone());
        }
    }
}

/// What all threads of this process have used.
fn cpu() -> Duration {
    let used = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(used.tv_sec.unsigned_abs(), used.tv_nsec.unsigned_abs() as u32)
}
