//! Given: every frame comes back to the socket that sent it, by way of that socket's own mailbox.

use contract::{Connection, Frame, Protocol, SocketHandle};

/// The protocol of phase 1.
pub struct Echo;

struct EchoConnection(SocketHandle);

impl Protocol for Echo {
    fn opened(&self, handle: SocketHandle) -> Box<dyn Connection> {
        Box::new(EchoConnection(handle))
    }
}

impl Connection for EchoConnection {
    fn frame(&mut self, frame: Frame) {
        self.0.owe().answer(frame);
    }
}
