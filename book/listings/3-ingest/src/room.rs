//! How much may be undecided on this node, in records and in bytes.

use contract::Kafka;

/// What is undecided, of all partitions and users together.
#[derive(Debug, Default)]
pub struct Room {
    records: usize,
    bytes: usize,
    crowded: bool,
}

impl Room {
    /// A record was taken.
    pub fn take(&mut self, bytes: usize) {
        self.records += 1;
        self.bytes += bytes;
    }

    /// A record is decided.
    pub fn free(&mut self, bytes: usize) {
        self.records -= 1;
        self.bytes -= bytes;
    }

    /// Records that are undecided.
    pub fn records(&self) -> usize {
        self.records
    }

    // ANCHOR: is_crowded
    /// Whether nothing more may be taken. Once it is so it stays so until half is free again: pausing throws away what was read ahead,
    /// so it must not happen at every record.
    pub fn is_crowded(&mut self, kafka: &Kafka) -> bool {
        // ANCHOR: step-3-5-crowded
        // Step 3.5: compare with --max-undecided and --max-undecided-bytes
        let _ = kafka;
        // ANCHOR_END: step-3-5-crowded
        self.crowded
    }
    // ANCHOR_END: is_crowded
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[test]
    fn it_is_crowded_from_the_bound_down_to_half_of_it() {
        let kafka = contract::Config::parse_from(["node", "--max-undecided", "4"]).kafka;
        let mut room = Room::default();
        (0..4).for_each(|_| room.take(1));
        assert!(room.is_crowded(&kafka));
        room.free(1);
        assert!(room.is_crowded(&kafka));
        (0..2).for_each(|_| room.free(1));
        assert!(!room.is_crowded(&kafka));
        (0..2).for_each(|_| room.take(1));
        assert!(!room.is_crowded(&kafka));
    }
}
