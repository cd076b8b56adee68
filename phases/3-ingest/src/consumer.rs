//! The loop that reads, and everything it waits for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use contract::{Ingest, Intake, MissingUser, Outcome};
use futures_util::future::{BoxFuture, FutureExt};
use futures_util::stream::StreamExt;
use rdkafka::Message as _;
use rdkafka::consumer::{Consumer as _, MessageStream, StreamConsumer};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::BorrowedMessage;
use tokio::sync::{mpsc, watch};
use tokio::time::{interval, timeout};

use crate::answers::{Answers, Told};
use crate::client::{self, Callbacks, Event};
use crate::commit::Commits;
use crate::dead::{DeadLetters, Letter};
use crate::lanes::Lanes;
use crate::ledger::Ledger;
use crate::record::{Place, Reason, Record, decode, place_of};
use crate::room::Room;
use crate::trouble::Trouble;

/// Records read in a row before anything else is looked at: few, so that they are written while the processor's cache still has them.
const BATCH: usize = 32;
/// How often the gauges are set that nothing else moves, and dead letters tried again that were refused.
const ROUND: Duration = Duration::from_millis(500);
/// How long a node that stops waits until the group knows; librdkafka goes on for longer, with its own threads.
const GOODBYE: Duration = Duration::from_millis(250);

/// Reads a topic as a member of the cluster's group, and brings each record to the user that it names.
pub struct Consumer;

impl Ingest for Consumer {
    fn run(&self, intake: Intake) -> BoxFuture<'static, ()> {
        run(intake).boxed()
    }
}

async fn run(intake: Intake) {
    let answers = Arc::<Answers>::default();
    let made =
        client::consumer(&intake.node).and_then(|made| Ok((made, DeadLetters::new(&intake.node.config, &answers)?)));
    let ((consumer, events), letters) = match made {
        Ok(made) => made,
        Err(error) => {
            tracing::error!(%error, "cannot read from Kafka");
            return intake.node.health.ill("kafka", format!("cannot read from Kafka: {error}"));
        }
    };
    let consumer = Arc::new(consumer);
    Reader::new(&intake, &consumer, events, answers, &letters).read().await;
    consumer.context().close();
    // Both wait for their threads, which a task must not. Only the consumer says goodbye: the others take over at once then.
    tokio::task::spawn_blocking(move || drop(letters));
    let left = tokio::task::spawn_blocking(move || drop(consumer));
    if timeout(GOODBYE, left).await.is_err() {
        tracing::debug!("the broker was not told that this node leaves its group");
    }
}

/// A member of the group at work.
pub(crate) struct Reader<'a> {
    pub intake: &'a Intake,
    pub consumer: &'a Arc<StreamConsumer<Callbacks>>,
    stream: MessageStream<'a, Callbacks>,
    pub events: mpsc::Receiver<Event>,
    pub answers: Arc<Answers>,
    pub lanes: Lanes,
    letters: &'a DeadLetters,
    /// Dead letters that are neither buried nor returned.
    pub letters_under_way: usize,
    returned: Vec<Arc<Letter>>,
    /// By partition: those that are this node's.
    pub ledgers: BTreeMap<i32, Ledger>,
    pub room: Room,
    pub paused: watch::Receiver<bool>,
    pub is_paused: bool,
    /// Paused since they came.
    pub unread: BTreeSet<i32>,
    pub commits: Commits,
    trouble: Trouble,
}

impl<'a> Reader<'a> {
    fn new(
        intake: &'a Intake,
        consumer: &'a Arc<StreamConsumer<Callbacks>>,
        events: mpsc::Receiver<Event>,
        answers: Arc<Answers>,
        letters: &'a DeadLetters,
    ) -> Self {
        let kafka = &intake.node.config.kafka;
        Self {
            intake,
            consumer,
            stream: consumer.stream(),
            events,
            lanes: Lanes::new(intake.deliver.clone(), answers.clone()),
            answers,
            letters,
            letters_under_way: 0,
            returned: Vec::new(),
            ledgers: BTreeMap::new(),
            room: Room::new(kafka.max_undecided, kafka.max_undecided_bytes),
            paused: intake.paused.clone(),
            is_paused: false,
            unread: BTreeSet::new(),
            commits: Default::default(),
            trouble: Trouble::new(consumer, intake),
        }
    }

