//! The way to other nodes: a WebSocket link of this node's own to each.

use std::net::SocketAddr;

use contract::{Forward, NodeId, Opened, Opening};
use futures_util::future::{BoxFuture, FutureExt};
use tokio::net::TcpListener;

/// One link to each other live node. A clone shares them.
#[derive(Clone, Default)]
pub struct DirectLinks {
    // Step 5.1: which links are up now?
}

impl Forward for DirectLinks {
    fn open(&self, opening: Opening) -> BoxFuture<'static, std::io::Result<Opened>> {
        let links = self.clone();
        async move {
            let listener = TcpListener::bind(opening.node.config.links.listen).await?;
            let address: SocketAddr = listener.local_addr()?;
            Ok(Opened { address, run: links.run(listener, opening).boxed() })
        }
        .boxed()
    }

    fn is_up(&self, node: &NodeId) -> bool {
        // Step 5.1: is there a link to that node now?
        let _ = node;
        false
    }
}

impl DirectLinks {
    /// Keeps the links, until the node stops.
    async fn run(self, listener: TcpListener, opening: Opening) {
        // Step 5.1: of each pair the node with the smaller name dials, and goes on trying; the other one accepts
        let _bound = listener;
        opening.stop.cancelled().await;
    }
}
