//! A lane for each user: the user's records in order, waiting for room in that user's sockets and for nobody else's.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use contract::{Deliver, Outcome, UserId};
use tokio::time::{Instant, sleep_until};

use crate::answers::{Answers, Ticket};
use crate::record::Record;

/// Nobody tells when a full mailbox has room again. Long enough to cost nothing, short enough not to be noticed.
const RETRY: Duration = Duration::from_millis(10);

/// All lanes of a node. A user without undecided records has none.
pub struct Lanes {
    deliver: Arc<dyn Deliver>,
    answers: Arc<Answers>,
    lanes: HashMap<UserId, Lane>,
    // When to try again, and whom: in order, since all wait equally long.
    held: VecDeque<(Instant, UserId)>,
}

/// The first `submitted` records are under way, or were refused; the others wait for their turn.
#[derive(Default)]
struct Lane {
    slots: VecDeque<Slot>,
    submitted: usize,
    refused: usize,
    held: bool,
}

struct Slot {
    record: Record,
    // While it is under way.
    ticket: Option<Arc<Ticket>>,
}

/// Whether there is nothing left to try. Overloaded and Timeout never are: room may come. Unavailable is not: a socket went, and another try
/// finds out whether there is another one.
pub fn decides(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::Written | Outcome::NotConnected)
}

impl Lanes {
    /// No lanes yet. What becomes of records is told to `answers`.
    pub fn new(deliver: Arc<dyn Deliver>, answers: Arc<Answers>) -> Self {
        Self { deliver, answers, lanes: HashMap::new(), held: VecDeque::new() }
    }

    /// Puts a record behind the user's others, and submits it if it is its turn.
    pub fn push(&mut self, record: Record) {
        let lane = self.lanes.entry(record.message.to.clone()).or_default();
        lane.slots.push_back(Slot { record, ticket: None });
        lane.advance(&*self.deliver, &self.answers);
    }

    /// Heeds an outcome; gives the record if it is decided. A ticket that is not known was forgotten.
    pub fn told(&mut self, ticket: &Arc<Ticket>) -> Option<(Record, Outcome)> {
        // Step 3.4: is it decided? Then it goes, and has made room. Or is it to be tried again, in a while, before those behind it?
        let _ = (ticket, decides, Lane::refuse, Lane::remove, Lane::resume, RETRY);
        todo!("step 3.4: heed what has become of a record")
    }

    /// Resolves when a lane is due to try again. Cancel-safe.
    pub async fn due(&self) {
        match self.held.front() {
            Some((at, _)) => sleep_until(*at).await,
            None => std::future::pending().await,
        }
    }

    /// Lets all lanes try again that are due.
    pub fn retry(&mut self) {
        let now = Instant::now();
        while self.held.front().is_some_and(|(at, _)| *at <= now)
            && let Some((_, user)) = self.held.pop_front()
        {
            if let Some(lane) = self.lanes.get_mut(&user) {
                lane.held = false;
                lane.resume(&*self.deliver, &self.answers);
            }
        }
    }

    /// Records of these partitions that are submitted and have no outcome yet.
    pub fn under_way(&self, partitions: &BTreeSet<i32>) -> usize {
        let slots = self.lanes.values().flat_map(|lane| lane.slots.iter().take(lane.submitted));
        slots.filter(|slot| slot.ticket.is_some() && slot.is_of(partitions)).count()
    }

    /// Forgets the records of these partitions, but not those under way.
    pub fn forget_waiting(&mut self, partitions: &BTreeSet<i32>) {
        self.retain(|slot| slot.ticket.is_some() || !slot.is_of(partitions));
    }

    /// Forgets all records of these partitions. Outcomes that come later are nobody's.
    pub fn forget(&mut self, partitions: &BTreeSet<i32>) {
        self.retain(|slot| !slot.is_of(partitions));
    }

    fn retain(&mut self, keep: impl Fn(&Slot) -> bool) {
        self.lanes.retain(|_, lane| {
            let submitted = lane.slots.iter().take(lane.submitted).filter(|slot| keep(slot));
            let refused = submitted.clone().filter(|slot| slot.ticket.is_none()).count();
            (lane.submitted, lane.refused) = (submitted.count(), refused);
            lane.slots.retain(&keep);
            !lane.slots.is_empty()
        });
    }
}

impl Lane {
    /// Submits in order until one is refused.
    fn advance(&mut self, deliver: &dyn Deliver, answers: &Arc<Answers>) {
        // Step 3.4: a full mailbox answers inside `submit`: what is behind a refused record must not be submitted
        let _ = (deliver, answers, Slot::submit, Slot::is_refused);
        todo!("step 3.4: submit those that wait, in order, until one is refused")
    }

    /// As [`advance`](Self::advance), from the first that was refused; not while one behind it is under way, or that would be overtaken.
    fn resume(&mut self, deliver: &dyn Deliver, answers: &Arc<Answers>) {
        // Step 3.4: step back over what was refused; once none is left among the submitted, go on
        self.advance(deliver, answers);
    }

    fn refuse(&mut self, at: usize) {
        self.slots[at].ticket = None;
        self.refused += 1;
    }

    fn remove(&mut self, at: usize) -> Option<Slot> {
        self.submitted -= 1;
        self.slots.remove(at)
    }
}

impl Slot {
    fn submit(&mut self, deliver: &dyn Deliver, answers: &Arc<Answers>) {
        let Record { message, place, .. } = &self.record;
        let (ticket, completion) = Ticket::issue(message.to.clone(), *place, answers);
        self.ticket = Some(ticket);
        deliver.submit(message, completion);
    }

    fn holds(&self, ticket: &Arc<Ticket>) -> bool {
        self.ticket.as_ref().is_some_and(|own| Arc::ptr_eq(own, ticket))
    }

    fn is_of(&self, partitions: &BTreeSet<i32>) -> bool {
        partitions.contains(&self.record.place.partition)
    }

    fn is_refused(&self) -> bool {
        match &self.ticket {
            Some(ticket) => ticket.outcome().is_some_and(|outcome| !decides(outcome)),
            None => true,
        }
    }
}
