//! What became of each message: a verdict on what is in the book, and nothing else.
//!
//! A message whose sender was told *written* and that nobody has heard may have been Written to a connection that ended before its user
//! could read it. That excuses it only if the connection was dropped by its user or its node was killed, and only if the message can have
//! been among what was Written to it last: the connection began before the sender was told, its node could still write when the message
//! was sent, and its user has heard nothing on it that was sent after the sender was told. (What TCP brings is always the beginning of
//! what was written.) Anything else is lost.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use super::book::{Book, Connection, End, Life, Message, Told};

/// How long a node may take to notice that a user has gone without a word.
const NOTICED_WITHIN: Duration = Duration::from_secs(2);
/// `--deliver-timeout`, after a pause, and some.
const TOLD_WITHIN: Duration = Duration::from_secs(10);

/// What became of all messages, and of all connections.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// How many senders were told what.
    pub told: BTreeMap<Told, usize>,
    /// Senders who were told nothing, since their connection ended.
    pub untold: usize,
    /// Written, and heard.
    pub received: usize,
    /// Written, and unread when the user's node was killed.
    pub unread_killed: usize,
    /// Written, and unread when the user went without a word.
    pub unread_dropped: usize,
    /// `unavailable` or `timeout`, and heard all the same.
    pub maybe: usize,
    /// Connections that a kill broke.
    pub cut_short: usize,
    /// Written, and heard by nobody for no reason.
    pub lost: Vec<usize>,
    /// `not_connected` or `overloaded`, and heard all the same.
    pub denied: Vec<usize>,
    /// Heard once more.
    pub twice: Vec<usize>,
    /// Heard after a later one from the same connection.
    pub out_of_order: Vec<usize>,
    /// The sender was told nothing in time, on a connection that was open.
    pub never_told: Vec<usize>,
    /// Connections that neither their user nor a kill has ended.
    pub broken: Vec<usize>,
}

/// Why an acknowledged message may not have been heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Excuse {
    Killed,
    Dropped,
}

/// Judges what has happened once everybody has gone.
pub fn judge(book: &Book) -> Verdict {
    let mut verdict = Verdict::default();
    let mut heard = vec![false; book.messages.len()];
    for (number, connection) in book.connections.iter().enumerate() {
        let mut last = HashMap::new();
        for &message in &connection.heard {
            let latest = last.entry(book.messages[message].by).or_insert(message);
            if message < *latest {
                verdict.out_of_order.push(message);
            }
            *latest = message.max(*latest);
            if std::mem::replace(&mut heard[message], true) {
                verdict.twice.push(message);
            }
        }
        match how_it_broke(book, connection) {
            Some(true) => verdict.cut_short += 1,
            Some(false) => verdict.broken.push(number),
            None => {}
        }
    }
    for (number, message) in book.messages.iter().enumerate() {
        verdict.note(book, number, message, heard[number]);
    }
    verdict
}

impl Verdict {
    /// Whether nothing has happened that must not.
    pub fn is_clean(&self) -> bool {
        self.broken.is_empty() && self.failures().iter().all(|(_, numbers)| numbers.is_empty())
    }

