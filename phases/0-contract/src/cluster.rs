//! The seam for what keeps a node in its cluster: phase 4 implements it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde::Serialize;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{Node, NodeId};

/// Finds the other nodes, and notices when they go.
pub trait Cluster: Send + Sync + 'static {
    /// Binds where others reach this node; gives what to run beside the sockets.
    ///
    /// # Errors
    ///
    /// The address of `--gossip` cannot be bound.
    fn join(&self, joining: Joining) -> BoxFuture<'static, std::io::Result<Joined>>;
}

/// What a [`Cluster`] works with.
pub struct Joining {
    /// Flags (`config.gossip`), counters (`stats.gossip`), and where to say what is wrong (`health`).
    pub node: Arc<Node>,
    /// Where this node listens, by name: `ws`, `admin`. Others are to know.
    pub addresses: BTreeMap<String, SocketAddr>,
    /// Where to say who is there.
    pub board: Board,
    /// Cancelled when the node is to stop: leave, so that others know at once.
    pub stop: CancellationToken,
}

/// A node that can be reached by others.
pub struct Joined {
    /// As bound, for the ready line.
    pub gossip: SocketAddr,
    /// Gossips until `stop`, and leaves then. It should be done within half of `--drain`; it is dropped at the deadline itself.
    pub run: BoxFuture<'static, ()>,
}

/// Who is in the cluster, as far as this node knows: a watch of the live members. Only a change of those wakes who waits for one.
pub type ClusterView = watch::Receiver<View>;

/// The live members.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct View {
    /// By name, this node among them.
    pub live: BTreeMap<NodeId, LiveMember>,
    /// Whether another live node has this node's name.
    pub duplicate: bool,
}

/// A live member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveMember {
    /// Which of its lives it is: what is said of an earlier one does not hold any more.
    pub incarnation: u64,
    /// Where it listens, by name: `ws`, `admin`, `gossip`.
    pub addresses: BTreeMap<String, SocketAddr>,
}

/// All that a node knows of its cluster: what `GET /cluster` answers.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// This node's.
    pub incarnation: u64,
    /// One row a name, this node's among them.
    pub members: Vec<Member>,
    /// Who was turned away.
    pub rejected: Vec<Rejected>,
    /// Whether another live node has this node's name.
    pub duplicate: bool,
}

/// A row of the report.
#[derive(Debug, Clone)]
pub struct Member {
    /// Its name.
    pub node: NodeId,
    /// Which of its lives it is.
    pub incarnation: u64,
    /// How it is.
    pub state: State,
    /// Where it listens, by name.
    pub addresses: BTreeMap<String, SocketAddr>,
    /// Which version of the program it runs, if it says so.
    pub version: Option<String>,
    /// When it was last heard, directly; `None` if it never was, as this node itself.
    pub last_heard: Option<Instant>,
    /// Datagrams sent to it, directly.
    pub sent: u64,
    /// Datagrams heard from it, directly, each once.
    pub received: u64,
    /// Datagrams from it that came again.
    pub repeats: u64,
}

/// How a member is, as far as one node can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It was heard of lately.
    Live,
    /// It was not, and has said nothing of leaving.
    Dead,
    /// It has said that it leaves.
    Left,
}

/// Datagrams of a stranger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rejected {
    /// Where they came from; `None` stands for many.
    pub from: Option<SocketAddr>,
    /// What was wrong with them.
    pub reason: &'static str,
    /// How many there were.
    pub count: u64,
}

/// Where a [`Cluster`] says who is there. A clone is the same board.
#[derive(Debug, Clone, Default)]
pub struct Board {
    report: watch::Sender<Report>,
    view: watch::Sender<View>,
}

impl Board {
    /// Takes the place of what was said before. Who waits on the [`view`](Self::view) is woken only if that changes.
    pub fn publish(&self, report: Report) {
        let view = View::of(&report);
        self.view.send_if_modified(|old| {
            let changes = *old != view;
            *old = view;
            changes
        });
        self.report.send_replace(report);
    }

    /// The live members, as they come and go.
    pub fn view(&self) -> ClusterView {
        self.view.subscribe()
    }

    /// What was said last.
    pub fn report(&self) -> Report {
        self.report.borrow().clone()
    }
}

impl View {
    fn of(report: &Report) -> Self {
        let live = report.members.iter().filter(|member| member.state == State::Live);
        let member = |member: &Member| {
            let row = LiveMember { incarnation: member.incarnation, addresses: member.addresses.clone() };
            (member.node.clone(), row)
        };
        Self { live: live.map(member).collect(), duplicate: report.duplicate }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(node: &str, state: State, received: u64) -> Member {
        Member {
            node: NodeId::new(node),
            incarnation: 1,
            state,
            addresses: BTreeMap::new(),
            version: None,
            last_heard: None,
            sent: 0,
            received,
            repeats: 0,
        }
    }

    #[test]
    fn only_a_change_of_the_live_members_is_news() {
        let board = Board::default();
        let mut view = board.view();
        let publish = |members| board.publish(Report { members, ..Report::default() });
        publish(vec![member("n1", State::Live, 1), member("n2", State::Dead, 1)]);
        assert!(view.has_changed().expect("the board is there"));
        assert_eq!(view.borrow_and_update().live.len(), 1);
        publish(vec![member("n1", State::Live, 2), member("n2", State::Left, 2)]);
        assert!(!view.has_changed().expect("the board is there"));
        assert_eq!(board.report().members[1].state, State::Left);
        publish(vec![member("n2", State::Live, 2)]);
        assert!(view.has_changed().expect("the board is there"));
    }
}
