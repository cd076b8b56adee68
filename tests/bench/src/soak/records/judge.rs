//! What became of each record: a verdict on what was written, heard and committed, and nothing else.
//!
//! A record below the offset that was committed when a process died will not be read from Kafka again. If its user has not heard it, it
//! may have been Written and unread: the kernel drops what a killed process has written where something inbound was unread, and resets
//! the connection. That excuses records only on a connection that was reset, and only those behind the last one heard: what TCP brings is
//! always the beginning of what was written. Anything else is lost.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, ensure};
use checks::harness::broker::Place;

/// A record, as it was acknowledged by the broker.
#[derive(Debug, Clone, Copy)]
pub struct Written {
    pub user: usize,
    /// Counts the user's records.
    pub number: u64,
    pub place: Place,
}

/// A record as it reached its user.
#[derive(Debug, Clone, Copy)]
pub struct Heard {
    pub number: u64,
    /// Out of its id.
    pub place: Place,
}

/// What one user read of one life of the node.
#[derive(Debug, Default)]
pub struct Reading {
    /// In the order of arrival.
    pub heard: Vec<Heard>,
    /// The connection was reset, and did not just end.
    pub reset: bool,
}

/// One life of the node.
#[derive(Debug, Default)]
pub struct Life {
    /// By user.
    pub readings: Vec<Reading>,
    /// By partition, after its end.
    pub committed: BTreeMap<i32, i64>,
}

/// What became of all records.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Records that their users have heard.
    pub received: usize,
    /// How often one was heard again.
    pub repeats: usize,
    /// Decided, and dropped with a connection that was reset.
    pub unread: usize,
    pub lost: usize,
    /// Heard for the first time after a later one of the same user.
    pub out_of_order: usize,
}

/// Judges the lives of a node, in order.
///
/// # Errors
///
/// Somebody was sent what was not written for them.
pub fn judge(written: &[Written], lives: &[Life]) -> Result<Verdict> {
    let wanted: BTreeMap<Place, (usize, u64)> =
        written.iter().map(|record| (record.place, (record.user, record.number))).collect();
    let users = lives.first().map_or(0, |life| life.readings.len());
    let (mut verdict, mut heard) = (Verdict::default(), BTreeSet::new());
    for user in 0..users {
        let mut highest = None;
        for record in lives.iter().flat_map(|life| &life.readings[user].heard) {
            ensure!(wanted.get(&record.place) == Some(&(user, record.number)), "user {user} was sent {record:?}");
            if !heard.insert(record.place) {
                verdict.repeats += 1;
                continue;
            }
            verdict.received += 1;
            verdict.out_of_order += usize::from(highest > Some(record.number));
            highest = highest.max(Some(record.number));
        }
    }
    for record in written.iter().filter(|record| !heard.contains(&record.place)) {
        *if is_excused(record, lives) { &mut verdict.unread } else { &mut verdict.lost } += 1;
    }
    Ok(verdict)
}

/// Whether a record that its user has not heard can have been Written and unread when a process died.
fn is_excused(record: &Written, lives: &[Life]) -> bool {
    let decides =
        |life: &Life| life.committed.get(&record.place.partition).is_some_and(|end| record.place.offset < *end);
    let Some(at) = lives.iter().position(decides) else { return false };
    let mut later = lives[..=at].iter().flat_map(|life| &life.readings[record.user].heard);
    lives[at].readings[record.user].reset && !later.any(|heard| heard.number > record.number)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One user, one partition: number 0 has offset 0, and so on.
    fn records(count: i64) -> Vec<Written> {
        (0..count)
            .map(|offset| Written { user: 0, number: offset as u64, place: Place { partition: 0, offset } })
            .collect()
    }

    fn life(heard: &[u64], reset: bool, committed: i64) -> Life {
        let heard =
            heard.iter().map(|number| Heard { number: *number, place: Place { partition: 0, offset: *number as i64 } });
        Life { readings: vec![Reading { heard: heard.collect(), reset }], committed: BTreeMap::from([(0, committed)]) }
    }

    fn verdict(lives: &[Life]) -> Verdict {
        judge(&records(4), lives).expect("they were all written")
    }

    #[test]
    fn repeats_are_counted_and_change_no_order() {
        let told = verdict(&[life(&[0, 1, 2], false, 1), life(&[1, 2, 3], false, 4)]);
        assert_eq!(told, Verdict { received: 4, repeats: 2, ..Verdict::default() });
    }

    #[test]
    fn an_earlier_record_behind_a_later_one_is_out_of_order() {
        let told = verdict(&[life(&[0, 2, 1, 3], false, 4)]);
        assert_eq!(told, Verdict { received: 4, out_of_order: 1, ..Verdict::default() });
    }

    #[test]
    fn what_is_committed_and_unheard_is_excused_by_a_reset_only() {
        let told = verdict(&[life(&[0], true, 2), life(&[2, 3], false, 4)]);
        assert_eq!(told, Verdict { received: 3, unread: 1, ..Verdict::default() });
        let told = verdict(&[life(&[0], false, 2), life(&[2, 3], false, 4)]);
        assert_eq!(told, Verdict { received: 3, lost: 1, ..Verdict::default() });
    }

    #[test]
    fn a_reset_excuses_no_gap() {
        let told = verdict(&[life(&[0, 2], true, 3), life(&[3], false, 4)]);
        assert_eq!(told, Verdict { received: 3, lost: 1, ..Verdict::default() });
    }

    #[test]
    fn a_reset_excuses_nothing_that_was_not_committed() {
        let told = verdict(&[life(&[0], true, 1), life(&[2, 3], false, 4)]);
        assert_eq!(told, Verdict { received: 3, lost: 1, ..Verdict::default() });
        assert_eq!(verdict(&[life(&[0], true, 1)]).lost, 3);
    }

    #[test]
    fn what_was_written_for_somebody_else_is_no_verdict() {
        assert!(judge(&records(1), &[life(&[1], false, 1)]).is_err());
    }
}
