//! One outcome of several: a message that goes to more than one place.
// ANCHOR: step-5-6-shares
// BEFORE 5.1: not needed yet; in 5.6: written anywhere is written; else the sender hears the worst that may have happened
// WITHOUT 5.1: as it is

use std::sync::{Arc, Mutex, PoisonError};

use contract::{Completion, Outcome};

/// What a message's places have said so far. Each has a share; when all of them have answered, or are gone, the sender is told.
#[derive(Clone)]
pub(crate) struct Shares(Arc<Best>);

struct Best {
    completion: Completion,
    so_far: Mutex<Outcome>,
}

impl Shares {
    /// No place has said anything.
    pub fn of(completion: Completion) -> Self {
        Self(Arc::new(Best { completion, so_far: Mutex::new(Outcome::NotConnected) }))
    }

    /// One more place.
    pub fn one(&self) -> Completion {
        let best = self.0.clone();
        Completion::new(move |outcome| best.note(outcome))
    }
}

impl Best {
    fn note(&self, outcome: Outcome) {
        if outcome == Outcome::Written {
            // One is enough, and the others may take long.
            return self.completion.answer(outcome);
        }
        let mut so_far = self.so_far.lock().unwrap_or_else(PoisonError::into_inner);
        *so_far = std::cmp::max_by_key(*so_far, outcome, |outcome| weight(*outcome));
    }
}

impl Drop for Best {
    fn drop(&mut self) {
        let so_far = *self.so_far.get_mut().unwrap_or_else(PoisonError::into_inner);
        self.completion.answer(so_far);
    }
}

/// The more of the message may be left somewhere, the more: a retry is to be made with that in mind.
fn weight(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::NotConnected => 0,
        Outcome::Overloaded => 1,
        Outcome::Unavailable => 2,
        Outcome::Timeout => 3,
        Outcome::Written => 4,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    fn told(outcomes: &[Outcome]) -> Vec<Outcome> {
        let (told_tx, told) = mpsc::channel();
        let shares = Shares::of(Completion::new(move |outcome| told_tx.send(outcome).expect("the test listens")));
        let places: Vec<_> = outcomes.iter().map(|_| shares.one()).collect();
        drop(shares);
        places.into_iter().zip(outcomes).for_each(|(place, outcome)| place.answer(*outcome));
        told.iter().collect()
    }

    #[test]
    fn written_anywhere_is_written_and_all_refusals_are_one() {
        use Outcome::{NotConnected, Overloaded, Timeout, Unavailable, Written};
        assert_eq!(told(&[NotConnected, Written, Unavailable]), [Written]);
        assert_eq!(told(&[NotConnected, Overloaded]), [Overloaded]);
        assert_eq!(told(&[Timeout, Unavailable, Overloaded]), [Timeout]);
        assert_eq!(told(&[NotConnected, NotConnected]), [NotConnected]);
        assert_eq!(told(&[]), [NotConnected]);
    }
}
// ANCHOR_END: step-5-6-shares
