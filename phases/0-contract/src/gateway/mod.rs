//! The gateway protocol: JSON frames in and out, as the book's appendix fixes them.
//!
//! - [`decode`]: an inbound frame's envelope. [`encode`]: everything that goes out.
//! - [`code`]: error codes. `peer`: one connection: what it asks, and what it is told.
//! - `pending`: who is still to be told, and when it is too late.

pub mod code;
pub mod decode;
pub mod encode;
mod peer;
mod pending;

use std::sync::Arc;

use crate::{Authenticate, Connection, Deliver, MessageIds, Presence, Protocol, SocketHandle, Stats};

pub use code::Code;
pub(crate) use pending::Overdue;

/// What a gateway calls: the phases' work. A clone shares it.
#[derive(Clone)]
pub struct Seams {
    /// Who is behind which connection.
    pub presence: Arc<dyn Presence>,
    /// Where messages go.
    pub deliver: Arc<dyn Deliver>,
}

/// The protocol of every phase from the second on: decodes frames and calls the seams. A clone shares everything.
#[derive(Clone)]
pub(crate) struct Gateway {
    pub seams: Seams,
    pub authenticate: Arc<dyn Authenticate>,
    pub ids: Arc<MessageIds>,
    pub stats: Arc<Stats>,
    pub overdue: Overdue,
}

impl Protocol for Gateway {
    fn opened(&self, handle: SocketHandle) -> Box<dyn Connection> {
        Box::new(peer::Peer::new(self.clone(), handle))
    }
}
