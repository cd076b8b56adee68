//! The local leaf: a message reaches all sockets of its user on this node, and its sender learns what became of it.

use contract::{Completion, Deliver, Message, Outcome, PushError};

use crate::Registry;

impl Deliver for Registry {
    fn submit(&self, message: &Message, completion: Completion) {
        // Step 2.2: find the user's sockets; one frame for all of them; nobody there is an outcome too
        let _ = message;
        completion.answer(Outcome::NotConnected);
    }
}

/// What the pushes add up to when no socket took the message; `None` when one did, and its writer will tell. A full mailbox may have
/// room later, so it outweighs one that is gone.
fn refused(pushed: impl Iterator<Item = Result<(), PushError>>) -> Option<Outcome> {
    // Step 2.7: one that was taken is enough; all full is Overloaded; all gone is NotConnected
    let _ = pushed.count();
    None
}
