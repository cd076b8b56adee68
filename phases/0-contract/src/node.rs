//! What the shell shares with the phases: one object a node.

use std::sync::Arc;

use crate::{Config, Health, Protocol, Stats};

/// A running node, as its connections see it.
pub struct Node {
    /// The flags it was started with.
    pub config: Config,
    /// Its counters.
    pub stats: Arc<Stats>,
    /// What is wrong with what it depends on.
    pub health: Health,
    /// Whom to tell of connections and their frames. It lists each connection for the admin routes first.
    pub protocol: Arc<dyn Protocol>,
}
