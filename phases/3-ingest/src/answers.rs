//! What becomes of records, told by whoever knows: the sockets' writers, and the producer of dead letters.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use contract::{Completion, Outcome, UserId};
use rdkafka::error::KafkaError;
use tokio::sync::Notify;

use crate::dead::Letter;
use crate::record::Place;

/// Something that has become of a record.
pub enum Told {
    /// A submitted record has its outcome.
    Outcome(Arc<Ticket>),
    /// A dead letter is in its topic.
    Buried(Place),
    /// A dead letter is not, and here it is again.
    Returned(Arc<Letter>, KafkaError),
}

/// One submission of a record. Its identity tells it from an earlier one of the same record.
pub struct Ticket {
    /// Whose lane the record is in.
    pub user: UserId,
    /// Which record.
    pub place: Place,
    outcome: OnceLock<Outcome>,
}

/// Where answers wait for the loop. As many at most as records are submitted: a channel with a capacity would have to refuse one, or wait,
/// and neither may happen to an outcome.
#[derive(Default)]
pub struct Answers {
    told: Mutex<Vec<Told>>,
    some: Notify,
}

impl Answers {
    /// Adds an answer; from any thread, without waiting.
    pub fn tell(&self, told: Told) {
        let mut waiting = self.lock();
        waiting.push(told);
        // Whoever found the list empty waits; whoever did not will find this one, too.
        if waiting.len() == 1 {
            self.some.notify_one();
        }
    }

    /// Moves all answers into `batch`, which is empty, once there are some. Cancel-safe.
    pub async fn take(&self, batch: &mut Vec<Told>) {
        while !self.try_take(batch) {
            self.some.notified().await;
        }
    }

    fn try_take(&self, batch: &mut Vec<Told>) -> bool {
        // Both lists keep what they have allocated, and change places.
        std::mem::swap(&mut *self.lock(), batch);
        !batch.is_empty()
    }

    // One push or one swap: the list is whole, whatever panicked.
    fn lock(&self) -> MutexGuard<'_, Vec<Told>> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ticket {
    /// A ticket, and the completion that will fill it in and add it to the answers.
    pub fn issue(user: UserId, place: Place, answers: &Arc<Answers>) -> (Arc<Self>, Completion) {
        let ticket = Arc::new(Self { user, place, outcome: OnceLock::new() });
        let (own, answers) = (ticket.clone(), answers.clone());
        let completion = Completion::new(move |outcome| {
            // A completion answers once.
            let _ = own.outcome.set(outcome);
            answers.tell(Told::Outcome(own));
        });
        (ticket, completion)
    }

    /// The outcome, as soon as there is one.
    pub fn outcome(&self) -> Option<Outcome> {
        self.outcome.get().copied()
    }
}
