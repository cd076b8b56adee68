//! Partitions come and go: before they go, what is under way is settled and committed.

use std::collections::BTreeSet;
use std::time::Duration;

use rdkafka::TopicPartitionList;
use rdkafka::consumer::Consumer as _;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::client::{Event, numbers};
use crate::consumer::Reader;
use crate::ledger::Ledger;

/// Between two attempts to commit: the broker may be busy with the same rebalance.
const AGAIN: Duration = Duration::from_millis(20);

impl Reader<'_> {
    /// Answers the group.
    pub async fn heed(&mut self, event: Event) {
        match event {
            Event::Assigned(partitions) => self.assigned(&partitions),
            Event::Revoked(partitions) => self.revoked(&partitions).await,
        }
    }

    fn assigned(&mut self, partitions: &TopicPartitionList) {
        self.ledgers.extend(numbers(partitions).into_iter().map(|partition| (partition, Ledger::default())));
        let taken = self.consumer.incremental_assign(partitions).and_then(|()| self.pause_also(partitions));
        if let Err(error) = taken {
            tracing::error!(%error, "cannot take the partitions");
        }
        tracing::info!(partitions = self.ledgers.len(), "reading");
    }

    /// Somebody else waits for these partitions, and does not wait for ever: a node that takes longer than the session timeout may be
    /// given up, and its commits refused.
    async fn revoked(&mut self, partitions: &TopicPartitionList) {
        let gone = numbers(partitions);
        // Step 3.6: whoever gets these partitions begins where this node has committed
        self.forget(&gone);
        if let Err(error) = self.consumer.incremental_unassign(partitions) {
            tracing::error!(%error, "cannot give the partitions back");
        }
        self.count_paused();
        tracing::info!(partitions = self.ledgers.len(), "reading");
    }

    /// What was taken of these partitions and is not decided will be read again, by another node or by this one.
    fn forget(&mut self, gone: &BTreeSet<i32>) {
        self.lanes.forget(gone);
        self.commits.forget(gone);
        self.unread.retain(|partition| !gone.contains(partition));
        for ledger in gone.iter().filter_map(|partition| self.ledgers.remove(partition)) {
            ledger.undecided().for_each(|bytes| self.room.free(bytes));
        }
    }

    /// The node stops: what can be settled is, so that the next start repeats as little as can be.
    pub async fn stop(&mut self) {
        // Step 3.3: what is written should not be written again by the next start
        // Nobody heeds events any more, and the group would wait for the answer to this one.
        if let Ok(Event::Revoked(partitions)) = self.events.try_recv() {
            let _ = self.consumer.incremental_unassign(&partitions);
        }
    }

    /// Takes nothing, waits for what is under way of these partitions, and commits; until `deadline` at most.
    async fn settle(&mut self, gone: &BTreeSet<i32>, deadline: Instant) {
        // Step 3.6: what is under way may be written in a moment, and should be committed then; what has not been submitted, never will be
        let _ = (gone, Self::hear);
        self.commit_all(deadline).await;
    }

    /// Commits until all that is decided is committed.
    async fn commit_all(&mut self, deadline: Instant) {
        loop {
            self.commit();
            if !self.commits.is_under_way() {
                return;
            }
            let ended = timeout_at(deadline, self.commits.ended()).await;
            let again = match ended {
                Err(_) => return,
                Ok(true) => Instant::now(),
                Ok(false) => Instant::now() + AGAIN,
            };
            sleep_until(again.min(deadline)).await;
            if Instant::now() >= deadline {
                return;
            }
        }
    }
}
