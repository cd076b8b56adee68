//! What happened: who was connected where, what was sent, what was answered, and what was heard. One clock for all of it.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::{stage, user};

/// Connections that began, or ended, so shortly before or after a message may have to do with it.
const NEARBY: Duration = Duration::from_secs(2);

/// All of it. Times count from the beginning.
#[derive(Debug, Default)]
pub struct Book {
    /// By number.
    pub messages: Vec<Message>,
    /// By number; attempts that came to nothing as well.
    pub connections: Vec<Connection>,
    /// Of nodes, by number.
    pub lives: Vec<Life>,
    /// By user.
    pub places: Vec<Place>,
    /// Grows whenever a place changes.
    pub changes: u64,
}

/// From one user to another.
#[derive(Debug, Clone)]
pub struct Message {
    /// The connection of who sent it.
    pub by: usize,
    /// The user it is for.
    pub to: usize,
    /// Just before it was sent.
    pub at: Duration,
    /// Just after its sender was told.
    pub told: Option<(Duration, Told)>,
}

/// What a sender is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Told {
    Written,
    NotConnected,
    Overloaded,
    Unavailable,
    Timeout,
}

/// Of a user.
#[derive(Debug, Clone)]
pub struct Connection {
    pub user: usize,
    /// To which life of which node.
    pub life: usize,
    /// Before the first byte.
    pub began: Duration,
    pub end: Option<(Duration, End)>,
    /// Numbers of messages, in the order of their arrival.
    pub heard: Vec<usize>,
}

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The user said so, and read everything up to the answer.
    Closed,
    /// The user went without a word.
    Dropped,
    /// It broke.
    Broken,
    /// The node closed it, with this code.
    Dismissed(Option<u16>),
}

/// Of a node.
#[derive(Debug, Clone)]
pub struct Life {
    pub node: usize,
    pub address: SocketAddr,
    /// From when to when the process was stopped.
    pub hung: Vec<(Duration, Option<Duration>)>,
    /// Just before it was killed, and when it was known to be dead.
    pub killed: Option<(Duration, Duration)>,
}

/// Where a user is, as the user knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    Nowhere,
    /// Coming or going.
    Between,
    /// Registered, by this connection as the node calls it.
    At {
        node: usize,
        conn: String,
    },
}

/// A pen. A clone writes into the same book.
#[derive(Debug, Clone)]
pub struct Pen {
    began: Instant,
    book: Arc<Mutex<Book>>,
}

impl Pen {
    /// An empty book, for so many users who are nowhere.
    pub fn new(users: usize) -> Self {
        let book = Book { places: vec![Place::Nowhere; users], ..Book::default() };
        Self { began: Instant::now(), book: Arc::new(Mutex::new(book)) }
    }

    /// Since the beginning.
    pub fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// Nobody else writes meanwhile.
    pub fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A node has come to life.
    pub fn born(&self, node: usize, address: SocketAddr) {
        self.book().lives.push(Life { node, address, hung: Vec::new(), killed: None });
    }

    /// A node, which was killed just after `asked`, is dead.
    pub fn killed(&self, node: usize, asked: Duration) {
        let now = self.now();
        self.book().last_life(node).killed = Some((asked, now));
    }

    /// A node hangs from now on.
    pub fn hangs(&self, node: usize) {
        let now = self.now();
        self.book().last_life(node).hung.push((now, None));
    }

    /// It goes on.
    pub fn goes_on(&self, node: usize) {
        let now = self.now();
        if let Some((_, until)) = self.book().last_life(node).hung.last_mut() {
            *until = Some(now);
        }
    }

    /// The life of a node that one can connect to now, and where.
    pub fn door(&self, node: usize) -> Option<(usize, SocketAddr)> {
        let book = self.book();
        let life = book.lives.iter().rposition(|life| life.node == node)?;
        book.lives[life].killed.is_none().then(|| (life, book.lives[life].address))
    }

    /// A user begins to connect; gives the connection's number.
    pub fn connects(&self, user: usize, life: usize) -> usize {
        let (began, mut book) = (self.now(), self.book());
        book.connections.push(Connection { user, life, began, end: None, heard: Vec::new() });
        book.move_to(user, Place::Between);
        book.connections.len() - 1
    }

    /// A user has registered, by what the node calls `conn`.
    pub fn registered(&self, connection: usize, conn: String) {
        let mut book = self.book();
        let (user, life) = (book.connections[connection].user, book.connections[connection].life);
        let node = book.lives[life].node;
        book.move_to(user, Place::At { node, conn });
    }

