//! What every phase meets at: the vocabulary, the seams between phases, and the shell around a node.
//!
//! Phases depend on this crate and never on each other, so any of them can be swapped for its reference.
//!
//! - [`id`]: who is who. [`frame`]: what travels on sockets. [`message`]: what users send to users.
//! - [`completion`]: how a sender learns what became of it.
//! - [`socket`]: the handle of a connection, and the seam that phase 1 implements.
//! - [`presence`], [`deliver`]: the seams that phase 2 implements. [`authenticate`]: who may register as whom.
//! - [`ingest`]: the seam that phase 3 implements.
//! - [`protocol`]: where a connection's inbound frames go. [`gateway`]: the protocol from phase 2 on.
//! - [`config`]: every flag, with those of [`kafka`]. [`stats`]: every counter. [`health`]: what is wrong.
//! - [`shell`]: arguments, listeners, admin routes, signals and drain. [`node`]: what the shell shares with a phase.

pub mod authenticate;
pub mod completion;
pub mod config;
pub mod deliver;
pub mod frame;
pub mod gateway;
pub mod health;
pub mod id;
pub mod ingest;
pub mod kafka;
pub mod message;
pub mod node;
pub mod presence;
pub mod protocol;
pub mod shell;
pub mod socket;
pub mod stats;

pub use authenticate::Authenticate;
pub use completion::{Completion, Outcome};
pub use config::Config;
pub use deliver::Deliver;
pub use frame::{Frame, Item};
pub use gateway::Seams;
pub use health::Health;
pub use id::{ConnId, MessageId, MessageIds, NodeId, Topic, UserId};
pub use ingest::{Ingest, Intake};
pub use kafka::{Kafka, MissingUser};
pub use message::{Message, Payload};
pub use node::Node;
pub use presence::{AlreadyRegistered, Presence, Registration};
pub use protocol::{Connection, Protocol};
pub use shell::{Parts, Speaks, run, run_with_ingest};
pub use socket::{Owed, PushError, Serve, Socket, SocketHandle, WebSocket};
pub use stats::Stats;
pub use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
