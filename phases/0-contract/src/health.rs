//! What is wrong with what a node depends on: why `GET /health` says `degraded`.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The troubles of a node, at most one for each thing it depends on.
#[derive(Debug, Default)]
pub struct Health(Mutex<BTreeMap<&'static str, String>>);

impl Health {
    /// Something is wrong with `what`, until [`well`](Self::well) says otherwise; a later reason takes the place of an earlier one.
    pub fn ill(&self, what: &'static str, reason: impl Into<String>) {
        self.troubles().insert(what, reason.into());
    }

    /// Nothing is wrong with `what` any more.
    pub fn well(&self, what: &'static str) {
        self.troubles().remove(what);
    }

    /// All that is wrong, each in a few words that name it.
    pub fn reasons(&self) -> Vec<String> {
        self.troubles().values().cloned().collect()
    }

    // Every critical section leaves the map whole, so a poisoned lock is still good.
    fn troubles(&self) -> MutexGuard<'_, BTreeMap<&'static str, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_reason_takes_the_place_of_an_earlier_one() {
        let health = Health::default();
        health.ill("kafka", "away");
        health.ill("kafka", "no such topic");
        assert_eq!(health.reasons(), ["no such topic"]);
        health.well("kafka");
        assert!(health.reasons().is_empty());
    }
}
