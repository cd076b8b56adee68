//! The one line a node prints on standard output.

use std::collections::BTreeMap;
use std::net::SocketAddr;

/// Where a node listens, by the names of its ready line: `ws`, `admin` …
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ready(BTreeMap<String, SocketAddr>);

impl Ready {
    /// Reads `ready ws=127.0.0.1:41233 admin=127.0.0.1:41234`; pairs that are no addresses are ignored.
    pub fn parse(line: &str) -> Option<Self> {
        let pairs = line.trim_end().strip_prefix("ready ")?;
        let address = |pair: &str| {
            let (name, address) = pair.split_once('=')?;
            Some((name.to_owned(), address.parse().ok()?))
        };
        Some(Self(pairs.split_whitespace().filter_map(address).collect()))
    }

    /// The address called `name`, if the node has it.
    pub fn address(&self, name: &str) -> Option<SocketAddr> {
        self.0.get(name).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_pairs_in_any_order_and_ignores_what_it_does_not_know() {
        let ready = Ready::parse("ready admin=127.0.0.1:2 version=7 ws=127.0.0.1:1\n").expect("a ready line");
        assert_eq!(ready.address("ws"), Some(([127, 0, 0, 1], 1).into()));
        assert_eq!(ready.address("admin"), Some(([127, 0, 0, 1], 2).into()));
        assert_eq!(ready.address("gossip"), None);
    }

    #[test]
    fn other_lines_are_not_ready_lines() {
        assert_eq!(Ready::parse("already ws=127.0.0.1:1"), None);
        assert_eq!(Ready::parse("ready"), None);
    }
}
