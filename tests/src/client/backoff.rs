//! How long to wait before the next attempt.

use std::time::Duration;

use crate::harness::Rng;

/// Exponential back-off with full jitter: each wait is drawn between nothing and a bound that doubles up to a cap, so that a
/// thousand clients that lost one node do not come back in step. (Marc Brooker, "Exponential Backoff And Jitter", 2015.)
#[derive(Debug, Clone)]
pub struct Backoff {
    first: Duration,
    cap: Duration,
    attempts: u32,
    rng: Rng,
}

impl Backoff {
    /// The first wait is at most `first`, none is longer than `cap`.
    pub fn new(first: Duration, cap: Duration, seed: u64) -> Self {
        Self { first, cap, attempts: 0, rng: Rng::new(seed) }
    }

    /// The next wait, after another attempt has failed.
    pub fn next_wait(&mut self) -> Duration {
        let bound = self.first.saturating_mul(1 << self.attempts.min(20)).min(self.cap);
        self.attempts += 1;
        let micros = usize::try_from(bound.as_micros()).unwrap_or(usize::MAX);
        Duration::from_micros(self.rng.below(micros.saturating_add(1)) as u64)
    }

    /// An attempt has succeeded: begin anew.
    pub fn reset(&mut self) {
        self.attempts = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_the_cap_and_differ() {
        let (first, cap) = (Duration::from_millis(100), Duration::from_secs(2));
        let mut backoff = Backoff::new(first, cap, 7);
        assert!(backoff.next_wait() <= first);
        let waits: Vec<_> = (0..40).map(|_| backoff.next_wait()).collect();
        assert!(waits.iter().all(|wait| *wait <= cap));
        assert!(waits.iter().any(|wait| *wait > first * 5), "they grow: {waits:?}");
        assert!(waits.windows(2).any(|pair| pair[0] > pair[1]), "they are drawn: {waits:?}");
        backoff.reset();
        assert!(backoff.next_wait() <= first);
    }
}
