//! How much may be undecided on this node, in records and in bytes.

/// What is undecided, of all partitions and users together.
#[derive(Debug)]
pub struct Room {
    records: usize,
    bytes: usize,
    most_records: usize,
    most_bytes: usize,
    crowded: bool,
}

impl Room {
    /// Room for so much.
    pub fn new(most_records: usize, most_bytes: usize) -> Self {
        Self { records: 0, bytes: 0, most_records, most_bytes, crowded: false }
    }

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

    /// Whether nothing more may be taken. Once it is so it stays so until half is free again: pausing throws away what was read ahead,
    /// so it must not happen at every record.
    pub fn is_crowded(&mut self) -> bool {
        // Step 3.5: compare with the most that there may be, of records and of bytes
        self.crowded
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_crowded_from_the_bound_down_to_half_of_it() {
        let mut room = Room::new(4, 100);
        (0..4).for_each(|_| room.take(1));
        assert!(room.is_crowded());
        room.free(1);
        assert!(room.is_crowded());
        (0..2).for_each(|_| room.free(1));
        assert!(!room.is_crowded());
        (0..2).for_each(|_| room.take(1));
        assert!(!room.is_crowded());
    }
}
