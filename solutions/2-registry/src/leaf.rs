//! The local leaf: a message reaches all sockets of its user on this node, and its sender learns what became of it.

use contract::{Completion, Deliver, Message, Outcome, PushError};

use crate::Registry;

impl Deliver for Registry {
    // ANCHOR: submit
    fn submit(&self, message: &Message, completion: Completion) {
        // ANCHOR: step-2-2-submit
        // BEFORE 2.2: find the user's sockets; one frame for all of them; nobody there is an outcome too
        //| let _ = message;
        //| completion.answer(Outcome::NotConnected);
        let Some(sockets) = self.sockets(&message.to) else {
            return completion.answer(Outcome::NotConnected);
        };
        let frame = message.to_frame();
        // ANCHOR: step-2-5-outcome
        // BEFORE 2.5: the sender waits to hear what became of it: who can tell, and when?
        //| for handle in sockets.iter() {
        //|     if handle.try_push(frame.clone(), None).is_ok() {
        //|         completion.answer(Outcome::Written);
        //|     }
        //| }
        // ANCHOR: step-2-7-refused
        // BEFORE 2.7: a full mailbox refuses at once; the sender need not wait to hear of that
        //| for handle in sockets.iter() {
        //|     let _ = handle.try_push(frame.clone(), Some(completion.clone()));
        //| }
        let pushed = sockets.iter().map(|handle| handle.try_push(frame.clone(), Some(completion.clone())));
        if let Some(outcome) = refused(pushed) {
            completion.answer(outcome);
        }
        // ANCHOR_END: step-2-7-refused
        // ANCHOR_END: step-2-5-outcome
        // ANCHOR_END: step-2-2-submit
    }
    // ANCHOR_END: submit
}

// ANCHOR: refused
/// What the pushes add up to when no socket took the message; `None` when one did, and its writer will tell. A full mailbox may have
/// room later, so it outweighs one that is gone.
fn refused(pushed: impl Iterator<Item = Result<(), PushError>>) -> Option<Outcome> {
    // ANCHOR: step-2-7-sum
    // BEFORE 2.7: one that was taken is enough; all full is Overloaded; all gone is NotConnected
    //| let _ = pushed.count();
    //| None
    // To the end, whatever comes: each turn of this loop is what pushes to a socket.
    let (mut taken, mut full) = (false, false);
    for pushed in pushed {
        match pushed {
            Ok(()) => taken = true,
            Err(PushError::Overloaded) => full = true,
            Err(PushError::Gone) => {}
        }
    }
    (!taken).then_some(if full { Outcome::Overloaded } else { Outcome::NotConnected })
    // ANCHOR_END: step-2-7-sum
}
// ANCHOR_END: refused
