//! Which sockets a user has on this node, and which user a socket has.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use contract::{AlreadyRegistered, ConnId, Presence, SocketHandle, UserId};

use crate::registration::Registration;

/// The names of this node. A clone shares them.
#[derive(Clone, Default)]
pub struct Registry {
    // A plain lock: nobody waits for anything while holding it.
    table: Arc<RwLock<Table>>,
}

/// Both directions. They change together, under one lock, so that neither ever tells what the other denies.
#[derive(Default)]
pub(crate) struct Table {
    // Shared slices: who delivers takes one along and gives the lock back at once.
    pub users: HashMap<UserId, Arc<[SocketHandle]>>,
    pub conns: HashMap<ConnId, UserId>,
}

impl Registry {
    /// The user's sockets, in the order in which they registered.
    pub(crate) fn sockets(&self, user: &UserId) -> Option<Arc<[SocketHandle]>> {
        self.read().users.get(user).cloned()
    }

    // Each change below leaves both maps whole, so a poisoned lock is still good.
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, Table> {
        self.table.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, Table> {
        self.table.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    /// Adds a socket behind those that the user has.
    fn add(&mut self, user: &UserId, handle: SocketHandle) {
        // Step 2.1: the socket joins those that the user has, and the table can tell whose it is
        let _ = (user, handle);
        todo!("step 2.1: enter the socket in both maps")
    }

    /// Ends the registration of one connection. A user without sockets leaves no trace.
    pub(crate) fn remove(&mut self, user: &UserId, conn: ConnId) {
        // Step 2.3: out of both maps, or they grow for ever
        // Step 2.4: this ends one connection's registration: read what you remove, entry by entry
        let _ = (user, conn);
    }
}

impl Presence for Registry {
    fn register(&self, user: UserId, handle: SocketHandle) -> Result<contract::Registration, AlreadyRegistered> {
        let conn = handle.conn();
        let mut table = self.write();
        // Step 2.6: a socket keeps its first name
        table.add(&user, handle);
        Ok(Box::new(Registration { registry: self.clone(), user, conn }))
    }

    fn user(&self, conn: ConnId) -> Option<UserId> {
        // Step 2.5: who speaks on this connection?
        let _ = conn;
        None
    }

    fn connections(&self, user: &UserId) -> Vec<ConnId> {
        // Step 2.1: the user's sockets by their ids; nobody there is an empty list
        let _ = user;
        todo!("step 2.1: the ids of the user's sockets, in the order in which they registered")
    }

    fn users(&self) -> usize {
        self.read().users.len()
    }

    fn sweep(&self, is_open: &dyn Fn(ConnId) -> bool) -> usize {
        let mut table = self.write();
        // Under the lock, since it looks into a table of its own and calls nobody: asked before, it would count as left what ends in between.
        let left: Vec<_> =
            table.conns.iter().filter(|(conn, _)| !is_open(**conn)).map(|(c, u)| (*c, u.clone())).collect();
        left.iter().for_each(|(conn, user)| table.remove(user, *conn));
        left.len()
    }
}
