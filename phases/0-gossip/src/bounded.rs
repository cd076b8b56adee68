//! A map that forgets what was used longest ago, so that no stranger and no year of restarts can make it grow.

use std::collections::HashMap;
use std::hash::Hash;

#[derive(Debug)]
pub struct Bounded<K, V> {
    rows: HashMap<K, (u64, V)>,
    capacity: usize,
    uses: u64,
}

impl<K: Eq + Hash + Clone, V> Bounded<K, V> {
    pub fn new(capacity: usize) -> Self {
        Self { rows: HashMap::new(), capacity, uses: 0 }
    }

    pub fn get(&self, key: &K) -> Option<&V> {
        self.rows.get(key).map(|(_, value)| value)
    }

    /// The row of `key`, made if there is none; then it was used just now.
    pub fn entry(&mut self, key: &K, make: impl FnOnce() -> V) -> &mut V {
        if self.rows.len() >= self.capacity && !self.rows.contains_key(key) {
            self.forget_one();
        }
        self.uses += 1;
        let row = self.rows.entry(key.clone()).or_insert_with(|| (0, make()));
        row.0 = self.uses;
        &mut row.1
    }

    /// Looks through all rows, which is rare: a cluster has fewer members than this has room.
    fn forget_one(&mut self) {
        let oldest = self.rows.iter().min_by_key(|(_, (used, _))| *used).map(|(key, _)| key.clone());
        oldest.map(|key| self.rows.remove(&key));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_used_longest_ago_makes_room() {
        let mut map = Bounded::new(2);
        map.entry(&1, || 'a');
        map.entry(&2, || 'b');
        map.entry(&1, || 'x');
        map.entry(&3, || 'c');
        assert_eq!([1, 2, 3].map(|key| map.get(&key).copied()), [Some('a'), None, Some('c')]);
    }
}
