//! Who knocks, and who is let in.
// ANCHOR: step-5-1-accept
// BEFORE 5.1: upgrade, know the peer by its headers, wait until the view agrees, ask for a proof, run the link

use std::sync::Arc;

use contract::link::{INCARNATION_HEADER, NODE_HEADER, PATH, PROTOCOL, PROTOCOL_HEADER};
use contract::{NodeId, Peer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_tungstenite::accept_hdr_async_with_config;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::{HeaderMap, StatusCode};
use tokio_util::task::TaskTracker;

use crate::handshake::{self, Refused};
use crate::link::{self, LinkStream, Links};

/// So many may knock at once; the next ones wait in the kernel. A stranger who never says a word takes a place for five seconds.
const KNOCKING: usize = 64;
/// After a failed accept, mostly for want of descriptors.
const ACCEPT_PAUSE: std::time::Duration = std::time::Duration::from_millis(50);

/// Takes links until the node stops.
pub(crate) async fn run(listener: TcpListener, links: Arc<Links>) {
    let (tasks, places) = (TaskTracker::new(), Arc::new(Semaphore::new(KNOCKING)));
    loop {
        let next = async {
            // Nobody closes the semaphore.
            let place = places.clone().acquire_owned().await;
            (listener.accept().await, place)
        };
        let (accepted, place) = tokio::select! {
            next = next => next,
            () = links.opening.stop.cancelled() => break,
        };
        let Ok((stream, _)) = accepted else {
            sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let links = links.clone();
        tasks.spawn(async move {
            let admitted = timeout(handshake::PATIENCE, admit(stream, &links)).await;
            drop(place);
            match admitted.unwrap_or(Err(Refused::Silent)) {
                Ok((stream, me, peer)) => link::run(&links, stream, &me, &peer).await,
                Err(error) => {
                    links.opening.node.stats.links.rejected.increment();
                    tracing::debug!(%error, "a link was refused");
                }
            }
        });
    }
    tasks.close();
    tasks.wait().await;
}

async fn admit(stream: TcpStream, links: &Links) -> Result<(LinkStream, Peer, Peer), Refused> {
    stream.set_nodelay(true)?;
    let mut knocking = None;
    #[expect(clippy::result_large_err, reason = "as the library has it")]
    let callback = |request: &Request, response: Response| {
        knocking = (request.uri().path() == PATH).then(|| claimed(request.headers())).flatten();
        if knocking.is_some() { Ok(response) } else { Err(refusal()) }
    };
    let mut stream = accept_hdr_async_with_config(stream, callback, Some(links.limits())).await?;
    let peer = knocking.ok_or(Refused::Unknown)?;
    if peer.node >= links.opening.node.config.node {
        // It waits to be dialled: of two links between a pair each would think that the other one is newer.
        return Err(Refused::Unknown);
    }
    // Its word may be faster than the gossip about it.
    links.opening.view.clone().wait_for(|view| link::agrees(view, &peer)).await.map_err(|_| Refused::Unknown)?;
    let me = links.me().ok_or(Refused::Unknown)?;
    handshake::prove(&mut stream, &me, &peer, &links.opening.node.config.gossip).await?;
    Ok((stream, me, peer))
}

/// Who it says it is.
fn claimed(headers: &HeaderMap) -> Option<Peer> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    text(PROTOCOL_HEADER).filter(|version| *version == PROTOCOL)?;
    Some(Peer { node: NodeId::new(text(NODE_HEADER)?), incarnation: text(INCARNATION_HEADER)?.parse().ok()? })
}

fn refusal() -> ErrorResponse {
    let mut response =
        ErrorResponse::new(Some(format!("this is for nodes of the cluster: GET {PATH}, protocol {PROTOCOL}")));
    *response.status_mut() = StatusCode::BAD_REQUEST;
    response
}
// ANCHOR_END: step-5-1-accept
