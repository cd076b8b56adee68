//! One way of a link, from one node to another: which packets pass, and which of them the story tells.

use std::collections::{BTreeMap, BTreeSet};

use contract::link::Packet;
use tokio::sync::mpsc;

use crate::harness::gateway::show_raw;
use crate::harness::story::Story;

/// Packets of one way that a story tells, one by one; then it tells no more of them.
const TOLD: usize = 40;
/// So many of one kind in a row are told as their number.
const MANY: usize = 3;
/// Packets about rows that are remembered of each way, to be said again.
const REMEMBERED: usize = 1000;

/// From one node to another.
#[derive(Debug, Default)]
pub struct Way {
    /// Kinds that are kept back.
    pub held: BTreeSet<&'static str>,
    /// What was kept back of them.
    pub kept: Vec<Packet>,
    /// How many of a kind get lost.
    pub losing: BTreeMap<&'static str, usize>,
    /// What has passed about rows, to be said again.
    pub passed: Vec<Packet>,
    /// How many of a kind have passed.
    pub counts: BTreeMap<&'static str, usize>,
    /// Rows of the largest part of a snapshot that has passed.
    pub largest_part: usize,
    told: usize,
    /// Where to say what was not said.
    pub inject: Option<mpsc::Sender<Vec<Packet>>>,
}

/// What becomes of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It goes on.
    Passes,
    /// It may go on later.
    Kept,
    /// It never does.
    Lost,
}

impl Way {
    /// Decides, and counts what passes.
    pub fn judge(&mut self, packet: &Packet, is_cut: bool) -> Fate {
        let kind = packet.name();
        if is_cut {
            return Fate::Lost;
        }
        if self.held.contains(kind) {
            self.kept.push(packet.clone());
            return Fate::Kept;
        }
        if let Some(left) = self.losing.get_mut(kind).filter(|left| **left > 0) {
            *left -= 1;
            return Fate::Lost;
        }
        self.note(packet);
        Fate::Passes
    }

    /// Tells packets of one fate, as long as they are few.
    pub fn tell(&mut self, story: &Story, from: &str, to: &str, fate: Fate, packets: &[&Packet]) {
        let fate = match fate {
            Fate::Passes => "",
            Fate::Kept => " (kept back)",
            Fate::Lost => " (lost)",
        };
        for alike in packets.chunk_by(|a, b| a.name() == b.name()) {
            let lines = match alike {
                [first, .., last] if alike.len() > MANY => {
                    let many = format!("{} of {}", alike.len(), first.name());
                    let ends = show(first).zip(show(last));
                    ends.map(|(first, last)| format!("{many}: {first} … {last}")).into_iter().collect()
                }
                few => few.iter().filter_map(|packet| show(packet)).collect::<Vec<_>>(),
            };
            for line in lines {
                self.told += 1;
                match self.told {
                    TOLD => story.aside(from, to, "(and more, which is not told)"),
                    told if told < TOLD => story.aside(from, to, format!("{line}{fate}")),
                    _ => {}
                }
            }
        }
    }

    fn note(&mut self, packet: &Packet) {
        *self.counts.entry(packet.name()).or_default() += 1;
        if let Packet::Snapshot(part) = packet {
            self.largest_part = self.largest_part.max(part.rows.len());
        }
        let is_about_rows = matches!(packet, Packet::Snapshot(_) | Packet::Joined { .. } | Packet::Left { .. });
        if is_about_rows && self.passed.len() < REMEMBERED {
            self.passed.push(packet.clone());
        }
    }
}

/// A packet in words; `None` for what belongs to the link and comes all the time.
fn show(packet: &Packet) -> Option<String> {
    Some(match packet {
        Packet::Challenge(_) | Packet::Proof(_) | Packet::Receipt { .. } | Packet::Beat { .. } => return None,
        Packet::Snapshot(part) => {
            let names: Vec<_> = part.rows.iter().take(3).map(|row| format!("{}#{}", row.user, row.conn)).collect();
            let more = if part.rows.len() > 3 { " …" } else { "" };
            let (rows, sequence) = (part.rows.len(), part.sequence);
            let list = if rows == 0 { String::new() } else { format!(": {}{more}", names.join(" ")) };
            format!("snapshot at {sequence}, {}/{}, {rows} rows{list}", part.part + 1, part.parts)
        }
        Packet::Joined { sequence, row } => format!("{sequence}: joined {}#{}", row.user, row.conn),
        Packet::Left { sequence, row } => format!("{sequence}: left {}#{}", row.user, row.conn),
        Packet::Ask => "ask for all rows".to_owned(),
        Packet::Message { number, message } => {
            format!("message {number} to {} {}", message.to, show_raw(message.payload.as_str()))
        }
        Packet::Broadcast { number, payload, .. } => format!("broadcast {number} {}", show_raw(payload.as_str())),
        Packet::Outcome { number, outcome } => format!("outcome of {number}: {outcome:?}"),
        Packet::Unknown { kind } => format!("packet of the unknown kind {kind}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_kept_and_what_is_to_be_lost_is_lost() {
        let mut way = Way::default();
        way.held.insert("beat");
        way.losing.insert("ask", 1);
        let packets = [Packet::Beat { sequence: 1 }, Packet::Ask, Packet::Ask];
        let fates = packets.each_ref().map(|packet| way.judge(packet, false));
        assert_eq!(fates, [Fate::Kept, Fate::Lost, Fate::Passes]);
        assert_eq!(way.judge(&Packet::Ask, true), Fate::Lost);
        assert_eq!((way.kept.len(), way.counts.get("ask")), (1, Some(&1)));
    }
}
