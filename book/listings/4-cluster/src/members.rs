//! What chitchat knows, as rows.

use std::collections::{BTreeMap, HashSet};
use std::net::SocketAddr;

use contract::cluster::{Member, State};
use contract::{Joining, NodeId};
use gossip::Gossip;
use gossip::chitchat::{Chitchat, ChitchatId};

/// The key under which a node says that it leaves.
pub(crate) const LEFT: &str = "left";
/// The key under which a node says where it gossips; the other addresses have the names that the shell gives them.
pub(crate) const GOSSIP: &str = "gossip";
/// The key under which a node says which version of the program it runs.
const VERSION: &str = "version";

/// What chitchat knows of one life of a node, at one moment.
#[derive(Debug, Clone)]
pub(crate) struct Sighting {
    /// Its name, its incarnation, and where it gossips.
    pub id: ChitchatId,
    /// Grows for as long as it lives: a count of what it has done, as far as word of it has come here.
    pub heartbeat: u64,
    /// Whether the failure detector takes it for alive.
    pub is_live: bool,
    /// What it says of itself.
    pub values: BTreeMap<String, String>,
}

/// What this node says of itself.
pub(crate) fn metadata(joining: &Joining, me: &ChitchatId) -> Vec<(String, String)> {
    let addresses = joining.addresses.iter().map(|(name, address)| (name.clone(), address.to_string()));
    let more = [
        (GOSSIP.to_owned(), me.gossip_advertise_addr.to_string()),
        (VERSION.to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
    ];
    addresses.chain(more).collect()
}

// ANCHOR: sightings
/// All that chitchat knows now, this node included.
pub(crate) fn sightings(chitchat: &Chitchat) -> Vec<Sighting> {
    // ANCHOR: step-4-1-sightings
    // Step 4.1: chitchat has a state for each node, and knows which are live; this one is among both
    let _ = chitchat;
    todo!("step 4.1: a sighting for each of chitchat's states")
    // ANCHOR_END: step-4-1-sightings
}
// ANCHOR_END: sightings

/// Those that live, or have lived since this node watches: a name that others merely remember is no row here.
pub(crate) fn acquainted(mut sightings: Vec<Sighting>, acquaintances: &mut HashSet<ChitchatId>) -> Vec<Sighting> {
    sightings.retain(|sighting| sighting.is_live || acquaintances.contains(&sighting.id));
    *acquaintances = sightings.iter().map(|sighting| sighting.id.clone()).collect();
    sightings
}

/// A row a name, in their order.
pub(crate) fn rows(sightings: &[Sighting], gossip: &Gossip) -> Vec<Member> {
    newest(sightings).into_iter().map(|sighting| row(sighting, gossip)).collect()
}

// ANCHOR: newest
/// Of several lives of one name, the one that counts.
fn newest(sightings: &[Sighting]) -> Vec<&Sighting> {
    // ANCHOR: step-4-2-newest
    // Step 4.2: a restarted node is not two nodes
    sightings.iter().collect()
    // ANCHOR_END: step-4-2-newest
}
// ANCHOR_END: newest

// ANCHOR: state
/// How it is, as far as this node can tell.
pub(crate) fn state(sighting: &Sighting) -> State {
    // ANCHOR: step-4-4-left
    // Step 4.4: who has said goodbye is not dead, and not live either, however short a time ago it was heard
    if sighting.is_live { State::Live } else { State::Dead }
    // ANCHOR_END: step-4-4-left
}
// ANCHOR_END: state

fn row(sighting: &Sighting, gossip: &Gossip) -> Member {
    let ChitchatId { node_id, generation_id, gossip_advertise_addr } = &sighting.id;
    let peer = gossip.peer(node_id, *generation_id, *gossip_advertise_addr);
    Member {
        node: NodeId::new(node_id),
        incarnation: *generation_id,
        state: state(sighting),
        addresses: addresses(&sighting.values),
        version: sighting.values.get(VERSION).cloned(),
        last_heard: peer.last_heard,
        sent: peer.sent,
        received: peer.received,
        repeats: peer.repeats,
    }
}

/// Whatever is an address; a newer version may say more than this one knows.
fn addresses(values: &BTreeMap<String, String>) -> BTreeMap<String, SocketAddr> {
    values.iter().filter_map(|(name, value)| Some((name.clone(), value.parse().ok()?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sighting(node: &str, incarnation: u64, is_live: bool, values: &[(&str, &str)]) -> Sighting {
        let values = values.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        Sighting { id: ChitchatId::new(node, incarnation, ([127, 0, 0, 1], 1).into()), heartbeat: 1, is_live, values }
    }

    #[test]
    fn of_several_lives_the_last_live_one_counts() {
        let left: &[(&str, &str)] = &[(LEFT, "true")];
        let lives = [
            sighting("n1", 1, true, &[]),
            sighting("n1", 2, true, &[]),
            sighting("n1", 3, false, &[]),
            sighting("n1", 4, true, left),
            sighting("n2", 5, false, &[]),
            sighting("n2", 6, false, left),
        ];
        let newest: Vec<_> = newest(&lives).into_iter().map(|life| (life.id.generation_id, state(life))).collect();
        assert_eq!(newest, [(2, State::Live), (6, State::Left)]);
    }

    #[test]
    fn a_name_that_others_remember_is_no_row_and_a_dead_acquaintance_is() {
        let mut acquaintances = HashSet::new();
        let count =
            |is_live, acquaintances: &mut _| acquainted(vec![sighting("n1", 1, is_live, &[])], acquaintances).len();
        assert_eq!([false, true, false].map(|is_live| count(is_live, &mut acquaintances)), [0, 1, 1]);
        assert_eq!(acquainted(Vec::new(), &mut acquaintances).len(), 0);
        assert_eq!(count(false, &mut acquaintances), 0);
    }

    #[test]
    fn what_is_no_address_is_none() {
        let values = [("ws", "127.0.0.1:1"), ("version", "0.1.0"), ("mood", "good")];
        let values = values.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        assert_eq!(addresses(&values).into_keys().collect::<Vec<_>>(), ["ws"]);
    }
}
