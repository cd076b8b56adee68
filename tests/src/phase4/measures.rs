//! What phase 4 costs: until a newcomer is known, and until it is known that it has left.

use std::time::Instant;

use super::scene::{joining, lives_are};
use crate::Observed;
use crate::harness::{Failure, Network, World};

/// Short rounds, so that a measurement takes little.
const FLAGS: [&str; 6] = ["--cookie", "secret", "--gossip-interval", "10ms", "--phi", "1000000"];

/// Milliseconds from a node's start until another one lists it as live.
pub async fn joins(world: &World) -> Result<f64, Failure> {
    let network = Network::new(world);
    let first = network.node("n1", &FLAGS).await?;
    let began = Instant::now();
    let _second = joining(&network, "n2", "n1", &FLAGS).await?;
    lives_are(&first, &["n1", "n2"], Observed::NotAMember).await?;
    Ok(began.elapsed().as_secs_f64() * 1e3)
}

/// Milliseconds from SIGTERM until another node knows that this one has left.
pub async fn leaves(world: &World) -> Result<f64, Failure> {
    let network = Network::new(world);
    let first = network.node("n1", &FLAGS).await?;
    let second = joining(&network, "n2", "n1", &FLAGS).await?;
    for node in [&first, &second] {
        lives_are(node, &["n1", "n2"], Observed::NotAMember).await?;
    }
    let began = Instant::now();
    second.terminate();
    lives_are(&first, &["n1"], Observed::NeverLeft).await?;
    Ok(began.elapsed().as_secs_f64() * 1e3)
}
