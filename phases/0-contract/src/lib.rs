//! What every phase meets at: the vocabulary, the seams between phases, and the shell around a node.
//!
//! Phases depend on this crate and never on each other, so any of them can be swapped for its reference.
//!
//! - [`id`]: who is who. [`frame`]: what travels. [`completion`]: how a sender learns what became of it.
//! - [`socket`]: the handle of a connection, and the seam that phase 1 implements.
//! - [`protocol`]: where a connection's inbound frames go.
//! - [`config`]: every flag. [`stats`]: every counter.
//! - [`shell`]: arguments, listeners, admin routes, signals and drain. [`node`]: what the shell shares with a phase.

pub mod completion;
pub mod config;
pub mod frame;
pub mod id;
pub mod node;
pub mod protocol;
pub mod shell;
pub mod socket;
pub mod stats;

pub use completion::{Completion, Outcome};
pub use config::Config;
pub use frame::{Frame, Item};
pub use id::{ConnId, NodeId};
pub use node::Node;
pub use protocol::{Connection, Protocol};
pub use shell::{Parts, run};
pub use socket::{PushError, Serve, Socket, SocketHandle, WebSocket};
pub use stats::Stats;
pub use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
