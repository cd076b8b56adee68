//! What a phase's checks are: data, and an async function that fails with a typed observation.

use std::time::Duration;

use futures_util::future::BoxFuture;

use crate::{Failure, Measure, World};

/// A phase as the tutor sees it: its steps in order, and the checks that tell them apart.
#[derive(Debug)]
pub struct Phase {
    /// 1 to 9.
    pub number: u8,
    /// The crate's library name, and the end of its folder: `socket` for `phases/1-socket`.
    pub name: &'static str,
    /// As it stands in the first line of a verdict: `Socket`.
    pub title: &'static str,
    /// Whether its nodes read from Kafka, so that its checks need a broker.
    pub kafka: bool,
    /// In the order in which a learner takes them; step `k` of phase `n` is called `n.k`, counted from 1.
    pub steps: &'static [Step],
    /// In step order; within a step, the order in which failures are shown.
    pub checks: &'static [Check],
    /// For the debrief: what it costs.
    pub measures: &'static [Measure],
}

/// One thing to build that can be seen from outside.
#[derive(Debug)]
pub struct Step {
    /// What can be seen once it stands, in a few words.
    pub title: &'static str,
    /// The file a learner edits for it, within the phase's folder.
    pub file: &'static str,
}

/// One black-box observation of a node.
#[derive(Debug, Clone, Copy)]
pub struct Check {
    /// Unique within the phase, stable, kebab-case: hints and mistakes name it.
    pub id: &'static str,
    /// The step (counted from 1) that it proves.
    pub step: u8,
    /// What holds when it passes, as a sentence without a full stop.
    pub title: &'static str,
    /// The check fails with [`Observed::TookTooLong`](crate::Observed::TookTooLong) when it runs longer than this.
    pub limit: Duration,
    /// Whether it mostly waits: for a session to run out, for a silence to be long enough. Such a check takes nobody's place.
    pub waits: bool,
    /// Starts its own nodes in the world it is given.
    pub run: for<'w> fn(&'w World) -> BoxFuture<'w, Result<(), Failure>>,
}

/// A row of a phase's table of checks; `LIMIT` is the phase's own, and `waits` at the end says that the check mostly waits.
macro_rules! check {
    ($step:literal, $id:literal, $title:literal, $run:path) => {
        Check { id: $id, step: $step, title: $title, limit: LIMIT, waits: false, run: |world| Box::pin($run(world)) }
    };
    ($step:literal, $id:literal, $title:literal, $run:path, waits) => {
        Check { waits: true, ..check!($step, $id, $title, $run) }
    };
}
pub(crate) use check;

#[cfg(test)]
mod tests {
    use crate::PHASES;

    #[test]
    fn checks_stand_in_step_order_with_unique_ids_and_short_titles() {
        for phase in PHASES {
            assert!(phase.checks.is_sorted_by_key(|check| check.step));
            for (index, check) in phase.checks.iter().enumerate() {
                assert!(check.title.chars().count() <= 52, "{}", check.title);
                assert!((1..=phase.steps.len()).contains(&usize::from(check.step)), "{}", check.id);
                assert!(phase.checks[..index].iter().all(|other| other.id != check.id), "{}", check.id);
            }
        }
    }
}
