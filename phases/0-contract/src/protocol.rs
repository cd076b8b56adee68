//! Where a connection's inbound frames go.

use crate::{Frame, SocketHandle};

/// What a node does with its connections. One object a node; the shell lists what is opened before it is told.
pub trait Protocol: Send + Sync + 'static {
    /// A connection is ready to be pushed to through `handle`, a clone of which may be kept for as long as one likes. What is
    /// returned receives its frames, and is dropped as soon as the connection begins to close, however it ends.
    fn opened(&self, handle: SocketHandle) -> Box<dyn Connection>;
}

/// One connection's side of a [`Protocol`]: frames come in order, on the connection's own task. Its drop is the goodbye.
pub trait Connection: Send {
    /// Takes one frame. It must not block: the connection reads nothing meanwhile.
    fn frame(&mut self, frame: Frame);
}
