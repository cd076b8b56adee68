//! Who may speak with this node, and who was turned away.

use contract::cluster::Rejected;
use contract::{Gossip as Config, stats};
use gossip::chitchat::ChitchatId;
use gossip::{Gossip, Seal};

/// What this node's datagrams are sealed with, and what it asks of those of others.
pub(crate) fn seal(config: &Config, me: &ChitchatId) -> Seal {
    // Step 4.5: whoever can reach this node's port is one of its cluster
    let _ = config;
    Seal::open_to_all(&me.node_id, me.generation_id)
}

/// Who was turned away, for `GET /cluster`.
pub(crate) fn rejected(gossip: &Gossip) -> Vec<Rejected> {
    let row = |row: gossip::Rejected| Rejected { from: row.from, reason: row.reason.as_str(), count: row.count };
    gossip.rejected().into_iter().map(row).collect()
}

/// Copies what the socket has counted.
pub(crate) fn count(gossip: &Gossip, stats: &stats::Gossip) {
    let totals = gossip.totals();
    stats.sent.set(totals.sent);
    stats.sent_bytes.set(totals.sent_bytes);
    stats.received.set(totals.received);
    stats.received_bytes.set(totals.received_bytes);
    stats.repeats.set(totals.repeats);
    stats.rejected.set(totals.rejected);
}
