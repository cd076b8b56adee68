//! One life of a node among others, from the first word to the goodbye.

use std::collections::HashSet;
use std::error::Error;

use contract::Joining;
use contract::cluster::{Report, State};
use gossip::Gossip;
use gossip::chitchat::{ChitchatConfig, ChitchatHandle, ChitchatId, ProtocolVersion, spawn_chitchat};
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::identity::Rivals;
use crate::{dials, members, seeds, strangers};

/// How often the others are told that this node leaves, if they do not answer: one that does not is about to be given up.
const GOODBYES: usize = 10;
/// Answers after which one has been told: each is answered in turn with what the other lacks. With the second one, what got lost
/// after the first has been said again.
const ANSWERS: u64 = 2;

/// A node that gossips.
pub(crate) struct Life<'a> {
    joining: &'a Joining,
    gossip: &'a Gossip,
    me: ChitchatId,
    chitchat: ChitchatHandle,
}

/// Why a life is over.
pub(crate) enum Ended {
    /// The node stops, and has said so.
    Stopped,
    /// A silent life of the same name had this incarnation, which is not below this one's: the others would take it for the newer one.
    Outranked(u64),
    /// The socket is broken.
    Broken(String),
}

impl<'a> Life<'a> {
    // ANCHOR: begin
    /// Begins to gossip, as `me`.
    pub async fn begin(
        joining: &'a Joining,
        gossip: &'a Gossip,
        me: ChitchatId,
    ) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let config = &joining.node.config.gossip;
        let transport = gossip.transport(strangers::seal(config, &me));
        let metadata = gossip::within_limit(members::metadata(joining, &me))?;
        // ANCHOR: step-4-1-begin
        // Step 4.1: spawn chitchat: who this is, what it says of itself, how often it gossips, on which transport. It needs no
        // seeds of its own: `seeds` finds them
        let _ = (transport, metadata, config, dials::failure_detector, ProtocolVersion::V0);
        let _ = spawn_chitchat;
        let chitchat: ChitchatHandle = todo!("step 4.1: spawn chitchat as `me`, with `metadata`, on `transport`");
        // ANCHOR_END: step-4-1-begin
        Ok(Self { joining, gossip, me, chitchat })
    }
    // ANCHOR_END: begin

    // ANCHOR: live
    /// Gossips until it is over.
    pub async fn live(self) -> Ended {
        let ended = {
            let mut rounds = self.rounds();
            let (mut rivals, mut acquaintances) = (Rivals::of(&self.me), HashSet::new());
            let greeting = async {
                seeds::greet(self.joining, &self.chitchat, &self.me).await;
                std::future::pending::<()>().await;
            };
            let broken = self.chitchat.termination_watcher();
            tokio::pin!(greeting, broken);
            loop {
                tokio::select! {
                    () = self.joining.stop.cancelled() => {
                        self.leave().await;
                        break Ended::Stopped;
                    }
                    _ = rounds.tick() => {
                        if let Some(by) = self.look_round(&mut rivals, &mut acquaintances).await {
                            break Ended::Outranked(by);
                        }
                    }
                    () = &mut greeting => {}
                    why = &mut broken => break Ended::Broken(why.err().map_or_else(String::new, |why| why.to_string())),
                }
            }
        };
        if let Err(error) = self.chitchat.shutdown().await {
            tracing::debug!(%error, "chitchat had ended before");
        }
        ended
    }
    // ANCHOR_END: live

    /// Says who is there; gives the incarnation that this life should have been above.
    async fn look_round(&self, rivals: &mut Rivals, acquaintances: &mut HashSet<ChitchatId>) -> Option<u64> {
        let sightings = self.chitchat.with_chitchat(|chitchat| members::sightings(chitchat)).await;
        let rivalry = rivals.look(&sightings);
        let known = members::acquainted(sightings, acquaintances);
        self.joining.board.publish(Report {
            incarnation: self.me.generation_id,
            members: members::rows(&known, self.gossip),
            rejected: strangers::rejected(self.gossip),
            duplicate: rivalry.duplicate,
        });
        strangers::count(self.gossip, &self.joining.node.stats.gossip);
        rivalry.outranked_by
    }

    // ANCHOR: leave
    /// Tells the others that this node leaves, so that they need not find out.
    async fn leave(&self) {
        // ANCHOR: step-4-4-leave
        // Step 4.4: say it in this node's own state, and gossip with each of the others until it has answered, before the process ends
        let _ = (Self::others, GOODBYES, ANSWERS, members::LEFT);
        // ANCHOR_END: step-4-4-leave
    }
    // ANCHOR_END: leave

    /// A tick a round, the first one at once. A node that hung shall not take the rounds that it has missed for rounds in which
    /// nothing was heard.
    fn rounds(&self) -> Interval {
        let mut rounds = interval(self.joining.node.config.gossip.interval);
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        rounds
    }

    /// The other live nodes, and how many answers each has given.
    async fn others(&self) -> Vec<(ChitchatId, u64)> {
        let sightings = self.chitchat.with_chitchat(|chitchat| members::sightings(chitchat)).await;
        let live = sightings.into_iter().filter(|other| other.id != self.me && members::state(other) == State::Live);
        let answers =
            |id: &ChitchatId| self.gossip.peer(&id.node_id, id.generation_id, id.gossip_advertise_addr).answers;
        live.map(|other| (other.id.clone(), answers(&other.id))).collect()
    }
}
