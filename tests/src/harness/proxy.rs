//! A TCP proxy before a node: the network that a check can cut, heal and slow down.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::task::AbortOnDropHandle;

use crate::harness::failure::Failure;
use crate::harness::story::Story;

/// A wire between clients and a node. It is bound before the node exists, and led to it later. Dropping it ends every
/// connection through it.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    story: Story,
    wire: watch::Sender<Wire>,
    _accepting: AbortOnDropHandle<()>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Wire {
    target: Option<SocketAddr>,
    cut: bool,
    delay: Duration,
}

impl Proxy {
    /// Binds a free port on loopback.
    ///
    /// # Errors
    ///
    /// A skip, if this machine has no port left.
    pub async fn bind(story: &Story) -> Result<Self, Failure> {
        let no_port = |error| Failure::skip(format!("no port for a proxy: {error}"));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(no_port)?;
        let address = listener.local_addr().map_err(no_port)?;
        let (wire, wire_rx) = watch::channel(Wire::default());
        let accepting = AbortOnDropHandle::new(tokio::spawn(accept(listener, wire_rx)));
        Ok(Self { address, story: story.clone(), wire, _accepting: accepting })
    }

    /// Where clients connect, and what a node advertises.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Connections go to `target` from now on; those that came earlier have waited for it.
    pub fn lead_to(&self, target: SocketAddr) {
        self.wire.send_modify(|wire| wire.target = Some(target));
    }

    /// From now on nothing passes, in neither direction, not even the end of a connection.
    pub fn cut(&self) {
        self.story.record("test", "network", "cut");
        self.wire.send_modify(|wire| wire.cut = true);
    }

    /// What was held up passes, and so does all that follows.
    pub fn heal(&self) {
        self.story.record("test", "network", "heal");
        self.wire.send_modify(|wire| wire.cut = false);
    }

    /// Each piece of data takes so much longer.
    pub fn delay(&self, delay: Duration) {
        self.story.record("test", "network", format!("delay {} ms", delay.as_millis()));
        self.wire.send_modify(|wire| wire.delay = delay);
    }
}

async fn accept(listener: TcpListener, wire: watch::Receiver<Wire>) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        connections.spawn(carry(client, wire.clone()));
    }
}

/// One connection; whatever ends it ends both sides.
async fn carry(client: TcpStream, mut wire: watch::Receiver<Wire>) -> Option<()> {
    let target = wire.wait_for(|wire| wire.target.is_some() && !wire.cut).await.ok()?.target?;
    let node = TcpStream::connect(target).await.ok()?;
    client.set_nodelay(true).and_then(|()| node.set_nodelay(true)).ok()?;
    let ((from_client, to_client), (from_node, to_node)) = (client.into_split(), node.into_split());
    tokio::join!(pump(from_client, to_node, wire.clone()), pump(from_node, to_client, wire));
    Some(())
}

/// Carries one direction to its end, and the end too.
async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut wire: watch::Receiver<Wire>) -> Option<()> {
    let mut chunk = vec![0; 16 * 1024];
    loop {
        let length = from.read(&mut chunk).await.unwrap_or(0);
        let delay = wire.wait_for(|wire| !wire.cut).await.ok()?.delay;
        if !delay.is_zero() {
            sleep(delay).await;
        }
        if length == 0 {
            return to.shutdown().await.ok();
        }
        to.write_all(&chunk[..length]).await.ok()?;
    }
}
