//! The rows of all other nodes, as each of them has told.
// ANCHOR: step-5-2-table
// BEFORE 5.1: not needed yet; in 5.2: what each node has said of itself, and by user where a message has to go
// WITHOUT 5.1: as it is

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use contract::cluster::View;
use contract::link::{Row, Snapshot};
use contract::{NodeId, Peer, Place, Stats, UserId};

/// Rows that are changed under one lock: a message waits for no more.
const PIECE: usize = 1024;

/// What other nodes have said of themselves. Nobody waits for anything while holding its lock.
pub(crate) struct Table {
    state: RwLock<State>,
    stats: Arc<Stats>,
}

#[derive(Default)]
struct State {
    /// Whose word counts, and in which life.
    live: HashMap<NodeId, u64>,
    replicas: HashMap<NodeId, Replica>,
    users: HashMap<UserId, Holders>,
}

/// What one life of a node has said. Its numbers compare with its own only.
#[derive(Default)]
struct Replica {
    incarnation: u64,
    /// The last change that is in `rows`; `None` before the first snapshot is complete.
    sequence: Option<u64>,
    coming: Option<Coming>,
    rows: HashSet<Row>,
}

/// A snapshot of which parts are still to come.
struct Coming {
    sequence: u64,
    next: u32,
    rows: HashSet<Row>,
}

/// Where a user is.
struct Holders {
    places: Vec<Place>,
    /// Each node once. Shared: who sends takes it along and gives the lock back at once.
    nodes: Arc<[NodeId]>,
}

/// A change that a node has told of itself.
pub(crate) enum Change {
    Joined(Row),
    Left(Row),
}

impl Table {
    /// Nothing is known of anybody.
    pub fn new(stats: Arc<Stats>) -> Self {
        Self { state: RwLock::default(), stats }
    }

    /// The user's connections on other nodes.
    pub fn places(&self, user: &UserId) -> Vec<Place> {
        self.read().users.get(user).map(|holders| holders.places.clone()).unwrap_or_default()
    }

    /// The other nodes that have connections of this user; `None` if none has.
    pub fn nodes(&self, user: &UserId) -> Option<Arc<[NodeId]>> {
        self.read().users.get(user).map(|holders| holders.nodes.clone())
    }

    // ANCHOR: welcome
    /// There is a link to this life of a node: its word counts, and that of an earlier one no more.
    pub fn welcome(&self, peer: &Peer) {
        let mut state = self.write();
        state.live.insert(peer.node.clone(), peer.incarnation);
        // ANCHOR: step-5-4-earlier
        // BEFORE 5.4: what an earlier life has said is no longer so
        //| state.replicas.entry(peer.node.clone()).or_default().incarnation = peer.incarnation;
        let is_earlier = |replica: &Replica| replica.incarnation != peer.incarnation;
        let earlier = state.replicas.get(&peer.node).is_some_and(is_earlier);
        let gone = if earlier { state.replicas.remove(&peer.node) } else { None };
        state.replicas.entry(peer.node.clone()).or_default().incarnation = peer.incarnation;
        drop(state);
        self.forget(&peer.node, gone);
        // ANCHOR_END: step-5-4-earlier
    }
    // ANCHOR_END: welcome

    // ANCHOR: settle
    /// Heeds who is live: what others have said goes with them.
    pub fn settle(&self, view: &View) {
        // ANCHOR: step-5-4-settle
        // BEFORE 5.4: a node is dead, or has left, or is another one by the same name: whose rows are these?
        //| let _ = (view, Self::forget);
        let mut state = self.write();
        state.live = view.live.iter().map(|(node, member)| (node.clone(), member.incarnation)).collect();
        let State { live, replicas, .. } = &mut *state;
        let gone: Vec<_> = replicas.extract_if(|node, replica| live.get(node) != Some(&replica.incarnation)).collect();
        drop(state);
        gone.into_iter().for_each(|(node, replica)| self.forget(&node, Some(replica)));
        // ANCHOR_END: step-5-4-settle
    }
    // ANCHOR_END: settle

    // ANCHOR: change
    /// Heeds a change that `peer` has told of itself.
    pub fn change(&self, peer: &Peer, sequence: u64, change: &Change) {
        let mut state = self.write();
        let Some(replica) = state.replica(peer) else { return };
        // ANCHOR: step-5-5-version
        // BEFORE 5.5: what if it came before, or comes too late, or one before it never came?
        //| let _ = (sequence, &mut replica.sequence);
        match replica.sequence {
            Some(known) if sequence <= known => return self.stats.directory.repeats.increment(),
            Some(known) if sequence == known + 1 => replica.sequence = Some(sequence),
            // Something is missing before it. The next beat will show it, and then all is told anew.
            _ => return,
        }
        // ANCHOR_END: step-5-5-version
        match change {
            Change::Joined(row) => state.add(&peer.node, row),
            Change::Left(row) => state.remove(&peer.node, row),
        }
        self.count(&state);
    }
    // ANCHOR_END: change