    /// What must not have happened, and to which messages.
    pub fn failures(&self) -> [(&'static str, &[usize]); 5] {
        [
            ("lost: acknowledged, and nobody died", &self.lost),
            ("received, though refused for good", &self.denied),
            ("received twice", &self.twice),
            ("out of order", &self.out_of_order),
            ("never answered", &self.never_told),
        ]
    }

    fn note(&mut self, book: &Book, number: usize, message: &Message, is_heard: bool) {
        let Some((_, told)) = message.told else {
            let end = book.connections[message.by].end;
            let is_late = end.is_none_or(|(at, _)| at > message.at + TOLD_WITHIN);
            return if is_late { self.never_told.push(number) } else { self.untold += 1 };
        };
        *self.told.entry(told).or_default() += 1;
        match (told, is_heard) {
            (Told::Written, true) => self.received += 1,
            (Told::Written, false) => match excuse(book, message) {
                Some(Excuse::Killed) => self.unread_killed += 1,
                Some(Excuse::Dropped) => self.unread_dropped += 1,
                None => self.lost.push(number),
            },
            (Told::Unavailable | Told::Timeout, true) => self.maybe += 1,
            (Told::NotConnected | Told::Overloaded, true) => self.denied.push(number),
            (_, false) => {}
        }
    }
}

/// Whether a kill has ended it; `None` if its user has.
fn how_it_broke(book: &Book, connection: &Connection) -> Option<bool> {
    match connection.end {
        Some((at, End::Broken)) => Some(book.lives[connection.life].killed.is_some_and(|(asked, _)| asked <= at)),
        None | Some((_, End::Dismissed(_))) => Some(false),
        Some((_, End::Closed | End::Dropped)) => None,
    }
}

/// Why nobody has heard a message that was Written.
fn excuse(book: &Book, message: &Message) -> Option<Excuse> {
    let (told, _) = message.told?;
    let mine = book.connections.iter().filter(|connection| connection.user == message.to && connection.began <= told);
    mine.filter(|connection| connection.heard.iter().all(|later| book.messages[*later].at <= told)).find_map(
        |connection| {
            let (until, excuse) = written_until(&book.lives[connection.life], connection)?;
            (message.at <= until).then_some(excuse)
        },
    )
}

/// Until when a node may have written to a connection what its user has not read.
fn written_until(life: &Life, connection: &Connection) -> Option<(Duration, Excuse)> {
    let (at, end) = connection.end?;
    match (end, life.killed) {
        (End::Broken, Some((_, dead))) => Some((alive_until(life, dead), Excuse::Killed)),
        (End::Dropped, killed) => {
            let noticed = noticed(life, at);
            Some((killed.map_or(noticed, |(_, dead)| noticed.min(alive_until(life, dead))), Excuse::Dropped))
        }
        _ => None,
    }
}

/// Until when a node that was dead at `dead` did anything: it may have hung before.
fn alive_until(life: &Life, dead: Duration) -> Duration {
    match life.hung.last() {
        Some((since, None)) => *since,
        _ => dead,
    }
}

/// Until when a node has noticed what happened at `at`: not while it hung.
fn noticed(life: &Life, at: Duration) -> Duration {
    life.hung.iter().fold(at + NOTICED_WITHIN, |noticed, (since, until)| {
        until.filter(|_| *since <= noticed).map_or(noticed, |until| noticed.max(until + NOTICED_WITHIN))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(tenths: u64) -> Duration {
        Duration::from_millis(100 * tenths)
    }

    fn connection(user: usize, began: u64, end: Option<(u64, End)>, heard: &[usize]) -> Connection {
        let end = end.map(|(ended, end)| (at(ended), end));
        Connection { user, life: user, began: at(began), end, heard: heard.to_vec() }
    }

    /// User 0 sends number n to user 1 at second n, and is told 0.1 s later; each has a connection to a node of their own.
    fn book(told: &[Option<Told>], heard: &[usize], end: (u64, End)) -> Book {
        let message = |(number, told): (usize, &Option<Told>)| {
            let sent = 10 * number as u64;
            Message { by: 0, to: 1, at: at(sent), told: told.map(|told| (at(sent + 1), told)) }
        };
        let life = |node| Life { node, address: ([127, 0, 0, 1], 1).into(), hung: Vec::new(), killed: None };
        Book {
            messages: told.iter().enumerate().map(message).collect(),
            connections: vec![connection(0, 0, Some((1000, End::Closed)), &[]), connection(1, 0, Some(end), heard)],
            lives: vec![life(0), life(1)],
            ..Book::default()
        }
    }

    const WRITTEN: Option<Told> = Some(Told::Written);

    #[test]
    fn what_is_acknowledged_and_unheard_is_lost_whoever_has_closed() {
        let verdict = judge(&book(&[WRITTEN; 3], &[0, 2], (1000, End::Closed)));
        assert_eq!((verdict.received, verdict.lost, verdict.broken), (2, vec![1], vec![]));
    }

    #[test]
    fn the_end_of_a_connection_excuses_what_was_written_last() {
        let mut killed = book(&[WRITTEN; 3], &[0], (25, End::Broken));
        killed.lives[1].killed = Some((at(24), at(25)));
        let verdict = judge(&killed);
        assert_eq!((verdict.unread_killed, verdict.cut_short, verdict.is_clean()), (2, 1, true));
        let dropped = judge(&book(&[WRITTEN; 3], &[0], (25, End::Dropped)));
        assert_eq!((dropped.unread_dropped, dropped.is_clean()), (2, true));
    }

    #[test]
    fn it_excuses_no_gap_and_nothing_that_came_later() {
        let mut killed = book(&[WRITTEN; 4], &[1], (25, End::Broken));
        killed.lives[1].killed = Some((at(24), at(25)));
        let verdict = judge(&killed);
        assert_eq!((verdict.lost, verdict.unread_killed), (vec![0, 3], 1));
    }

    #[test]
    fn a_node_that_hangs_writes_nothing() {
        let mut hung = book(&[WRITTEN; 3], &[0], (25, End::Broken));
        hung.lives[1].killed = Some((at(24), at(25)));
        hung.lives[1].hung = vec![(at(5), None)];
        assert_eq!(judge(&hung).lost, [1, 2]);
        let mut paused = book(&[WRITTEN; 7], &[], (10, End::Dropped));
        paused.lives[1].hung = vec![(at(9), Some(at(40)))];
        assert_eq!((judge(&paused).unread_dropped, judge(&paused).lost), (7, vec![]));
        paused.lives[1].hung = vec![(at(50), Some(at(60)))];
        assert_eq!((judge(&paused).unread_dropped, judge(&paused).lost), (4, vec![4, 5, 6]));
    }

    #[test]
    fn repeats_and_an_earlier_one_behind_a_later_are_named() {
        let verdict = judge(&book(&[WRITTEN; 3], &[0, 2, 1, 1], (1000, End::Closed)));
        assert_eq!((verdict.out_of_order, verdict.twice), (vec![1, 1], vec![1]));
    }

    #[test]
    fn what_is_refused_for_good_is_not_heard() {
        let told = [Some(Told::Unavailable), Some(Told::NotConnected), Some(Told::Timeout)];
        let verdict = judge(&book(&told, &[0, 1], (1000, End::Closed)));
        assert_eq!((verdict.maybe, verdict.denied), (1, vec![1]));
    }

    #[test]
    fn who_is_told_nothing_has_lost_the_connection() {
        let verdict = judge(&book(&[None; 2], &[], (1000, End::Closed)));
        assert_eq!((verdict.untold, verdict.never_told), (0, vec![0, 1]));
        let mut gone = book(&[None; 2], &[], (1000, End::Closed));
        gone.connections[0].end = Some((at(20), End::Dropped));
        assert_eq!(judge(&gone).untold, 2);
    }

    #[test]
    fn a_connection_that_nobody_has_ended_is_broken() {
        assert_eq!(judge(&book(&[], &[], (9, End::Broken))).broken, [1]);
        assert_eq!(judge(&book(&[], &[], (9, End::Dismissed(Some(1013))))).broken, [1]);
        let mut later = book(&[], &[], (9, End::Broken));
        later.lives[1].killed = Some((at(10), at(11)));
        assert_eq!(judge(&later).broken, [1]);
    }
}
