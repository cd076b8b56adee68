//! A node of phase 5 that has a crowd of users from its start: more than a test has ports for, so that none of them is behind a socket.
//!
//! Its directory cannot tell: they have come by the seam by which users come. `CROWD` says how many there are.

use std::process::ExitCode;
use std::sync::Arc;

use cluster::Gossiper;
use contract::{
    AlreadyRegistered, CloseCode, ConnId, Frame, Item, Linked, Parts, Presence, PushError, Registration, Seams, Socket,
    SocketHandle, Speaks, UserId,
};
use directory::{DirectLinks, Router};
use ingest::Consumer;
use registry::Registry;

/// Users, unless `CROWD` says otherwise.
const USERS: u64 = 100_000;
/// Numbers of connections that the shell will not come to.
const FIRST: u64 = 1 << 32;

fn main() -> ExitCode {
    let users = std::env::var("CROWD").ok().and_then(|users| users.parse().ok()).unwrap_or(USERS);
    let mut crowd = Vec::new();
    contract::run_linked(Gossiper, Consumer, DirectLinks::default(), |config, stats| {
        let registry = Arc::new(Registry::default());
        let router = Arc::new(Router::new(config, stats, registry.clone(), registry));
        let nobody: Arc<dyn Socket> = Arc::new(Nobody);
        crowd.extend((0..users).filter_map(|number| {
            let handle = SocketHandle::new(ConnId::new(FIRST + number), nobody.clone());
            router.register(UserId::parse(&format!("user-{number:06}"))?, handle).ok()
        }));
        let seams = Seams { presence: Arc::new(Unswept(router.clone())), deliver: router.clone() };
        let parts = Parts { serve: Arc::new(socket::Sockets), speaks: Speaks::Gateway(seams) };
        Linked { parts, directory: router }
    })
}

/// Users who stay, though no connection stands behind them.
struct Unswept(Arc<Router>);

impl Presence for Unswept {
    fn register(&self, user: UserId, handle: SocketHandle) -> Result<Registration, AlreadyRegistered> {
        self.0.register(user, handle)
    }

    fn user(&self, conn: ConnId) -> Option<UserId> {
        self.0.user(conn)
    }

    fn connections(&self, user: &UserId) -> Vec<ConnId> {
        self.0.connections(user)
    }

    fn users(&self) -> usize {
        self.0.users()
    }

    fn sweep(&self, _is_open: &dyn Fn(ConnId) -> bool) -> usize {
        0
    }
}

/// A socket that nobody writes to.
struct Nobody;

impl Socket for Nobody {
    fn try_push(&self, _: Item) -> Result<(), PushError> {
        Err(PushError::Gone)
    }

    fn owe(&self) {}

    fn answer(&self, _: Frame) {}

    fn settle(&self) {}

    fn close(&self, _: CloseCode) {}

    fn queued(&self) -> usize {
        0
    }

    fn written(&self) -> u64 {
        0
    }
}
