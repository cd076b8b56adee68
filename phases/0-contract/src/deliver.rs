//! The seam that messages go through: phase 2 is its leaf, later phases stand before it.

use crate::{Completion, Message};

/// Brings messages to users.
pub trait Deliver: Send + Sync + 'static {
    /// Takes a message and returns at once, without waiting for anybody. The outcome is told to `completion`, perhaps before this
    /// returns, perhaps much later. Messages of one caller to one user keep the order of the calls. The caller keeps the message, to
    /// try again.
    fn submit(&self, message: &Message, completion: Completion);
}
