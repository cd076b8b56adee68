//! The rows of this node: a user and a connection each. Nobody else writes them.
// ANCHOR: step-5-2-own
// BEFORE 5.1: not needed yet; in 5.2: number each change, and keep the last ones for those who have not been told
// WITHOUT 5.1: as it is

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use contract::link::{Packet, Row};
use contract::{ConnId, UserId};
use tokio::sync::watch;

/// Changes that are kept: a peer that is further behind gets a snapshot.
const LOG: usize = 4096;

/// What this node holds, and how that came about.
pub(crate) struct OwnRows {
    state: RwLock<State>,
    changed: watch::Sender<u64>,
}

#[derive(Default)]
struct State {
    /// The number of the last change; 0 before the first.
    sequence: u64,
    users: HashMap<UserId, Vec<ConnId>>,
    /// The last changes, up to `sequence`.
    log: VecDeque<Change>,
}

#[derive(Clone)]
enum Change {
    Joined(Row),
    Left(Row),
}

/// A row, for as long as the connection has its name.
pub(crate) struct OwnRow {
    rows: Arc<OwnRows>,
    row: Row,
}

impl OwnRows {
    /// No rows.
    pub fn new() -> Self {
        Self { state: RwLock::default(), changed: watch::Sender::new(0) }
    }

    /// Adds a row, until what is returned is dropped.
    pub fn join(self: &Arc<Self>, row: Row) -> OwnRow {
        self.change(Change::Joined(row.clone()));
        OwnRow { rows: self.clone(), row }
    }

    // ANCHOR: own_change
    /// Notes a change. Who brings it to others is woken and does the rest: nobody is waited for here.
    fn change(&self, change: Change) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        match &change {
            Change::Joined(row) => state.users.entry(row.user.clone()).or_default().push(row.conn),
            Change::Left(row) => state.remove(row),
        }
        state.sequence += 1;
        state.log.push_back(change);
        if state.log.len() > LOG {
            state.log.pop_front();
        }
        let sequence = state.sequence;
        drop(state);
        self.changed.send_if_modified(|known| {
            // Two changes may come here in the other order.
            let is_newer = sequence > *known;
            *known = sequence.max(*known);
            is_newer
        });
    }
    // ANCHOR_END: own_change

    // ANCHOR: since
    /// What has changed since change number `told`, and the number of the last; `None` if not all of that is known any more.
    pub fn since(&self, told: u64) -> Option<(Vec<Packet>, u64)> {
        let state = self.state();
        let missing = usize::try_from(state.sequence - told).ok()?;
        let first = state.log.len().checked_sub(missing)?;
        let packet = |(change, sequence): (&Change, u64)| match change.clone() {
            Change::Joined(row) => Packet::Joined { sequence, row },
            Change::Left(row) => Packet::Left { sequence, row },
        };
        Some((state.log.range(first..).zip(told + 1..).map(packet).collect(), state.sequence))
    }
    // ANCHOR_END: since

    /// All rows, and the number of the last change that is in them.
    pub fn all(&self) -> (Vec<Row>, u64) {
        let state = self.state();
        let rows = state.users.iter().flat_map(|(user, conns)| conns.iter().map(move |conn| (user, conn)));
        (rows.map(|(user, conn)| Row { user: user.clone(), conn: *conn }).collect(), state.sequence)
    }

    /// The users that have a row.
    pub fn users(&self) -> Vec<UserId> {
        self.state().users.keys().cloned().collect()
    }

    /// Whether the user has one.
    pub fn hold(&self, user: &UserId) -> bool {
        self.state().users.contains_key(user)
    }

    /// The number of the last change, as it grows.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    // Every change leaves the state whole, so a poisoned lock is still good.
    fn state(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn remove(&mut self, row: &Row) {
        let Some(conns) = self.users.get_mut(&row.user) else { return };
        conns.retain(|conn| *conn != row.conn);
        if conns.is_empty() {
            self.users.remove(&row.user);
        }
    }
}

impl Drop for OwnRow {
    fn drop(&mut self) {
        self.rows.change(Change::Left(self.row.clone()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, conn: u64) -> Row {
        Row { user: UserId::parse(name).expect("a name"), conn: ConnId::new(conn) }
    }

    #[test]
    fn changes_are_told_from_where_one_left_off() {
        let rows = Arc::new(OwnRows::new());
        let alice = rows.join(row("alice", 1));
        let _bob = rows.join(row("bob", 2));
        drop(alice);
        let (packets, last) = rows.since(1).expect("all is known");
        let told: Vec<_> = packets.iter().map(Packet::name).collect();
        assert_eq!((told, last), (vec!["joined", "left"], 3));
        assert!(matches!(packets[1], Packet::Left { sequence: 3, .. }));
        assert_eq!(rows.all(), (vec![row("bob", 2)], 3));
        assert_eq!(rows.since(3).expect("all is known").0.len(), 0);
    }

    #[test]
    fn who_is_too_far_behind_is_told_so() {
        let rows = Arc::new(OwnRows::new());
        (0..LOG as u64 / 2 + 1).for_each(|conn| drop(rows.join(row("alice", conn))));
        assert!(rows.since(1).is_none() && rows.since(2).is_some());
    }
}
// ANCHOR_END: step-5-2-own
