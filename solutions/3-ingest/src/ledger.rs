//! What is decided of a partition, and how far that may be committed.

use std::collections::VecDeque;

/// The records of one partition that were taken and are not behind its position yet.
///
/// Behind one that waits, those that are decided stay listed: 24 bytes each, for `--slow-grace` at most, since whoever holds up a record for
/// longer loses the socket.
#[derive(Debug, Default)]
pub struct Ledger {
    // Offsets ascend, as they were read.
    open: VecDeque<Entry>,
    position: Option<i64>,
}

#[derive(Debug)]
struct Entry {
    offset: i64,
    bytes: usize,
    decided: bool,
}

impl Ledger {
    // ANCHOR: begin
    /// A record was taken. Offsets ascend.
    pub fn begin(&mut self, offset: i64, bytes: usize) {
        self.open.push_back(Entry { offset, bytes, decided: false });
    }
    // ANCHOR_END: begin

    // ANCHOR: decide
    /// A record is decided; gives its bytes, or `None` if it was decided before, or never taken.
    pub fn decide(&mut self, offset: i64) -> Option<usize> {
        let at = self.open.binary_search_by_key(&offset, |entry| entry.offset).ok()?;
        let entry = &mut self.open[at];
        if std::mem::replace(&mut entry.decided, true) {
            return None;
        }
        let bytes = entry.bytes;
        // ANCHOR: step-3-3-position
        // BEFORE 3.3: from where would another start, if this node stopped now?
        //| self.open.remove(at);
        // ANCHOR: step-3-4-watermark
        // BEFORE 3.4: an offset says that everything below it is done: is it?
        //| self.position = Some(offset + 1);
        //| self.open.remove(at);
        while let Some(first) = self.open.front().filter(|first| first.decided) {
            self.position = Some(first.offset + 1);
            self.open.pop_front();
        }
        // ANCHOR_END: step-3-4-watermark
        // ANCHOR_END: step-3-3-position
        Some(bytes)
    }
    // ANCHOR_END: decide

    /// The bytes of each record that is not decided.
    pub fn undecided(&self) -> impl Iterator<Item = usize> {
        self.open.iter().filter(|entry| !entry.decided).map(|entry| entry.bytes)
    }

    /// The offset to commit: where another would have to start so that nothing is lost. `None` before the first decision.
    pub fn position(&self) -> Option<i64> {
        self.position
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_above_the_first_undecided_record_is_committed() {
        let mut ledger = Ledger::default();
        // With a gap, as compaction leaves them.
        [3, 4, 7, 8].into_iter().for_each(|offset| ledger.begin(offset, 10));
        assert_eq!((ledger.decide(7), ledger.position()), (Some(10), None));
        assert_eq!((ledger.decide(3), ledger.position()), (Some(10), Some(4)));
        assert_eq!((ledger.decide(4), ledger.position()), (Some(10), Some(8)));
        assert_eq!((ledger.decide(4), ledger.decide(5)), (None, None));
        assert_eq!((ledger.decide(8), ledger.position()), (Some(10), Some(9)));
    }
}
