//! How far the group knows that records are decided.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rdkafka::consumer::{CommitMode, Consumer as _};
use rdkafka::error::KafkaResult;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::client;
use crate::consumer::Reader;
use crate::ledger::Ledger;

/// Partitions, each with the offset from which another would have to begin.
type Positions = Vec<(i32, i64)>;

/// What is committed, and what is about to be. One commit is under way at a time, so none can overtake another.
#[derive(Debug, Default)]
pub(crate) struct Commits {
    done: BTreeMap<i32, i64>,
    under_way: Option<JoinHandle<KafkaResult<Positions>>>,
    // The oldest decision in what is under way, and the oldest behind it.
    committing_since: Option<Instant>,
    waiting_since: Option<Instant>,
}

impl Commits {
    /// Something was decided that the group does not know of.
    pub fn note_decision(&mut self) {
        self.waiting_since.get_or_insert_with(Instant::now);
    }

    /// What is committed of these partitions is another node's business from now on.
    pub fn forget(&mut self, partitions: &BTreeSet<i32>) {
        self.done.retain(|partition, _| !partitions.contains(partition));
    }

    /// How long the oldest decision has waited.
    pub fn age(&self) -> Duration {
        self.committing_since.or(self.waiting_since).map_or(Duration::ZERO, |since| since.elapsed())
    }

    fn begin(&mut self, commit: JoinHandle<KafkaResult<Positions>>) {
        self.under_way = Some(commit);
        // Not younger because the one before has failed.
        self.committing_since = self.committing_since.or(self.waiting_since.take());
    }

    /// Whether one has not ended yet.
    pub fn is_under_way(&self) -> bool {
        self.under_way.is_some()
    }

    /// Resolves when the commit that is under way has ended, and says whether it did what it should. Cancel-safe.
    pub async fn ended(&mut self) -> bool {
        let Some(under_way) = &mut self.under_way else { return std::future::pending().await };
        let ended = under_way.await;
        self.under_way = None;
        match ended {
            Ok(Ok(positions)) => {
                self.done.extend(positions);
                self.committing_since = None;
                return true;
            }
            // The next one tries again; where the broker is away, that is told elsewhere.
            Ok(Err(error)) => tracing::debug!(%error, "a commit failed"),
            Err(error) => tracing::error!(%error, "a commit panicked"),
        }
        false
    }
}

impl Reader<'_> {
    // ANCHOR: commit
    /// Begins to commit what is decided and not committed, unless a commit is under way.
    pub fn commit(&mut self) {
        // ANCHOR: step-3-3-commit
        // BEFORE 3.3: ask each partition's ledger for its position, and `begin_commit` those that are new
        //| let _ = Self::begin_commit;
        if self.commits.is_under_way() {
            return;
        }
        let position = |(partition, ledger): (&i32, &Ledger)| Some((*partition, ledger.position()?));
        let is_new = |(partition, position): &(i32, i64)| self.commits.done.get(partition) != Some(position);
        let positions: Positions = self.ledgers.iter().filter_map(position).filter(is_new).collect();
        if !positions.is_empty() {
            self.begin_commit(positions);
        }
        // ANCHOR_END: step-3-3-commit
    }
    // ANCHOR_END: commit

    /// Commits these positions, on a thread that may wait for the broker. What fails is new the next time, too.
    fn begin_commit(&mut self, positions: Positions) {
        let (consumer, topic) = (self.consumer.clone(), self.intake.node.config.kafka.topic);
        self.commits.begin(tokio::task::spawn_blocking(move || {
            consumer.commit(&client::positions(topic.as_str(), &positions)?, CommitMode::Sync)?;
            Ok(positions)
        }));
    }
}

#[cfg(test)]
mod tests {
    use rdkafka::error::KafkaError;

    use super::*;

    #[tokio::test]
    async fn a_commit_that_fails_does_not_make_what_waits_younger() {
        let mut commits = Commits::default();
        commits.note_decision();
        let oldest = commits.waiting_since;
        for _ in 0..2 {
            commits.begin(tokio::spawn(async { Err(KafkaError::Canceled) }));
            assert!(!commits.ended().await);
            commits.note_decision();
            assert_eq!(commits.committing_since, oldest);
        }
        commits.begin(tokio::spawn(async { Ok(vec![(0, 1)]) }));
        assert!(commits.ended().await);
        assert_eq!(commits.committing_since, None);
    }
}