    // ANCHOR: snapshot_part
    /// Heeds a part of all rows of `peer`. What is not in any part is no more, once all have come.
    pub fn snapshot(&self, peer: &Peer, part: &Snapshot) {
        // ANCHOR: step-5-3-snapshot
        // BEFORE 5.3: rows may be new, and rows may be gone
        //| let _ = (peer, part, PIECE);
        let mut state = self.write();
        let Some(replica) = state.replica(peer) else { return };
        // ANCHOR: step-5-5-older
        // BEFORE 5.5: can a snapshot be older than what is known?
        if replica.sequence.is_some_and(|known| part.sequence < known) {
            return self.stats.directory.repeats.increment();
        }
        // ANCHOR_END: step-5-5-older
        if !replica.takes(part) {
            return;
        }
        let is_whole = part.part + 1 == part.parts;
        part.rows.iter().for_each(|row| state.add(&peer.node, row));
        self.count(&state);
        drop(state);
        if is_whole {
            self.complete(peer);
        }
        // ANCHOR_END: step-5-3-snapshot
    }
    // ANCHOR_END: snapshot_part

    // ANCHOR: beat
    /// Whether `peer`, which has come to `sequence` in telling, has to tell all anew.
    pub fn has_missed(&self, peer: &Peer, sequence: u64) -> bool {
        // ANCHOR: step-5-5-missed
        // BEFORE 5.5: how would one notice that the last change never came?
        //| let _ = (peer, sequence);
        //| false
        let mut state = self.write();
        let has_missed = state.replica(peer).is_some_and(|replica| replica.sequence != Some(sequence));
        if has_missed {
            self.stats.directory.missed.increment();
        }
        has_missed
        // ANCHOR_END: step-5-5-missed
    }
    // ANCHOR_END: beat

    /// All parts of a snapshot have come: rows that were in none of them are gone.
    fn complete(&self, peer: &Peer) {
        let mut state = self.write();
        let Some(replica) = state.replica(peer) else { return };
        let Some(Coming { sequence, rows, .. }) = replica.coming.take() else { return };
        replica.sequence = Some(sequence);
        let gone: Vec<_> = replica.rows.difference(&rows).cloned().collect();
        drop(state);
        self.in_pieces(&gone, |state, row| state.remove(&peer.node, row));
    }

    /// A node's replica is gone already; what is left of it are the users' places.
    fn forget(&self, node: &NodeId, gone: Option<Replica>) {
        let rows: Vec<_> = gone.into_iter().flat_map(|replica| replica.rows).collect();
        self.in_pieces(&rows, |state, row| {
            // It may be back, and have said it again.
            if !state.replicas.get(node).is_some_and(|replica| replica.rows.contains(row)) {
                state.displace(node, row);
            }
        });
    }

    fn in_pieces(&self, rows: &[Row], mut heed: impl FnMut(&mut State, &Row)) {
        for piece in rows.chunks(PIECE) {
            let mut state = self.write();
            piece.iter().for_each(|row| heed(&mut state, row));
            self.count(&state);
        }
    }

    fn count(&self, state: &State) {
        let rows: usize = state.replicas.values().map(|replica| replica.rows.len()).sum();
        self.stats.directory.rows.set(rows as u64);
    }

    // Every critical section leaves the state whole, so a poisoned lock is still good.
    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// What `peer` has said, if its word counts.
    fn replica(&mut self, peer: &Peer) -> Option<&mut Replica> {
        let counts = self.live.get(&peer.node) == Some(&peer.incarnation);
        let fresh = || Replica { incarnation: peer.incarnation, ..Replica::default() };
        counts.then(|| self.replicas.entry(peer.node.clone()).or_insert_with(fresh))
    }

    fn add(&mut self, node: &NodeId, row: &Row) {
        let is_new = self.replicas.get_mut(node).is_some_and(|replica| replica.rows.insert(row.clone()));
        if is_new {
            let place = Place { node: node.clone(), conn: row.conn };
            self.users.entry(row.user.clone()).or_insert_with(Holders::nowhere).change(|places| places.push(place));
        }
    }

    fn remove(&mut self, node: &NodeId, row: &Row) {
        if self.replicas.get_mut(node).is_some_and(|replica| replica.rows.remove(row)) {
            self.displace(node, row);
        }
    }

    /// Takes one of its places from a user.
    fn displace(&mut self, node: &NodeId, row: &Row) {
        let Some(holders) = self.users.get_mut(&row.user) else { return };
        holders.change(|places| places.retain(|place| place.conn != row.conn || place.node != *node));
        if holders.places.is_empty() {
            self.users.remove(&row.user);
        }
    }
}

impl Replica {
    /// Takes a part of a snapshot, if it is the one that comes next.
    fn takes(&mut self, part: &Snapshot) -> bool {
        if part.part == 0 {
            self.coming = Some(Coming { sequence: part.sequence, next: 0, rows: HashSet::new() });
        }
        let Some(coming) = &mut self.coming else { return false };
        if coming.sequence != part.sequence || coming.next != part.part {
            self.coming = None;
            return false;
        }
        coming.next += 1;
        coming.rows.extend(part.rows.iter().cloned());
        true
    }
}

