//! Step 4.2: a name has many lives.

use super::scene::{NEVER, PHI, SOON, becomes, dials, joining, meeting};
use crate::Observed;
use crate::harness::{Cluster, Failure, Member, Network, Node, World, ensure};

/// The incarnation of a machine whose clock was ahead.
const AHEAD: u64 = 1000;

pub async fn restart(world: &World) -> Result<(), Failure> {
    let network = Network::new(world);
    let flags = dials(PHI, &[]);
    let nodes = meeting(&network, &["n1", "n2"], &flags).await?;
    let before = nodes[0].cluster().await?.incarnation;
    nodes[0].kill();
    let again = joining(&network, "n1", "n2", &flags).await?;
    let ws = again.ws().to_string();
    let is_new = |cluster: &Cluster| {
        let row = cluster.member("n1").filter(|row| row.state == "live" && row.incarnation > before);
        row.is_some_and(|row| row.addresses.get("ws") == Some(&ws))
    };
    takes_over(&nodes[1], is_new, &format!("n1 live, incarnation above {before}, ws={ws}")).await?;
    becomes(&again, "n2", "live", Observed::NotAMember).await?;
    // The others still remember its earlier life, and tell it of that.
    no_duplicate(&again, Observed::FalseDuplicate).await
}

pub async fn clock(world: &World) -> Result<(), Failure> {
    let network = Network::new(world);
    let first = network.node("n1", &dials(PHI, &["--incarnation", &AHEAD.to_string()])).await?;
    let second = joining(&network, "n2", "n1", &dials(PHI, &[])).await?;
    becomes(&second, "n1", "live", Observed::NotAMember).await?;
    first.kill();
    let again = joining(&network, "n1", "n2", &dials(PHI, &["--incarnation", "5"])).await?;
    let is_above =
        |cluster: &Cluster| cluster.member("n1").is_some_and(|row| row.state == "live" && row.incarnation > AHEAD);
    takes_over(&second, is_above, &format!("n1 live, incarnation above {AHEAD}")).await?;
    no_duplicate(&again, Observed::FalseDuplicate).await
}

pub async fn duplicate(world: &World) -> Result<(), Failure> {
    let network = Network::new(world);
    let flags = dials(NEVER, &[]);
    let nodes = meeting(&network, &["n1", "n2"], &flags).await?;
    let twin = twin(&network, &flags).await?;
    for node in [&nodes[0], &twin] {
        is_duplicate(node).await?;
        node.is_degraded(SOON, "n1").await?;
    }
    let looked = nodes[1].cluster_until(SOON, |cluster| {
        ensure(cluster.state("n1") == Some("live"), Observed::ListedTwice, "one row for n1")
    });
    looked.await
}

pub async fn duplicate_ends(world: &World) -> Result<(), Failure> {
    let network = Network::new(world);
    let flags = dials(PHI, &[]);
    let nodes = meeting(&network, &["n1", "n2"], &flags).await?;
    let twin = twin(&network, &flags).await?;
    is_duplicate(&nodes[0]).await?;
    twin.kill();
    no_duplicate(&nodes[0], Observed::FalseDuplicate).await?;
    nodes[0].is_ok(SOON).await?;
    becomes(&nodes[1], "n1", "live", Observed::NeverReturned).await
}

/// Another node that believes that it is n1.
async fn twin(network: &Network<'_>, flags: &[&str]) -> Result<Node, Failure> {
    let seed = network.place("n2").await?.to_string();
    network.node_named("twin", "n1", &[flags, &["--seed", &seed]].concat()).await
}

async fn takes_over(
    node: &Node,
    wanted: impl Fn(&Cluster) -> bool + Send + Sync,
    expected: &str,
) -> Result<(), Failure> {
    let looked = node.row_until(SOON, "n1", Member::life, |cluster| {
        let rows = cluster.members.iter().filter(|row| row.node == "n1").count();
        let observed = if rows > 1 { Observed::ListedTwice } else { Observed::OldLife };
        ensure(wanted(cluster), observed, expected)
    });
    looked.await
}

async fn is_duplicate(node: &Node) -> Result<(), Failure> {
    let looked =
        node.cluster_until(SOON, |cluster| ensure(cluster.duplicate, Observed::DuplicateUnseen, r#""duplicate":true"#));
    looked.await
}

async fn no_duplicate(node: &Node, observed: Observed) -> Result<(), Failure> {
    node.cluster_until(SOON, |cluster| ensure(!cluster.duplicate, observed, r#""duplicate":false"#)).await
}
