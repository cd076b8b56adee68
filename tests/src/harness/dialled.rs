//! How far two nodes come with a link: one line of the story for each time that one has dialled the other.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use contract::link::Packet;

use crate::harness::story::{Going, Story};

/// One time that a node has dialled another. Dropped without an end, its line stays as it stands.
#[derive(Debug)]
pub struct Dialled {
    line: Going,
    stage: Mutex<Stage>,
}

#[derive(Debug, Default)]
struct Stage {
    upgraded: bool,
    /// By whom.
    challenges: BTreeSet<String>,
    /// By whom.
    proofs: BTreeSet<String>,
}

impl Dialled {
    /// Just now.
    pub fn new(story: &Story, by: &str, to: &str) -> Self {
        let stage = Stage::default();
        Self { line: story.going(by, to, stage.words()), stage: Mutex::new(stage) }
    }

    /// The other has answered the upgrade.
    pub fn upgraded(&self) {
        self.goes_on(|stage| stage.upgraded = true);
    }

    /// One of the two has said this.
    pub fn heard(&self, from: &str, packet: &Packet) {
        match packet {
            Packet::Challenge(_) => self.goes_on(|stage| stage.challenges.extend([from.to_owned()])),
            Packet::Proof(_) => self.goes_on(|stage| stage.proofs.extend([from.to_owned()])),
            _ => {}
        }
    }

    /// It has come to nothing, or the link has ended.
    pub fn ended(self, why: &str) {
        let stage = self.stage.into_inner().unwrap_or_else(PoisonError::into_inner);
        let stands = if stage.upgraded { stage.words() } else { "dials".to_owned() };
        self.line.ended(format!("{stands}; {why}"));
    }

    fn goes_on(&self, step: impl FnOnce(&mut Stage)) {
        let mut stage = self.stage.lock().unwrap_or_else(PoisonError::into_inner);
        step(&mut stage);
        self.line.stands(stage.words());
    }
}

impl Stage {
    fn words(&self) -> String {
        if !self.upgraded {
            return "dials; no answer yet".to_owned();
        }
        let by = |what: &str, names: &BTreeSet<String>| match names.first() {
            Some(name) if names.len() == 1 => format!(", {what} by {name} only"),
            Some(_) => format!(", {what}s"),
            None => format!(", no {what}"),
        };
        match (self.challenges.len(), self.proofs.len()) {
            (0, 0) => "dials, upgraded, no challenge".to_owned(),
            _ => format!("dials{}{}", by("challenge", &self.challenges), by("proof", &self.proofs)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use contract::link::{Challenge, Proof};

    use super::*;

    #[test]
    fn a_link_is_told_by_how_far_it_has_come() {
        let story = Story::begin();
        let told = || story.until(Instant::now()).pop().map(|event| event.text);
        let dialled = Dialled::new(&story, "n1", "n2");
        assert_eq!(told().as_deref(), Some("dials; no answer yet"));
        dialled.upgraded();
        assert_eq!(told().as_deref(), Some("dials, upgraded, no challenge"));
        dialled.heard("n1", &Packet::Challenge(Challenge([7; 32])));
        assert_eq!(told().as_deref(), Some("dials, challenge by n1 only, no proof"));
        dialled.heard("n2", &Packet::Challenge(Challenge([7; 32])));
        dialled.heard("n2", &Packet::Proof(Proof([7; 32])));
        assert_eq!(told().as_deref(), Some("dials, challenges, proof by n2 only"));
        dialled.heard("n1", &Packet::Proof(Proof([7; 32])));
        dialled.ended("n2 closes");
        assert_eq!(told().as_deref(), Some("dials, challenges, proofs; n2 closes"));
    }
}
