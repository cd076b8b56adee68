//! One connection of the gateway: what it asks, and what it is told.

use std::sync::Arc;

use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::decode::{Inbound, Refused, Request, decode};
use super::pending::Pending;
use super::{Code, Gateway, encode};
use crate::message::{Message, Payload};
use crate::{Connection, Frame, MessageId, Registration, SocketHandle, UserId};

pub(super) struct Peer {
    gateway: Gateway,
    handle: SocketHandle,
    pending: Arc<Pending>,
    registration: Option<Registration>,
}

impl Connection for Peer {
    fn frame(&mut self, frame: Frame) {
        match frame {
            Frame::Text(text) => self.text(&text),
            Frame::Binary(_) => self.error(None, Code::Unsupported, "frames are text"),
        }
    }
}

impl Peer {
    pub fn new(gateway: Gateway, handle: SocketHandle) -> Self {
        let pending = Pending::new(handle.clone(), gateway.stats.clone());
        gateway.overdue.watch(&pending);
        Self { gateway, handle, pending, registration: None }
    }

    fn text(&mut self, text: &Utf8Bytes) {
        match decode(text) {
            Ok(Inbound { reference, request: Request::Register { user, token } }) => {
                self.register(reference.as_deref(), user, token.as_deref());
            }
            Ok(Inbound { reference, request: Request::Ping }) => self.say(encode::pong(reference.as_deref())),
            Ok(Inbound { reference, request: Request::Message { to, payload, key } }) => {
                self.message(reference, to, payload, key.as_deref());
            }
            Err(Refused { reference, code, message }) => self.error(reference.as_deref(), code, &message),
        }
    }

    fn register(&mut self, reference: Option<&str>, user: UserId, token: Option<&str>) {
        let grant = match self.gateway.authenticate.authenticate(&user, token) {
            Ok(grant) => grant,
            Err(why) => return self.error(reference, Code::Unauthorized, &why.to_string()),
        };
        match self.gateway.seams.presence.register(user.clone(), self.handle.clone()) {
            Ok(registration) => {
                self.registration = Some(registration);
                self.pending.expires(grant.expires);
                self.say(encode::registered(reference, &user, self.handle.conn()));
            }
            Err(why) => self.error(reference, Code::AlreadyRegistered, &why.to_string()),
        }
    }

    fn message(&mut self, reference: Option<Box<str>>, to: UserId, payload: Payload, key: Option<&str>) {
        let Some(from) = self.gateway.seams.presence.user(self.handle.conn()) else {
            return self.error(reference.as_deref(), Code::NotRegistered, "register first");
        };
        let id = match key {
            Some(key) => MessageId::keyed("user", from.as_str(), &to, key),
            None => self.gateway.ids.next(),
        };
        let completion = self.pending.ask(id, reference);
        self.gateway.seams.deliver.submit(&Message { id, from: Some(from), to, payload }, completion);
    }

    fn error(&self, reference: Option<&str>, code: Code, message: &str) {
        self.say(encode::error(reference, code, message));
    }

    fn say(&self, frame: Frame) {
        self.handle.owe().answer(frame);
    }
}
