//! Phase 2: names are stable, handles are transient.
//!
//! - [`registry`]: which sockets a user has on this node, and which user a socket has.
//! - [`registration`]: a user's hold on a name, which ends by itself.
//! - [`leaf`]: a message reaches all sockets of its user, and its sender learns what became of it.

pub mod leaf;
pub mod registration;
pub mod registry;

pub use registry::Registry;
