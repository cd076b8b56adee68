//! Step 4.4: who goes says so.

use std::time::Duration;

use super::scene::{NEVER, SOON, becomes, dials, joining, lives_are, meeting};
use crate::Observed;
use crate::harness::{Failure, Network, World};

/// Ten of these rounds are what the others have for an answer to a goodbye. On a machine that is busy with other things they need not
/// get the processor within fewer.
const ROUNDS: &[&str] = &["--gossip-interval", "80ms"];
/// A node that nobody would miss has nothing to wait for.
const AT_ONCE: Duration = Duration::from_secs(1);

pub async fn left(world: &World) -> Result<(), Failure> {
    let network = Network::new(world);
    // No silence would tell them.
    let nodes = meeting(&network, &["n1", "n2", "n3"], &dials(NEVER, ROUNDS)).await?;
    nodes[2].terminate();
    nodes[2].exits(SOON).await?;
    for node in &nodes[..2] {
        becomes(node, "n3", "left", Observed::NeverLeft).await?;
        lives_are(node, &["n1", "n2"], Observed::NeverLeft).await?;
    }
    Ok(())
}

pub async fn returns(world: &World) -> Result<(), Failure> {
    let network = Network::new(world);
    let flags = dials(NEVER, ROUNDS);
    let nodes = meeting(&network, &["n1", "n2"], &flags).await?;
    nodes[1].terminate();
    becomes(&nodes[0], "n2", "left", Observed::NeverLeft).await?;
    nodes[1].exits(SOON).await?;
    let again = joining(&network, "n2", "n1", &flags).await?;
    for node in [&nodes[0], &again] {
        lives_are(node, &["n1", "n2"], Observed::NeverReturned).await?;
    }
    Ok(())
}

pub async fn alone(world: &World) -> Result<(), Failure> {
    let network = Network::new(world);
    let node = network.node("n1", &["--cookie", "secret", "--gossip-interval", "20s"]).await?;
    lives_are(&node, &["n1"], Observed::NotAMember).await?;
    node.terminate();
    node.exits(AT_ONCE).await
}
