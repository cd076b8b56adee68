//! Whom this node dials, again and again.
// ANCHOR: step-5-1-dial
// BEFORE 5.1: a task for each live member with a greater name: dial, prove, run the link, wait a little longer each time

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use contract::cluster::View;
use contract::link::{INCARNATION_HEADER, NODE_HEADER, PATH, PROTOCOL, PROTOCOL_HEADER};
use contract::{NodeId, Peer};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tokio_tungstenite::client_async_with_config;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;

use crate::handshake::{self, Refused};
use crate::link::{self, LinkStream, Links};

/// After the first failure: a restarted node listens again within it.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
/// Each pause is twice as long as the one before, up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// A link that was up for so long was a good one: the next pause is the first again.
const GOOD: Duration = Duration::from_secs(1);

/// Whom to dial, and where.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Target {
    peer: Peer,
    address: SocketAddr,
}

/// Keeps a link to each live member whose name is greater than this node's, until the node stops.
pub(crate) async fn run(links: Arc<Links>) {
    let (mut view, me) = (links.opening.view.clone(), links.opening.node.config.node.clone());
    let mut tasks = JoinSet::new();
    let mut dialled = HashMap::new();
    loop {
        let wanted = targets(&view.borrow_and_update(), &me);
        // Its link ends by itself when the view tells of another life; here ends the dialling.
        dialled.retain(|target, task: &mut tokio::task::AbortHandle| {
            let keep = wanted.contains(target);
            if !keep {
                task.abort();
            }
            keep
        });
        for target in wanted {
            dialled.entry(target.clone()).or_insert_with(|| tasks.spawn(keep(links.clone(), target)));
        }
        tokio::select! {
            changed = view.changed() => if changed.is_err() { break },
            // Those that were aborted.
            Some(_) = tasks.join_next() => {}
            () = links.opening.stop.cancelled() => break,
        }
    }
    // They say goodbye by themselves.
    while tasks.join_next().await.is_some() {}
}

/// A node that says nowhere where it takes links is of a version that has none.
fn targets(view: &View, me: &NodeId) -> HashSet<Target> {
    let others = view.live.iter().filter(|(node, _)| *node > me);
    let target = |(node, member): (&NodeId, &contract::cluster::LiveMember)| {
        let peer = Peer { node: node.clone(), incarnation: member.incarnation };
        Some(Target { peer, address: *member.addresses.get("link")? })
    };
    others.filter_map(target).collect()
}

async fn keep(links: Arc<Links>, target: Target) {
    let mut pause = FIRST_PAUSE;
    loop {
        match timeout(handshake::PATIENCE, dial(&links, &target)).await {
            Ok(Ok((stream, me))) => {
                let began = Instant::now();
                link::run(&links, stream, &me, &target.peer).await;
                if began.elapsed() >= GOOD {
                    pause = FIRST_PAUSE;
                }
            }
            Ok(Err(error)) => tracing::debug!(peer = %target.peer.node, %error, "no link"),
            Err(_) => tracing::debug!(peer = %target.peer.node, "no link: no answer"),
        }
        tokio::select! {
            () = sleep(jittered(pause)) => pause = LONGEST_PAUSE.min(pause * 2),
            () = links.opening.stop.cancelled() => return,
        }
    }
}

/// Between half of it and all: nodes that lost each other at one moment shall not all dial at one moment.
fn jittered(pause: Duration) -> Duration {
    pause / 2 + pause.mul_f64((RandomState::new().hash_one(0) % 1000) as f64 / 2000.0)
}

async fn dial(links: &Links, target: &Target) -> Result<(LinkStream, Peer), Refused> {
    let me = links.me().ok_or(Refused::Unknown)?;
    let stream = TcpStream::connect(target.address).await?;
    stream.set_nodelay(true)?;
    let mut request = format!("ws://{}{PATH}", target.address).into_client_request()?;
    let headers = [
        (NODE_HEADER, me.node.to_string()),
        (INCARNATION_HEADER, me.incarnation.to_string()),
        (PROTOCOL_HEADER, PROTOCOL.to_owned()),
    ];
    for (name, value) in headers {
        // A node's name has nothing that a header could not carry.
        request.headers_mut().insert(name, HeaderValue::try_from(value).map_err(|_| Refused::Unknown)?);
    }
    let (mut stream, _) = client_async_with_config(request, stream, Some(links.limits())).await?;
    handshake::prove(&mut stream, &me, &target.peer, &links.opening.node.config.gossip).await?;
    Ok((stream, me))
}

#[cfg(test)]
mod tests {
    use contract::cluster::LiveMember;

    use super::*;

    #[test]
    fn the_smaller_name_dials() {
        let member = |port| {
            let addresses = [("link".to_owned(), ([127, 0, 0, 1], port).into())].into();
            LiveMember { incarnation: u64::from(port), addresses }
        };
        let live = ["n1", "n2", "n3"].map(|name| (NodeId::new(name), member(1)));
        let silent = (NodeId::new("n4"), LiveMember { incarnation: 1, addresses: Default::default() });
        let view = View { live: live.into_iter().chain([silent]).collect(), duplicate: false };
        let dialled: Vec<_> = targets(&view, &NodeId::new("n2")).into_iter().map(|target| target.peer.node).collect();
        assert_eq!(dialled, [NodeId::new("n3")]);
    }

    #[test]
    fn a_pause_is_never_longer_than_it_is() {
        assert!((0..100).map(|_| jittered(FIRST_PAUSE)).all(|pause| pause >= FIRST_PAUSE / 2 && pause <= FIRST_PAUSE));
    }
}
// ANCHOR_END: step-5-1-dial
