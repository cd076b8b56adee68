//! What the mock cluster can keep: 5 MiB or 100,000 batches a partition, beyond which it silently drops the oldest.
//!
//! How records fall into batches is the producer's affair, so each is counted as a batch of its own. That is more than it takes: of
//! records of 40 bytes, some 40,000 fit a partition. Since such a record counts 80 bytes at least, there are always fewer than 100,000.
//! What others write to the cluster is not counted here; whoever reads notices if the oldest are gone.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::error::BrokerError;
use crate::records::{NewRecord, Place};

/// What a partition keeps.
const PARTITION_BYTES: u64 = 5 * 1024 * 1024;
/// Kafka's batch header, and the most that the lengths and deltas of a record take.
const BATCH_BYTES: u64 = 61 + 26;
/// The lengths of a header's name and value.
const HEADER_BYTES: u64 = 10;

/// A ledger of what was written, by topic.
#[derive(Debug, Default)]
pub struct Capacity(Mutex<HashMap<String, Usage>>);

#[derive(Debug, Default)]
struct Usage {
    /// Of each partition.
    written: HashMap<i32, u64>,
    /// On its way, to partitions that are not known yet.
    under_way: u64,
}

impl Capacity {
    /// Takes room for `records` in the partitions that they name; the others may go to any.
    ///
    /// # Errors
    ///
    /// `Full`: some partition might drop others for them.
    pub fn take(&self, topic: &str, records: &[NewRecord]) -> Result<(), BrokerError> {
        let mut ledger = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let usage = ledger.entry(topic.to_owned()).or_default();
        let mut fuller = usage.written.clone();
        let mut anywhere = usage.under_way;
        for record in records {
            match record.partition {
                Some(partition) => *fuller.entry(partition).or_default() += size(record),
                None => anywhere += size(record),
            }
        }
        let fullest = fuller.values().max().copied().unwrap_or_default();
        if fullest + anywhere > PARTITION_BYTES {
            let taken = usage.written.values().max().copied().unwrap_or_default();
            let message = format!("the mock cluster keeps {PARTITION_BYTES} bytes a partition; {taken} are taken");
            return Err(BrokerError::Full(message));
        }
        usage.under_way += records.iter().map(size).sum::<u64>();
        Ok(())
    }

    /// Enters where the records went. Of those that were not acknowledged nobody knows: they count for every partition.
    pub fn settle(&self, topic: &str, records: &[NewRecord], places: Option<&[Place]>) {
        let mut ledger = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let usage = ledger.entry(topic.to_owned()).or_default();
        let Some(places) = places else { return };
        for (record, place) in records.iter().zip(places) {
            *usage.written.entry(place.partition).or_default() += size(record);
            usage.under_way -= size(record);
        }
    }
}

fn size(record: &NewRecord) -> u64 {
    let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    let headers: usize = record.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
    let bytes = text(&record.key) + text(&record.value) + headers;
    BATCH_BYTES + bytes as u64 + HEADER_BYTES * record.headers.len() as u64
}