impl Holders {
    fn nowhere() -> Self {
        // Most users are in one place only, and there are very many of them.
        Self { places: Vec::with_capacity(1), nodes: Arc::new([]) }
    }

    fn change(&mut self, change: impl FnOnce(&mut Vec<Place>)) {
        change(&mut self.places);
        let mut nodes: Vec<_> = self.places.iter().map(|place| place.node.clone()).collect();
        nodes.sort_unstable();
        nodes.dedup();
        self.nodes = nodes.into();
    }
}

#[cfg(test)]
mod tests {
    use contract::ConnId;
    use contract::cluster::LiveMember;

    use super::*;

    fn peer(node: &str, incarnation: u64) -> Peer {
        Peer { node: NodeId::new(node), incarnation }
    }

    fn row(name: &str, conn: u64) -> Row {
        Row { user: user(name), conn: ConnId::new(conn) }
    }

    fn user(name: &str) -> UserId {
        UserId::parse(name).expect("a name")
    }

    /// A table that has welcomed a peer, and has its snapshot at change 1: alice, by connection 1.
    fn table(peer: &Peer) -> Table {
        let table = Table::new(Arc::default());
        table.welcome(peer);
        table.snapshot(peer, &Snapshot { sequence: 1, part: 0, parts: 1, rows: vec![row("alice", 1)] });
        table
    }

    fn nodes(table: &Table, name: &str) -> Vec<String> {
        table.nodes(&user(name)).iter().flat_map(|nodes| nodes.iter()).map(ToString::to_string).collect()
    }

    #[test]
    fn only_the_next_change_counts() {
        let n1 = peer("n1", 1);
        let table = table(&n1);
        table.change(&n1, 3, &Change::Joined(row("too soon", 3)));
        table.change(&n1, 2, &Change::Left(row("alice", 1)));
        table.change(&n1, 1, &Change::Joined(row("alice", 1)));
        table.change(&n1, 2, &Change::Joined(row("alice", 1)));
        assert!(nodes(&table, "alice").is_empty() && nodes(&table, "too soon").is_empty());
        assert!(table.has_missed(&n1, 3) && !table.has_missed(&n1, 2));
    }

    #[test]
    fn a_snapshot_takes_the_place_of_what_was_known_unless_it_is_older() {
        let n1 = peer("n1", 1);
        let table = table(&n1);
        let part = |sequence, part, rows| Snapshot { sequence, part, parts: 2, rows };
        table.snapshot(&n1, &part(5, 0, vec![row("bob", 2)]));
        assert_eq!(nodes(&table, "alice"), ["n1"]);
        table.snapshot(&n1, &part(5, 1, vec![row("carol", 3)]));
        assert!(nodes(&table, "alice").is_empty());
        table.snapshot(&n1, &Snapshot { sequence: 4, part: 0, parts: 1, rows: vec![row("alice", 1)] });
        assert!(nodes(&table, "alice").is_empty());
        assert_eq!((nodes(&table, "bob"), nodes(&table, "carol")), (vec!["n1".to_owned()], vec!["n1".to_owned()]));
    }

    #[test]
    fn a_snapshot_without_one_of_its_parts_is_none() {
        let n1 = peer("n1", 1);
        let table = table(&n1);
        let part = |part| Snapshot { sequence: 5, part, parts: 3, rows: Vec::new() };
        table.snapshot(&n1, &part(0));
        table.snapshot(&n1, &part(2));
        assert_eq!(nodes(&table, "alice"), ["n1"]);
        assert!(table.has_missed(&n1, 5));
    }

    #[test]
    fn what_a_life_has_said_ends_with_it() {
        let (first, second, other) = (peer("n1", 1), peer("n1", 2), peer("n2", 1));
        let table = table(&first);
        table.welcome(&other);
        table.snapshot(&other, &Snapshot { sequence: 9, part: 0, parts: 1, rows: vec![row("alice", 1)] });
        assert_eq!(nodes(&table, "alice"), ["n1", "n2"]);
        let member = |peer: &Peer| {
            (peer.node.clone(), LiveMember { incarnation: peer.incarnation, addresses: Default::default() })
        };
        table.settle(&View { live: [member(&second), member(&other)].into(), duplicate: false });
        assert_eq!(nodes(&table, "alice"), ["n2"]);
        // The link of the earlier life has something left to say.
        table.change(&first, 2, &Change::Joined(row("bob", 2)));
        table.welcome(&second);
        table.change(&second, 1, &Change::Joined(row("carol", 3)));
        assert!(nodes(&table, "bob").is_empty() && nodes(&table, "carol").is_empty());
        table.settle(&View::default());
        assert!(nodes(&table, "alice").is_empty());
    }
}
// ANCHOR_END: step-5-2-table
