//! Phase 5: replicated state, versions, and who wins a conflict.
//!
//! What is given is the face that the shell sees:
//!
//! - [`links`]: the way to other nodes. [`router`]: who is where, and how a message gets there.
//!
//! What is behind it is yours, in files of your own or in these:
//!
//! - `dial`, `accept`, `handshake`: how a link comes about, and with whom. `up`: which links there are. `link`: one of them.
//! - `outbox`: what waits for a link, and what is on its way.
//! - `own`: the rows of this node. `courier`: brings them to one peer. `table`: the rows of all others. `inbound`: what a peer says.
//! - `pending`: what a peer was asked, and has not answered. `shares`: one outcome of several.

pub mod links;
pub mod router;

mod accept;
mod courier;
mod dial;
mod handshake;
mod inbound;
mod link;
mod outbox;
mod own;
mod pending;
mod shares;
mod table;
mod up;

pub use links::DirectLinks;
pub use router::Router;