    /// Reads until the node stops.
    async fn read(mut self) {
        let kafka = &self.intake.node.config.kafka;
        if let Err(error) = self.consumer.subscribe(&[kafka.topic.as_str()]) {
            return tracing::error!(%error, "cannot subscribe");
        }
        let (mut commits, mut rounds) = (interval(kafka.commit_interval), interval(ROUND));
        let mut batch = Vec::new();
        loop {
            tokio::select! {
                () = self.intake.stop.cancelled() => return self.stop().await,
                Some(event) = self.events.recv() => self.heed(event).await,
                Some(read) = self.stream.next() => {
                    if let Err(error) = self.take_batch(read).await {
                        // Step 3.7: librdkafka goes on trying; do not give up before it does, and tell once
                        tracing::error!(%error, "cannot read from Kafka");
                        return;
                    }
                }
                () = self.answers.take(&mut batch) => self.hear(&mut batch),
                () = self.lanes.due() => self.lanes.retry(),
                _ = commits.tick() => self.commit(),
                _ = self.commits.ended() => {}
                _ = rounds.tick() => self.look_round(),
                // An error means that nobody is left who could pause.
                Ok(()) = self.paused.changed() => {}
                () = self.trouble.over() => self.trouble.leave(),
            }
            self.govern();
        }
    }

    /// Takes a record, and those that have arrived behind it.
    async fn take_batch(&mut self, read: KafkaResult<BorrowedMessage<'a>>) -> Result<(), KafkaError> {
        self.take(&read?).await;
        for _ in 1..BATCH {
            if self.room.is_crowded() {
                break;
            }
            match self.stream.next().now_or_never() {
                Some(Some(read)) => self.take(&read?).await,
                _ => break,
            }
        }
        Ok(())
    }

    /// Takes one record.
    async fn take(&mut self, raw: &BorrowedMessage<'_>) {
        let (place, bytes) = (place_of(raw), raw.payload().map_or(0, <[u8]>::len));
        // What was read ahead of a partition that has been taken away is for its next owner.
        let Some(ledger) = self.ledgers.get_mut(&place.partition) else { return };
        ledger.begin(place.offset, bytes);
        self.room.take(bytes);
        // Step 3.1: decode it; a record is delivered, anything else is buried
        let _ = (decode, Letter::new, Self::deliver, Self::bury);
        todo!("step 3.1: decode it, and deliver or bury what comes out")
    }

    /// Brings a record to its user.
    async fn deliver(&mut self, record: Record) {
        // Step 3.3: what has become of it decides whether its offset may be committed: wait for it, then `finish` the record
        let completion = contract::Completion::new(|_outcome| {});
        self.intake.deliver.submit(&record.message, completion);
    }

    /// Heeds what has become of records.
    pub fn hear(&mut self, batch: &mut Vec<Told>) {
        for told in batch.drain(..) {
            match told {
                Told::Outcome(ticket) => {
                    if let Some((record, outcome)) = self.lanes.told(&ticket) {
                        self.finish(record, outcome);
                    }
                }
                Told::Buried(place) => {
                    self.letters_under_way -= 1;
                    self.intake.node.stats.ingest.dead_lettered.increment();
                    self.decide(place);
                }
                Told::Returned(letter, error) => {
                    self.letters_under_way -= 1;
                    self.keep_returned(letter, &error);
                }
            }
        }
    }

    /// Counts a record whose outcome decides it, and decides it; a record without a user may have to be buried first.
    fn finish(&mut self, record: Record, outcome: Outcome) {
        let ingest = &self.intake.node.stats.ingest;
        if outcome == Outcome::Written {
            ingest.written.increment();
            return self.decide(record.place);
        }
        ingest.not_connected.increment();
        match self.intake.node.config.kafka.missing_user {
            MissingUser::Drop => self.decide(record.place),
            MissingUser::DeadLetter => self.bury(Arc::new(record.into_letter(Reason::NotConnected))),
        }
    }

    fn decide(&mut self, place: Place) {
        // Decided too late: the partition is another node's.
        let Some(ledger) = self.ledgers.get_mut(&place.partition) else { return };
        if let Some(bytes) = ledger.decide(place.offset) {
            self.room.free(bytes);
            self.commits.note_decision();
        }
    }

    fn bury(&mut self, letter: Arc<Letter>) {
        self.letters_under_way += 1;
        self.letters.bury(letter);
    }

    fn keep_returned(&mut self, letter: Arc<Letter>, error: &KafkaError) {
        if self.returned.is_empty() {
            tracing::warn!(%error, "a dead letter could not be written; trying again");
            self.intake.node.health.ill("dead letters", format!("dead letters cannot be written: {error}"));
        }
        self.returned.push(letter);
    }

    /// What has to be done now and then.
    fn look_round(&mut self) {
        if !self.returned.is_empty() {
            self.intake.node.health.well("dead letters");
        }
        std::mem::take(&mut self.returned).into_iter().for_each(|letter| self.bury(letter));
        self.intake.node.stats.ingest.commit_age_ms.set(self.commits.age().as_millis() as u64);
    }
}
