//! Step 4.5: strangers stay out.

use std::net::Ipv4Addr;

use tokio::net::UdpSocket;

use super::scene::{NEVER, SOON, dials, joining, lives_are, meeting};
use crate::Observed;
use crate::harness::{Failure, Network, Node, World, ensure, eventually};

/// Datagrams of one stranger: a line each would be as many.
const MANY: u64 = 20;
/// Lines that a stranger may take: one, and one more.
const LINES: u64 = 2;

pub async fn cookie(world: &World) -> Result<(), Failure> {
    kept_out(world, &["--cookie", "a guess"], "cookie").await
}

pub async fn name(world: &World) -> Result<(), Failure> {
    kept_out(world, &["--cluster", "another"], "cluster").await
}

/// A node with these flags knows n1 and stays out, while one without them is let in.
async fn kept_out(world: &World, flags: &[&str], reason: &str) -> Result<(), Failure> {
    let network = Network::new(world);
    let first = network.node("n1", &dials(NEVER, &[])).await?;
    let stranger = joining(&network, "stranger", "n1", &dials(NEVER, flags)).await?;
    let friend = joining(&network, "friend", "n1", &dials(NEVER, &[])).await?;
    turns_away(&first, reason, 1).await?;
    for node in [&first, &friend] {
        lives_are(node, &["n1", "friend"], Observed::StrangerJoined).await?;
    }
    lives_are(&stranger, &["stranger"], Observed::StrangerJoined).await
}

pub async fn garbage(world: &World) -> Result<(), Failure> {
    let network = Network::new(world);
    let nodes = meeting(&network, &["n1", "n2"], &dials(NEVER, &[])).await?;
    let no_port = |error| Failure::skip(format!("no port for a stranger: {error}"));
    let stranger = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(no_port)?;
    let lines = nodes[0].lines();
    world.story().record("stranger", "n1", "\"let me in\", again and again");
    let target = nodes[0].gossip()?;
    let knock = async || {
        // A datagram that does not leave is one that does not arrive.
        let _ = stranger.send_to(b"let me in", target).await;
    };
    for _ in 0..MANY {
        knock().await;
    }
    let knocked = eventually(SOON, || async {
        // In the place of one that got lost.
        knock().await;
        let cluster = nodes[0].cluster().await?;
        let expected = format!("{MANY} rejected, as malformed");
        ensure(cluster.rejected_for("malformed") >= MANY, Observed::StrangerUnseen, expected)
    });
    knocked.await?;
    let more = nodes[0].lines() - lines;
    nodes[0].admin().record_seen(format!("(lines on standard error: {more})"));
    ensure(more <= LINES, Observed::SaidTooOften, "one line")?;
    lives_are(&nodes[1], &["n1", "n2"], Observed::OthersAffected).await
}

async fn turns_away(node: &Node, reason: &str, count: u64) -> Result<(), Failure> {
    let expected = format!("rejected, reason {reason}");
    let looked = node.cluster_until(SOON, |cluster| {
        let joined = cluster.members.iter().any(|row| row.node == "stranger");
        let observed = if joined { Observed::StrangerJoined } else { Observed::StrangerUnseen };
        ensure(!joined && cluster.rejected_for(reason) >= count, observed, &expected)
    });
    looked.await
}
