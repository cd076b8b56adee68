//! How far a consumer group has committed, asked without joining it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{Offset, TopicPartitionList};
use serde::Serialize;

use crate::client::{Client, PATIENCE, config};
use crate::error::BrokerError;

/// Each costs a few threads, and a run asks for hundreds of groups; a check asks for one or two, many times.
const KEPT: usize = 16;

/// A client for each of the groups that were asked for last, the latest at the end.
#[derive(Default)]
pub struct Groups(Mutex<VecDeque<(String, Arc<BaseConsumer>)>>);

/// How far a group is in one partition.
#[derive(Debug, Serialize)]
pub struct Progress {
    partition: i32,
    /// The offset of the next record to read; none if nothing was committed.
    committed: Option<i64>,
    end: i64,
}

impl Groups {
    fn get(&self, group: &str, address: &str) -> Result<Arc<BaseConsumer>, BrokerError> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = kept.iter().position(|(name, _)| name == group);
        let consumer = match at.and_then(|at| kept.remove(at)) {
            Some((_, consumer)) => consumer,
            None => Arc::new(config(address).set("group.id", group).create::<BaseConsumer>()?),
        };
        if kept.len() == KEPT {
            kept.pop_front();
        }
        kept.push_back((group.to_owned(), consumer.clone()));
        Ok(consumer)
    }
}

impl Client {
    /// How far `group` is in `topic`. Blocks.
    pub fn progress(&self, group: &str, topic: &str) -> Result<Vec<Progress>, BrokerError> {
        let consumer = self.groups.get(group, &self.address)?;
        let extents = self.extents(topic)?;
        let mut asked = TopicPartitionList::new();
        for extent in &extents {
            asked.add_partition(topic, extent.partition);
        }
        let committed = consumer.committed_offsets(asked, PATIENCE)?;
        let row = |extent: &crate::topics::Extent| {
            let found = committed.find_partition(topic, extent.partition);
            let committed = match found.map(|found| found.offset()) {
                Some(Offset::Offset(offset)) => Some(offset),
                _ => None,
            };
            Progress { partition: extent.partition, committed, end: extent.end }
        };
        Ok(extents.iter().map(row).collect())
    }
}
