//! The seam between connections and names: phase 2 implements it.

use std::any::Any;

use thiserror::Error;

use crate::{ConnId, SocketHandle, UserId};

/// Knows which user is behind which connection of this node, both ways.
pub trait Presence: Send + Sync + 'static {
    /// From now on `handle` is one of the user's sockets, until the registration is dropped.
    ///
    /// # Errors
    ///
    /// [`AlreadyRegistered`]: the connection has a name. It keeps that one; a retry will not help.
    fn register(&self, user: UserId, handle: SocketHandle) -> Result<Registration, AlreadyRegistered>;

    /// The user behind a connection, if it has registered.
    fn user(&self, conn: ConnId) -> Option<UserId>;

    /// The user's connections, in the order in which they registered; none if nobody is there by that name.
    fn connections(&self, user: &UserId) -> Vec<ConnId>;

    /// Users registered now.
    fn users(&self) -> usize;

    /// Removes what no open connection stands behind, and says how much that was. With registrations that end when they are
    /// dropped there is nothing to find: anything but 0 is a bug that this makes visible.
    fn sweep(&self, is_open: &dyn Fn(ConnId) -> bool) -> usize;
}

/// A user's hold on a name: dropped, it ends, however the connection did. Its drop must not wait.
pub type Registration = Box<dyn Any + Send>;

/// The connection has registered before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("this connection is registered already")]
pub struct AlreadyRegistered;
