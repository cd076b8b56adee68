//! Phase 1: a connection is an actor, and its handle is what the BEAM calls a PID.
//!
//! - [`connection`]: one task a connection, reading and writing side by side.
//! - [`mailbox`]: how anybody else puts a frame on that socket.
//! - [`limits`]: what a client may send, and what it is told when it sends more.
//! - [`writer`]: from the mailbox to the kernel.
//! - [`heartbeat`]: telling a quiet client from a dead one.
//! - [`closing`]: the last words.
//! - [`echo`]: given; every frame comes back to the socket that sent it.

pub mod closing;
pub mod connection;
pub mod echo;
pub mod heartbeat;
pub mod limits;
pub mod mailbox;
pub mod writer;

pub use connection::Sockets;
pub use echo::Echo;