    /// A user is about to end a connection.
    pub fn leaves(&self, user: usize) {
        self.book().move_to(user, Place::Between);
    }

    /// A connection has ended. `next` is where its user is now.
    pub fn ended(&self, connection: usize, end: End, next: Place) {
        let (now, mut book) = (self.now(), self.book());
        book.connections[connection].end = Some((now, end));
        let user = book.connections[connection].user;
        book.move_to(user, next);
    }

    /// A message is about to be sent; gives its number.
    pub fn sends(&self, connection: usize, to: usize) -> usize {
        let (at, mut book) = (self.now(), self.book());
        book.messages.push(Message { by: connection, to, at, told: None });
        book.messages.len() - 1
    }

    /// Its sender is told.
    ///
    /// # Errors
    ///
    /// Somebody else sent it, or its sender was told before.
    pub fn told(&self, connection: usize, number: usize, told: Told) -> Result<()> {
        let (now, mut book) = (self.now(), self.book());
        let message = book.messages.get_mut(number).filter(|message| message.by == connection);
        let message = message.with_context(|| format!("{told:?} for message {number}, which was sent by another"))?;
        ensure!(message.told.is_none(), "message {number}: its sender was told {:?}, and then {told:?}", message.told);
        message.told = Some((now, told));
        Ok(())
    }

    /// It reaches somebody, as one from the user `from`.
    ///
    /// # Errors
    ///
    /// It is for somebody else, or from somebody else.
    pub fn heard(&self, connection: usize, number: usize, from: usize) -> Result<()> {
        let mut book = self.book();
        let message = book.messages.get(number).with_context(|| format!("message {number}, which nobody has sent"))?;
        let (sender, user) = (book.connections[message.by].user, book.connections[connection].user);
        ensure!(message.to == user, "message {number} to user {} has reached user {user}", message.to);
        ensure!(sender == from, "message {number} of user {sender} came as one of user {from}");
        book.connections[connection].heard.push(number);
        Ok(())
    }

    /// The users who are somewhere.
    pub fn present(&self) -> Vec<usize> {
        let book = self.book();
        let present = |place: &Place| matches!(place, Place::At { .. });
        (0..book.places.len()).filter(|user| present(&book.places[*user])).collect()
    }

    /// How many have not been told yet, of those whose connection is open.
    pub fn untold(&self) -> usize {
        let book = self.book();
        let open: BTreeSet<usize> =
            (0..book.connections.len()).filter(|number| book.connections[*number].end.is_none()).collect();
        book.messages.iter().filter(|message| message.told.is_none() && open.contains(&message.by)).count()
    }
}

impl Book {
    /// A message in words, with the connections that its recipient had meanwhile.
    pub fn tell(&self, number: usize) -> String {
        let Message { by, to, at, told } = &self.messages[number];
        let (from, to) = (user::name(self.connections[*by].user), *to);
        let told = told.map_or_else(|| "told nothing".to_owned(), |(at, told)| format!("{} {told:?}", seconds(at)));
        let open = |connection: &Connection| connection.end.is_none_or(|(end, _)| end + NEARBY >= *at);
        let near = |connection: &Connection| connection.began <= *at + NEARBY && open(connection);
        let mine = (0..self.connections.len()).filter(|number| self.connections[*number].user == to);
        let mine = mine.filter(|number| near(&self.connections[*number])).map(|number| self.tell_connection(number));
        let mine = mine.collect::<Vec<_>>().join("; ");
        format!("{number}, {from} to {}, sent {}, {told}; {mine}", user::name(to), seconds(*at))
    }

    /// A connection in words.
    pub fn tell_connection(&self, number: usize) -> String {
        let Connection { user, life, began, end, .. } = &self.connections[number];
        let end = end.map_or_else(|| "open".to_owned(), |(at, end)| format!("{} {end:?}", seconds(at)));
        let node = stage::name(self.lives[*life].node);
        format!("{} at {node}, {} to {end}", user::name(*user), seconds(*began))
    }

    fn last_life(&mut self, node: usize) -> &mut Life {
        let last = self.lives.iter_mut().rfind(|life| life.node == node);
        last.expect("a node has a life before anything happens to it")
    }

    fn move_to(&mut self, user: usize, place: Place) {
        self.places[user] = place;
        self.changes += 1;
    }
}

fn seconds(at: Duration) -> String {
    format!("{:.3} s", at.as_secs_f64())
}
