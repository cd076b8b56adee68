//! What the checks of this phase share: dials that are fast, and nodes that meet.

use std::time::Duration;

use crate::Observed;
use crate::harness::{Cluster, Failure, Network, Node, ensure};

/// Until word of something is everywhere: a twentieth of it is usual, and only failing checks wait so long.
pub const SOON: Duration = Duration::from_secs(3);
/// A silence of a fifth of a second or so. A machine that is busy with other things may cause one; nobody takes that amiss.
pub const PHI: &str = "20";
/// No silence is long enough.
pub const NEVER: &str = "1000000";

/// The flags of a fast node, unless `more` has others.
pub fn dials<'a>(phi: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let own = [["--gossip-interval", "30ms"], ["--phi", phi], ["--cookie", "secret"]];
    own.into_iter().filter(|[flag, _]| !more.contains(flag)).flatten().chain(more.iter().copied()).collect()
}

/// Starts nodes that know the first of them, and waits until each lists all as live.
///
/// # Errors
///
/// `NotAMember`, or as `World::node`.
pub async fn meeting(network: &Network<'_>, names: &[&str], flags: &[&str]) -> Result<Vec<Node>, Failure> {
    let mut nodes = Vec::new();
    for name in names {
        nodes.push(joining(network, name, names[0], flags).await?);
    }
    for node in &nodes {
        lives_are(node, names, Observed::NotAMember).await?;
    }
    Ok(nodes)
}

/// Starts a node that knows another one.
///
/// # Errors
///
/// As `World::node`.
pub async fn joining(network: &Network<'_>, name: &str, seed: &str, flags: &[&str]) -> Result<Node, Failure> {
    let seed = network.place(seed).await?.to_string();
    network.node(name, &[flags, &["--seed", &seed]].concat()).await
}

/// Waits until exactly these are live.
///
/// # Errors
///
/// `observed`.
pub async fn lives_are(node: &Node, names: &[&str], observed: Observed) -> Result<(), Failure> {
    let expected = format!("{} live", names.join(", "));
    node.cluster_until(SOON, |cluster| ensure(cluster.lives_are(names), observed, &expected)).await
}

/// Waits until the row of `name` has this state.
///
/// # Errors
///
/// `observed`, or `ForgottenTooSoon` if a dead node has no row.
pub async fn becomes(node: &Node, name: &str, state: &str, observed: Observed) -> Result<(), Failure> {
    let expected = format!("{name} {state}");
    let looked = node.cluster_until(SOON, |cluster| {
        let is_forgotten = state == "dead" && cluster.members.iter().all(|row| row.node != name);
        let observed = if is_forgotten { Observed::ForgottenTooSoon } else { observed };
        ensure(cluster.state(name) == Some(state), observed, &expected)
    });
    looked.await
}

/// The row of `name` has this state, at the first look.
///
/// # Errors
///
/// `observed`.
pub async fn is_now(node: &Node, name: &str, state: &str, observed: Observed) -> Result<(), Failure> {
    let expected = format!("{name} {state}");
    let look = |cluster: &Cluster| ensure(cluster.state(name) == Some(state), observed, &expected);
    node.cluster_until(Duration::ZERO, look).await
}

/// Waits until there is no row of `name`.
///
/// # Errors
///
/// `NeverForgotten`.
pub async fn forgets(node: &Node, name: &str) -> Result<(), Failure> {
    let is_gone = |cluster: &Cluster| cluster.members.iter().all(|row| row.node != name);
    let expected = format!("no row for {name}");
    node.cluster_until(SOON, |cluster| ensure(is_gone(cluster), Observed::NeverForgotten, &expected)).await
}
