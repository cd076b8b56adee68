//! What every phase meets at: the vocabulary, the seams between phases, and the shell around a node.
//!
//! Phases depend on this crate and never on each other, so any of them can be swapped for its reference.
//!
//! - [`id`]: who is who. [`frame`]: what travels on sockets. [`message`]: what users send to users.
//! - [`completion`]: how a sender learns what became of it.
//! - [`socket`]: the handle of a connection, and the seam that phase 1 implements.
//! - [`presence`], [`deliver`]: the seams that phase 2 implements. [`authenticate`]: who may register as whom.
//! - [`ingest`]: the seam that phase 3 implements. [`cluster`]: the one that phase 4 does.
//! - [`directory`], [`forward`]: the seams that phase 5 implements. [`link`]: what nodes say to each other.
//! - [`protocol`]: where a connection's inbound frames go. [`gateway`]: the protocol from phase 2 on.
//! - [`config`]: every flag, with those of [`kafka`], [`gossip`] and [`links`]. [`stats`]: every counter. [`health`]: what is wrong.
//! - [`shell`]: arguments, listeners, admin routes, signals and drain. [`node`]: what the shell shares with a phase.

pub mod authenticate;
pub mod cluster;
pub mod completion;
pub mod config;
pub mod deliver;
pub mod directory;
pub mod forward;
pub mod frame;
pub mod gateway;
pub mod gossip;
pub mod health;
pub mod id;
pub mod ingest;
pub mod kafka;
pub mod link;
pub mod links;
pub mod message;
pub mod node;
pub mod presence;
pub mod protocol;
pub mod shell;
pub mod socket;
pub mod stats;

pub use authenticate::Authenticate;
pub use cluster::{Board, Cluster, ClusterView, Joined, Joining};
pub use completion::{Completion, Outcome};
pub use config::Config;
pub use deliver::Deliver;
pub use directory::{Directory, Place};
pub use forward::{Forward, Inbound, Link, Opened, Opening, Peer, Receive, SendError};
pub use frame::{Frame, Item};
pub use gateway::Seams;
pub use gossip::Gossip;
pub use health::Health;
pub use id::{ConnId, MessageId, MessageIds, NodeId, Topic, UserId};
pub use ingest::{Ingest, Intake};
pub use kafka::{Kafka, MissingUser};
pub use links::Links;
pub use message::{Message, Payload};
pub use node::Node;
pub use presence::{AlreadyRegistered, Presence, Registration};
pub use protocol::{Connection, Protocol};
pub use shell::{Linked, Parts, Speaks, run, run_in_cluster, run_linked, run_with_ingest};
pub use socket::{Owed, PushError, Serve, Socket, SocketHandle, WebSocket};
pub use stats::Stats;
pub use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
