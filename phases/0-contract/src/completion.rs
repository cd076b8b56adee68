//! How a sender learns what became of a frame.

use std::sync::{Arc, Mutex, PoisonError};

/// What became of a frame, in the words that codes, counters, checks and the book share.
///
/// A frame is *Queued* (in a socket's mailbox), then *Written* (handed to the kernel), then, in later phases, *Acked* (by the
/// client). A sender is promised nothing before Written, and Written is not read: a frame can still be lost with the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Handed to the kernel on at least one socket.
    Written,
    /// No mailbox had room for it. It was not queued: a retry is safe.
    Overloaded,
    /// Nobody is there by that name.
    NotConnected,
    /// Not Written in time. It is still queued and may arrive: a retry may repeat it.
    Timeout,
    /// The last socket that held it went before it was Written. It may have been sent in part: a retry may repeat it.
    Unavailable,
}

/// Answers a sender exactly once.
///
/// A clone shares the one answer, so a frame that is queued on several sockets carries a clone to each: the first to write it
/// answers [`Outcome::Written`]. When the last clone is dropped and nobody has answered, the answer is [`Outcome::Unavailable`]
/// — however the sockets died, so no path has to remember it.
#[derive(Clone)]
pub struct Completion(Arc<Answer>);

type OnOutcome = Box<dyn FnOnce(Outcome) + Send>;

struct Answer(Mutex<Option<OnOutcome>>);

impl Completion {
    /// Calls `on_outcome` once, on whichever task answers first: it must not block.
    pub fn new(on_outcome: impl FnOnce(Outcome) + Send + 'static) -> Self {
        Self(Arc::new(Answer(Mutex::new(Some(Box::new(on_outcome))))))
    }

    /// Answers, unless somebody has.
    pub fn answer(&self, outcome: Outcome) {
        self.0.give(outcome);
    }
}

impl Answer {
    fn give(&self, outcome: Outcome) {
        // A poisoned lock means that a callback panicked while it was being taken; it is gone either way.
        let taken = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(on_outcome) = taken {
            on_outcome(outcome);
        }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.give(Outcome::Unavailable);
    }
}

impl std::fmt::Debug for Completion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Completion")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn the_first_answer_is_the_only_one() {
        let (outcomes_tx, outcomes) = mpsc::channel();
        let completion = Completion::new(move |outcome| outcomes_tx.send(outcome).expect("the test listens"));
        completion.clone().answer(Outcome::Written);
        completion.answer(Outcome::Timeout);
        drop(completion);
        assert_eq!(outcomes.iter().collect::<Vec<_>>(), [Outcome::Written]);
    }

    #[test]
    fn dropped_unmarked_is_unavailable_once_the_last_clone_is_gone() {
        let (outcomes_tx, outcomes) = mpsc::channel();
        let completion = Completion::new(move |outcome| outcomes_tx.send(outcome).expect("the test listens"));
        let other = completion.clone();
        drop(completion);
        assert!(outcomes.try_recv().is_err());
        drop(other);
        assert_eq!(outcomes.recv(), Ok(Outcome::Unavailable));
    }
}
