//! Who is still to be told what became of a message, and when it is too late to wait.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, SystemTime};

use slab::Slab;
use tokio::time::Instant;

use super::{Code, encode};
use crate::socket::Owed;
use crate::{CloseCode, Completion, MessageId, Outcome, SocketHandle, Stats};

/// The messages of one connection whose outcome is open.
pub(super) struct Pending {
    handle: SocketHandle,
    stats: Arc<Stats>,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    messages: Slab<Asked>,
    // Tells a message from a later one in the same slot.
    last: u64,
    // When the token runs out that the connection registered with.
    expires: Option<SystemTime>,
}

struct Asked {
    number: u64,
    since: Instant,
    id: MessageId,
    // Without one, only a failure is told.
    reference: Option<(Box<str>, Owed)>,
}

impl Pending {
    pub fn new(handle: SocketHandle, stats: Arc<Stats>) -> Arc<Self> {
        Arc::new(Self { handle, stats, open: Mutex::default() })
    }

    /// A completion that answers the connection. An answer with a `ref` counts as owed until it is given.
    pub fn ask(self: &Arc<Self>, id: MessageId, reference: Option<Box<str>>) -> Completion {
        let reference = reference.map(|reference| (reference, self.handle.owe()));
        let mut open = self.open();
        open.last += 1;
        let number = open.last;
        let key = open.messages.insert(Asked { number, since: Instant::now(), id, reference });
        drop(open);
        let pending = self.clone();
        Completion::new(move |outcome| pending.answer(key, number, outcome))
    }

    /// From when on the connection's name is no longer proven.
    pub fn expires(&self, at: Option<SystemTime>) {
        self.open().expires = at;
    }

    fn answer(&self, key: usize, number: u64, outcome: Outcome) {
        let mut open = self.open();
        // Too late: it has been answered with a timeout, and the slot may be another's.
        if open.messages.get(key).is_some_and(|asked| asked.number == number) {
            let asked = open.messages.remove(key);
            // Answering takes other locks and may wake others up.
            drop(open);
            self.tell(asked, outcome);
        }
    }

    fn tell(&self, asked: Asked, outcome: Outcome) {
        let messages = &self.stats.messages;
        let (counter, code, why) = match outcome {
            Outcome::Written => {
                if let Some((reference, owed)) = asked.reference {
                    owed.answer(encode::ok(&reference, asked.id));
                }
                return;
            }
            Outcome::NotConnected => (&messages.not_connected, Code::NotConnected, "nobody is connected by that name"),
            Outcome::Overloaded => (&messages.overloaded, Code::Overloaded, "the user's mailboxes are full"),
            Outcome::Unavailable => {
                (&messages.unavailable, Code::Unavailable, "the user's connection went before it was written")
            }
            Outcome::Timeout => (&messages.timeout, Code::Timeout, "not written in time; it may still arrive"),
        };
        counter.increment();
        match asked.reference {
            Some((reference, owed)) => owed.answer(encode::error(Some(&reference), code, why)),
            None => self.handle.owe().answer(encode::error(None, code, why)),
        }
    }

    /// Answers `timeout` to what has waited for `patience`, and closes a connection whose token has run out.
    fn tick(&self, patience: Duration) {
        let mut open = self.open();
        if open.expires.is_some_and(|at| at <= SystemTime::now()) {
            open.expires = None;
            self.handle.close(CloseCode::Policy);
        }
        let late = |asked: &Asked| asked.since.elapsed() >= patience;
        let keys: Vec<_> = open.messages.iter().filter(|(_, asked)| late(asked)).map(|(key, _)| key).collect();
        let asked: Vec<_> = keys.into_iter().map(|key| open.messages.remove(key)).collect();
        drop(open);
        asked.into_iter().for_each(|asked| self.tell(asked, Outcome::Timeout));
    }

    // Every critical section leaves the slab whole, so a poisoned lock is still good.
    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All connections of a node that may have something to wait for.
#[derive(Clone, Default)]
pub(crate) struct Overdue(Arc<Mutex<Vec<Weak<Pending>>>>);

impl Overdue {
    pub(super) fn watch(&self, pending: &Arc<Pending>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::downgrade(pending));
    }

    /// Looks after all of them for ever: a message is answered within a quarter of `patience` after it is due, a token found
    /// to have run out within half a heartbeat.
    pub async fn run(self, patience: Duration, heartbeat: Duration) {
        let mut ticks = tokio::time::interval((patience / 4).min(heartbeat / 2).max(Duration::from_millis(1)));
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let mut alive = Vec::new();
            self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|pending| {
                alive.extend(pending.upgrade());
                pending.strong_count() > 0
            });
            alive.iter().for_each(|pending| pending.tick(patience));
        }
    }
}
