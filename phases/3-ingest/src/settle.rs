//! Partitions come and go: before they go, what is under way is settled and committed.

use rdkafka::TopicPartitionList;
use rdkafka::consumer::Consumer as _;
use tokio::time::{Instant, sleep_until};

use crate::client::Event;
use crate::consumer::Reader;
use crate::ledger::Ledger;

impl Reader<'_> {
    /// Answers the group.
    pub async fn heed(&mut self, event: Event) {
        match event {
            Event::Assigned(partitions) => self.assigned(&partitions),
            Event::Revoked => self.revoked().await,
        }
    }

    fn assigned(&mut self, partitions: &TopicPartitionList) {
        self.ledgers = partitions.elements().iter().map(|element| (element.partition(), Ledger::default())).collect();
        if let Err(error) = self.consumer.assign(partitions) {
            tracing::error!(%error, "cannot take the partitions");
        }
        self.apply_pause();
        tracing::info!(partitions = self.ledgers.len(), "reading");
    }

    /// The group waits for this node to let go of its partitions, and does not wait for ever: a node that takes longer than the session
    /// timeout may be given up, and its commits refused.
    async fn revoked(&mut self) {
        // Step 3.6: whoever gets these partitions begins where this node has committed
        self.forget();
        if let Err(error) = self.consumer.unassign() {
            tracing::error!(%error, "cannot give the partitions back");
        }
    }

    /// What was taken and is not decided will be read again, by this node or by another.
    fn forget(&mut self) {
        self.lanes.clear();
        self.ledgers.clear();
        self.room = Default::default();
        self.commits = Default::default();
    }

    /// The node stops: what can be settled is, so that the next start repeats as little as can be.
    pub async fn stop(&mut self) {
        // Step 3.3: what is written should not be written again by the next start
        // If a revocation came meanwhile, the group is waiting for this.
        let _ = self.consumer.unassign();
    }

    /// Takes nothing more, waits for what is under way, and commits; until `deadline` at most.
    async fn settle(&mut self, deadline: Instant) {
        // Step 3.6: what is under way may be written in a moment, and should be committed then; what has not been submitted, never will be
        self.commit_all(deadline).await;
    }

    /// Commits until all that is decided is committed.
    async fn commit_all(&mut self, deadline: Instant) {
        loop {
            self.commit();
            if !self.commits.is_under_way() {
                return;
            }
            tokio::select! {
                () = self.commits.ended() => {}
                () = sleep_until(deadline) => return,
            }
        }
    }
}
