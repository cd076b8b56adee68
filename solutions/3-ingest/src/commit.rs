//! How far the group knows that records are decided.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::consumer::{CommitMode, Consumer as _};
use rdkafka::error::KafkaResult;
use tokio::time::Instant;

use crate::client;
use crate::consumer::Reader;

/// What is committed, and what is about to be. One commit is under way at a time, so none can overtake another.
#[derive(Debug, Default)]
pub(crate) struct Commits {
    done: BTreeMap<i32, i64>,
    under_way: Option<Vec<(i32, i64)>>,
    waiting_since: Option<Instant>,
}

impl Commits {
    /// Something was decided that the group does not know of.
    pub fn note_decision(&mut self) {
        self.waiting_since.get_or_insert_with(Instant::now);
    }

    /// How long the oldest decision has waited.
    pub fn age(&self) -> Duration {
        self.waiting_since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// Whether one has not ended yet.
    pub fn is_under_way(&self) -> bool {
        self.under_way.is_some()
    }

    /// A commit has ended.
    pub fn ended(&mut self, result: KafkaResult<()>) {
        let Some(positions) = self.under_way.take() else { return };
        match result {
            Ok(()) => self.done.extend(positions),
            // The next one tries again; where the broker is away, that is told elsewhere.
            Err(error) => tracing::debug!(%error, "a commit failed"),
        }
    }
}

impl Reader<'_> {
    // ANCHOR: commit
    /// Begins to commit what is decided and not committed, unless a commit is under way; `Event::Committed` ends it.
    pub fn commit(&mut self) {
        // ANCHOR: step-3-3-commit
        // BEFORE 3.3: ask each partition's ledger for its position, and hand librdkafka those that are new
        //| let _ = (client::positions, CommitMode::Async);
        let position = |(partition, ledger): (&i32, &crate::ledger::Ledger)| Some((*partition, ledger.position()?));
        let is_new = |(partition, position): &(i32, i64)| self.commits.done.get(partition) != Some(position);
        let positions: Vec<_> = self.ledgers.iter().filter_map(position).filter(is_new).collect();
        if positions.is_empty() || self.commits.is_under_way() {
            return;
        }
        let topic = self.intake.node.config.kafka.topic.as_str();
        let begun =
            client::positions(topic, &positions).and_then(|list| self.consumer.commit(&list, CommitMode::Async));
        match begun {
            Ok(()) => (self.commits.under_way, self.commits.waiting_since) = (Some(positions), None),
            Err(error) => tracing::debug!(%error, "a commit could not begin"),
        }
        // ANCHOR_END: step-3-3-commit
    }
    // ANCHOR_END: commit
}
