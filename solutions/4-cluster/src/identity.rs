//! Which of a node's lives this is, and whether somebody else lives it too.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use contract::Gossip;
use gossip::chitchat::ChitchatId;

use crate::members::Sighting;

/// A heartbeat that is further on in so many rounds is no echo: what others had still heard of a life that is over reaches this node
/// in a round or two, and then never again.
const PROOF: u32 = 3;
/// After so many rounds without one, a life is over: it would have been heard of, even by way of others.
const SILENCE: u32 = 10;

// ANCHOR: first
/// The incarnation to begin with: higher than any before, on a machine whose clock goes forward.
pub(crate) fn first(config: &Gossip) -> u64 {
    // ANCHOR: step-4-2-first
    // BEFORE 4.2: how are the others to tell that this is not the node that they knew by this name?
    //| config.incarnation.unwrap_or_default()
    let clock =
        || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO).as_millis() as u64;
    config.incarnation.unwrap_or_else(clock)
    // ANCHOR_END: step-4-2-first
}
// ANCHOR_END: first

/// Other lives of this node's name.
pub(crate) struct Rivals {
    me: ChitchatId,
    rivals: HashMap<ChitchatId, Rival>,
}

/// One of them, as far as its heartbeat tells.
#[derive(Debug, Default)]
struct Rival {
    heartbeat: u64,
    /// Rounds in which the heartbeat was further on, since the last long silence.
    advances: u32,
    /// Rounds since then.
    quiet: u32,
}

/// What they mean to this life.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Rivalry {
    /// One of them lives.
    pub duplicate: bool,
    /// One of them is silent, and its incarnation is not below this one's: the highest such.
    pub outranked_by: Option<u64>,
}

impl Rivals {
    /// None so far.
    pub fn of(me: &ChitchatId) -> Self {
        Self { me: me.clone(), rivals: HashMap::new() }
    }

    // ANCHOR: look
    /// Looks at all that is known, once a round.
    pub fn look(&mut self, sightings: &[Sighting]) -> Rivalry {
        // ANCHOR: step-4-2-look
        // BEFORE 4.2: note the heartbeat of every other life of this name: which of them live, and which silent one is above this?
        //| let _ = (sightings, &self.me, &self.rivals, Rival::note, Rival::is_alive, Rival::is_silent);
        //| Rivalry::default()
        let others = sightings.iter().filter(|other| other.id.node_id == self.me.node_id && other.id != self.me);
        // Whoever is forgotten is no rival: a twin that cannot stop crashing has many lives.
        self.rivals.retain(|id, _| sightings.iter().any(|other| other.id == *id));
        let mut rivalry = Rivalry::default();
        for Sighting { id, heartbeat, .. } in others {
            let rival =
                self.rivals.entry(id.clone()).or_insert_with(|| Rival { heartbeat: *heartbeat, ..Rival::default() });
            rival.note(*heartbeat);
            rivalry.duplicate |= rival.is_alive();
            if rival.is_silent() && id.generation_id >= self.me.generation_id {
                rivalry.outranked_by = rivalry.outranked_by.max(Some(id.generation_id));
            }
        }
        rivalry
        // ANCHOR_END: step-4-2-look
    }
    // ANCHOR_END: look
}

impl Rival {
    /// One more round, in which the heartbeat was this.
    fn note(&mut self, heartbeat: u64) {
        if heartbeat > self.heartbeat {
            *self = Self { heartbeat, advances: self.advances + 1, quiet: 0 };
        } else {
            self.quiet += 1;
        }
        if self.is_silent() {
            self.advances = 0;
        }
    }

    fn is_alive(&self) -> bool {
        self.advances >= PROOF
    }

    fn is_silent(&self) -> bool {
        self.quiet >= SILENCE
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn id(node: &str, incarnation: u64) -> ChitchatId {
        ChitchatId::new(node, incarnation, ([127, 0, 0, 1], 1).into())
    }

    /// What this node, n1 in its fifth life, makes of another life that is seen with these heartbeats, round by round.
    fn after(other: ChitchatId, heartbeats: impl IntoIterator<Item = u64>) -> Rivalry {
        let mut rivals = Rivals::of(&id("n1", 5));
        let sighting = |id, heartbeat| Sighting { id, heartbeat, is_live: false, values: BTreeMap::new() };
        let mut look = |heartbeat| rivals.look(&[sighting(id("n1", 5), heartbeat), sighting(other.clone(), heartbeat)]);
        heartbeats.into_iter().fold(Rivalry::default(), |_, heartbeat| look(heartbeat))
    }

    #[test]
    fn who_goes_on_is_a_duplicate_whichever_is_the_older() {
        for incarnation in [3, 9] {
            assert!(!after(id("n1", incarnation), 1..=3).duplicate);
            assert_eq!(after(id("n1", incarnation), 1..=4), Rivalry { duplicate: true, outranked_by: None });
        }
        assert!(!after(id("n2", 9), 1..=20).duplicate);
    }

    #[test]
    fn an_echo_of_the_past_is_no_life() {
        let echo = [50, 52, 53].into_iter().chain([53; SILENCE as usize]);
        assert_eq!(after(id("n1", 3), echo.clone()), Rivalry::default());
        assert_eq!(after(id("n1", 9), echo).outranked_by, Some(9));
    }

    #[test]
    fn only_a_silent_life_that_is_not_below_outranks() {
        let silent = || std::iter::repeat_n(50, SILENCE as usize + 1);
        assert_eq!(after(id("n1", 5 - 1), silent()).outranked_by, None);
        assert_eq!(after(id("n1", 9), silent()).outranked_by, Some(9));
        assert_eq!(after(id("n1", 9), silent().skip(2)).outranked_by, None);
    }

    #[test]
    fn a_duplicate_that_falls_silent_is_none_any_more() {
        let gone = (1..=9).chain([9; SILENCE as usize]);
        assert!(!after(id("n1", 3), gone).duplicate);
    }
}
