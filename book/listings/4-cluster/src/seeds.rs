//! Where the others are found, and found again.

use std::collections::{BTreeSet, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use contract::Joining;
use gossip::chitchat::{ChitchatHandle, ChitchatId};
use tokio::net::lookup_host;
use tokio::time::interval;

use crate::members;

/// Rounds between two look-ups: names are asked for over the network, and there are others who need it.
const ROUNDS: u32 = 4;

// ANCHOR: greet
/// Gossips with every seed that is no live member, for as long as the node lives.
pub(crate) async fn greet(joining: &Joining, chitchat: &ChitchatHandle, me: &ChitchatId) {
    let config = &joining.node.config.gossip;
    let mut seeds = Seeds { names: &config.seeds, hosts: config.hosts.clone(), lost: BTreeSet::new() };
    // ANCHOR: step-4-6-again
    // Step 4.6: what if nobody was there to hear it? What if, one day, everybody has forgotten everybody?
    let _ = (ROUNDS, interval);
    greet_once(&mut seeds, joining, chitchat, me).await;
    // ANCHOR_END: step-4-6-again
}
// ANCHOR_END: greet

// ANCHOR: greet_once
/// Gossips once with every seed that is no live member.
async fn greet_once(seeds: &mut Seeds<'_>, joining: &Joining, chitchat: &ChitchatHandle, me: &ChitchatId) {
    let found = seeds.find().await;
    // ANCHOR: step-4-1-greet
    // Step 4.1: this node may be a seed itself, and live members need no greeting
    let _ = (found, joining, chitchat, me, members::GOSSIP);
    // ANCHOR_END: step-4-1-greet
}
// ANCHOR_END: greet_once

/// The seeds, and where names are looked up.
struct Seeds<'a> {
    names: &'a [String],
    hosts: Option<PathBuf>,
    /// Those that could not be found the last time: that is said once.
    lost: BTreeSet<&'a str>,
}

impl<'a> Seeds<'a> {
    /// Where they are now. A name may stand for many addresses.
    async fn find(&mut self) -> HashSet<SocketAddr> {
        let hosts = self.read_hosts().await;
        let mut found = HashSet::new();
        for name in self.names {
            let addresses = look_up(name, &hosts).await;
            self.note(name, !addresses.is_empty());
            found.extend(addresses);
        }
        found
    }

    /// Reads the file of `--hosts` anew: it may have changed.
    async fn read_hosts(&self) -> String {
        let Some(path) = self.hosts.clone() else { return String::new() };
        // On a thread that may wait for the disk.
        let read = tokio::task::spawn_blocking(move || std::fs::read_to_string(path)).await;
        // A file that is not there yet has no names in it: that a seed cannot be found is told below.
        read.ok().and_then(Result::ok).unwrap_or_default()
    }

    fn note(&mut self, name: &'a str, is_found: bool) {
        if is_found {
            self.lost.remove(name);
        } else if self.lost.insert(name) {
            tracing::warn!(seed = name, "a seed cannot be found");
        }
    }
}

async fn look_up(seed: &str, hosts: &str) -> Vec<SocketAddr> {
    let listed = in_hosts(seed, hosts);
    if !listed.is_empty() {
        return listed;
    }
    lookup_host(seed).await.map(Iterator::collect).unwrap_or_default()
}

/// The addresses that a file in the form of /etc/hosts has for `host:port`.
fn in_hosts(seed: &str, hosts: &str) -> Vec<SocketAddr> {
    let Some((host, port)) = seed.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?))) else {
        return Vec::new();
    };
    let lines = hosts.lines().map(|line| line.split('#').next().unwrap_or_default().split_whitespace());
    let address = |mut words: std::str::SplitWhitespace<'_>| {
        let address: IpAddr = words.next()?.parse().ok()?;
        words.any(|name| name == host).then(|| SocketAddr::new(address, port))
    };
    lines.filter_map(address).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_as_many_addresses_as_the_file_says() {
        let hosts = "# ours\n10.0.0.1 a router # seed\n10.0.0.2\trouter\n\nnonsense router\n::1 b\n";
        let found = |seed: &str| in_hosts(seed, hosts).iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(found("router:7"), ["10.0.0.1:7", "10.0.0.2:7"]);
        assert_eq!(found("b:7"), ["[::1]:7"]);
        assert!(found("seed:7").is_empty() && found("10.0.0.1:7").is_empty());
    }
}
