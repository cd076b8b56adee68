//! The table of open connections: what `GET /sockets` lists, and what a stopping node says goodbye to.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use crate::{CloseCode, ConnId, Connection, Frame, Protocol, SocketHandle, UserId};

/// Every connection that a phase has announced. A clone shares the table.
#[derive(Clone, Default)]
pub struct Sockets(Arc<Mutex<Table>>);

#[derive(Default)]
struct Table {
    // Ordered, so that a list reads in the order of arrival.
    open: BTreeMap<ConnId, SocketHandle>,
    // Set once by `close_all`: a connection that is announced later is told at once.
    goodbye: Option<CloseCode>,
}

/// A connection as `GET /sockets` lists it.
#[derive(Debug, Serialize)]
pub struct Row {
    conn: ConnId,
    user: Option<UserId>,
    queued: usize,
    written: u64,
}

impl Sockets {
    /// The connection's handle, while it is open.
    pub fn get(&self, conn: ConnId) -> Option<SocketHandle> {
        self.table().open.get(&conn).cloned()
    }

    /// Whether the connection is open.
    pub fn is_open(&self, conn: ConnId) -> bool {
        self.table().open.contains_key(&conn)
    }

    /// All of them, in the order in which they were opened, each with the user that `user` knows behind it.
    pub fn rows(&self, user: impl Fn(ConnId) -> Option<UserId>) -> Vec<Row> {
        let row = |handle: &SocketHandle| Row {
            conn: handle.conn(),
            user: user(handle.conn()),
            queued: handle.queued(),
            written: handle.written(),
        };
        // Not under the lock: `user` takes others.
        let handles: Vec<_> = self.table().open.values().cloned().collect();
        handles.iter().map(row).collect()
    }

    /// Asks every connection, and every one still to come, to write what is queued and to close.
    pub fn close_all(&self, code: CloseCode) {
        let handles: Vec<_> = {
            let mut table = self.table();
            table.goodbye = Some(code);
            table.open.values().cloned().collect()
        };
        handles.iter().for_each(|handle| handle.close(code));
    }

    fn announce(&self, handle: &SocketHandle) -> Option<CloseCode> {
        let mut table = self.table();
        table.open.insert(handle.conn(), handle.clone());
        table.goodbye
    }

    // Every critical section here leaves the table whole, so a poisoned lock is still good.
    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A protocol that lists each connection before it tells the inner protocol.
pub struct Listed {
    /// Where they are listed.
    pub sockets: Sockets,
    /// The protocol that does the work.
    pub inner: Arc<dyn Protocol>,
}

impl Protocol for Listed {
    fn opened(&self, handle: SocketHandle) -> Box<dyn Connection> {
        if let Some(code) = self.sockets.announce(&handle) {
            handle.close(code);
        }
        let entry = Entry { sockets: self.sockets.clone(), conn: handle.conn() };
        Box::new(ListedConnection { inner: self.inner.opened(handle), _entry: entry })
    }
}

// The inner connection is dropped first: nobody finds a connection gone from the list whose user is still registered.
struct ListedConnection {
    inner: Box<dyn Connection>,
    _entry: Entry,
}

impl Connection for ListedConnection {
    fn frame(&mut self, frame: Frame) {
        self.inner.frame(frame);
    }
}

struct Entry {
    sockets: Sockets,
    conn: ConnId,
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.sockets.table().open.remove(&self.conn);
    }
}
