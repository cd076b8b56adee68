//! Every counter of a node: what `GET /stats` and `GET /metrics` answer.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Map, Value};

/// A number that many tasks change. Relaxed: a reader may see one counter ahead of another.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// One more.
    pub fn increment(&self) {
        self.add(1);
    }

    /// `count` more.
    pub fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    /// The number itself; for gauges that are counted elsewhere.
    pub fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// One less; for gauges.
    pub fn decrement(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }

    /// As it is now.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

macro_rules! counters {
    ($($(#[doc = $group_doc:literal])+ $group:ident: $Group:ident { $($(#[doc = $doc:literal])+ $name:ident: $kind:ident,)+ })+) => {
        /// Every counter of a node, in groups.
        #[derive(Debug, Default)]
        pub struct Stats {
            $($(#[doc = $group_doc])+ pub $group: $Group,)+
        }

        $($(#[doc = $group_doc])+
        #[derive(Debug, Default)]
        pub struct $Group {
            $($(#[doc = $doc])+ pub $name: Counter,)+
        })+

        impl Stats {
            fn rows(&self) -> Vec<Row> {
                vec![$($(Row {
                    group: stringify!($group),
                    name: stringify!($name),
                    kind: stringify!($kind),
                    help: concat!($($doc),+),
                    value: self.$group.$name.get(),
                },)+)+]
            }
        }
    };
}

counters! {
    /// Connections, counted by the shell.
    sockets: Sockets {
        /// Connections open now.
        open: gauge,
        /// Connections opened since the start.
        opened: counter,
    }
    /// How connections ended, counted by the connection.
    closed: Closed {
        /// Closed by the client, with a Close frame.
        normal: counter,
        /// Gone without a Close frame.
        lost: counter,
        /// Closed 1013: a queued frame had waited for the slow grace.
        slow: counter,
        /// Closed 1008: no sign of life for the heartbeat timeout.
        silent: counter,
        /// Closed 1009: a message beyond the limit.
        too_big: counter,
        /// Closed 1002 or 1007: not WebSocket, or not UTF-8.
        invalid: counter,
        /// Closed 1008: the token of the registration had run out.
        expired: counter,
        /// Closed 1001 or 1012: the node was stopping or draining.
        draining: counter,
    }
    /// Names on this node.
    registry: Registry {
        /// Users registered now.
        users: gauge,
        /// Registrations without a connection, found by the sweep: must stay 0.
        swept: counter,
    }
    /// Frames on their way to clients: `queued` and `written` once a socket, the rest once a message, by whoever tells its sender.
    messages: Messages {
        /// Put into a mailbox.
        queued: counter,
        /// Handed to the kernel.
        written: counter,
        /// Refused: a mailbox had no room.
        overloaded: counter,
        /// Refused: nobody there by that name.
        not_connected: counter,
        /// Not Written within the deliver timeout.
        timeout: counter,
        /// The socket went before it was Written.
        unavailable: counter,
    }
    /// Records from Kafka, counted by the consumer; from phase 3 on.
    ingest: Ingest {
        /// Records in this node's partitions that are not committed yet, as of a second ago.
        lag: gauge,
        /// Records taken and not yet decided.
        in_flight: gauge,
        /// Records decided by being Written.
        written: counter,
        /// Records decided because nobody was there by that name.
        not_connected: counter,
        /// Records decided by being written to the dead-letter topic.
        dead_lettered: counter,
        /// Milliseconds that the oldest decision has waited for its commit; 0 if none waits.
        commit_age_ms: gauge,
        /// Partitions of this node that nothing is read from now.
        paused_partitions: gauge,
    }
    /// Datagrams between nodes, counted by the gossip's socket; from phase 4 on.
    gossip: Gossip {
        /// Datagrams sent.
        sent: counter,
        /// Bytes of those.
        sent_bytes: counter,
        /// Datagrams heard from members, each once.
        received: counter,
        /// Bytes of those.
        received_bytes: counter,
        /// Datagrams from members that came again.
        repeats: counter,
        /// Datagrams of strangers, which were turned away.
        rejected: counter,
    }
    /// Links to other nodes; from phase 5 on.
    links: Links {
        /// Links that are up now.
        up: gauge,
        /// Links that came up since the start.
        opened: counter,
        /// Links that were closed since the peer confirmed nothing.
        stalled: counter,
        /// Who wanted a link and did not get one: no node of this cluster, or not in the life that the view tells of.
        rejected: counter,
        /// Packets given to links.
        sent: counter,
        /// Packets that came by links.
        received: counter,
        /// Packets refused: too much was on its way to that node.
        full: counter,
    }
    /// What this node knows of users on others; from phase 5 on.
    directory: Directory {
        /// Rows of other nodes.
        rows: gauge,
        /// Messages sent on to another node, each once for each node.
        forwarded: counter,
        /// Changes of other nodes that were known already.
        repeats: counter,
        /// Changes of other nodes that were missed: a snapshot was asked for.
        missed: counter,
    }
}

struct Row {
    group: &'static str,
    name: &'static str,
    kind: &'static str,
    help: &'static str,
    value: u64,
}

impl Stats {
    /// As JSON, an object per group.
    pub fn to_json(&self) -> Value {
        let mut groups = Map::new();
        for row in self.rows() {
            let group = groups.entry(row.group).or_insert_with(|| Value::Object(Map::new()));
            group[row.name] = row.value.into();
        }
        Value::Object(groups)
    }

    /// As Prometheus text, version 0.0.4: `router_closed_slow_total 3`.
    pub fn to_prometheus(&self) -> String {
        let mut text = String::new();
        for Row { group, name, kind, help, value } in self.rows() {
            let unit = if kind == "counter" { "_total" } else { "" };
            let metric = format!("router_{group}_{name}{unit}");
            // Writing to a String cannot fail.
            let _ = writeln!(text, "# HELP {metric}{help}\n# TYPE {metric} {kind}\n{metric} {value}");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_and_prometheus_tell_the_same() {
        let stats = Stats::default();
        stats.closed.slow.add(3);
        assert_eq!(stats.to_json()["closed"]["slow"], 3);
        assert!(
            stats.to_prometheus().contains("# TYPE router_closed_slow_total counter\nrouter_closed_slow_total 3\n")
        );
        assert!(stats.to_prometheus().contains("# HELP router_sockets_open Connections open now.\n"));
    }
}
