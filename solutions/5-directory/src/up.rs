//! Which links are up.
// ANCHOR: step-5-1-which
// BEFORE 5.1: one link a node: what if a new one comes up before the old one is known to be gone?

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use contract::NodeId;
use tokio_util::sync::CancellationToken;

/// At most one link to each node.
#[derive(Default)]
pub(crate) struct Up(Mutex<Table>);

#[derive(Default)]
struct Table {
    // Tells a link from a later one to the same node.
    last: u64,
    links: HashMap<NodeId, Entry>,
}

struct Entry {
    number: u64,
    replaced: CancellationToken,
}

/// A link's place among the others, for as long as it is up.
pub(crate) struct Entered<'a> {
    up: &'a Up,
    node: NodeId,
    number: u64,
    /// Cancelled when a newer link to the same node has come up: the peer knows better which of the two is alive.
    pub replaced: CancellationToken,
}

impl Up {
    /// From now on this is the link to `node`, until what is returned is dropped.
    pub fn enter(&self, node: &NodeId) -> Entered<'_> {
        let mut table = self.table();
        table.last += 1;
        let (number, replaced) = (table.last, CancellationToken::new());
        if let Some(older) = table.links.insert(node.clone(), Entry { number, replaced: replaced.clone() }) {
            older.replaced.cancel();
        }
        Entered { up: self, node: node.clone(), number, replaced }
    }

    /// Whether there is a link to `node`.
    pub fn contains(&self, node: &NodeId) -> bool {
        self.table().links.contains_key(node)
    }

    // Every critical section leaves the table whole, so a poisoned lock is still good.
    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        let mut table = self.up.table();
        // A newer link has its own entry.
        if table.links.get(&self.node).is_some_and(|entry| entry.number == self.number) {
            table.links.remove(&self.node);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_an_older_link_leaves_the_newer_one_alone() {
        let (up, node) = (Up::default(), NodeId::new("n2"));
        let older = up.enter(&node);
        let newer = up.enter(&node);
        assert!(older.replaced.is_cancelled() && !newer.replaced.is_cancelled());
        drop(older);
        assert!(up.contains(&node));
        drop(newer);
        assert!(!up.contains(&node));
    }
}
// ANCHOR_END: step-5-1-which
