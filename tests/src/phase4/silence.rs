//! Step 4.3: who is silent is given up, and in the end forgotten.

use super::scene::{NEVER, PHI, SOON, becomes, dials, forgets, is_now, joining, lives_are, meeting};
use crate::Observed;
use crate::harness::{Failure, Member, Network, World, ensure};

/// Much longer than a silence in which something is still under way.
const DEAF_MS: u64 = 300;

pub async fn killed(world: &World) -> Result<(), Failure> {
    let network = Network::new(world);
    let nodes = meeting(&network, &["n1", "n2", "n3"], &dials(PHI, &[])).await?;
    nodes[2].kill();
    for node in &nodes[..2] {
        becomes(node, "n3", "dead", Observed::NeverGivenUp).await?;
        lives_are(node, &["n1", "n2"], Observed::GivenUpTooSoon).await?;
    }
    Ok(())
}

pub async fn dial(world: &World) -> Result<(), Failure> {
    let network = Network::new(world);
    let first = network.node("n1", &dials(NEVER, &[])).await?;
    let hasty = joining(&network, "hasty", "n1", &dials(PHI, &["--forget-after", "700ms"])).await?;
    let patient = joining(&network, "patient", "n1", &dials(NEVER, &[])).await?;
    for node in [&first, &hasty, &patient] {
        lives_are(node, &["n1", "hasty", "patient"], Observed::NotAMember).await?;
    }
    first.kill();
    // Given up, and much later, as silences go, forgotten.
    forgets(&hasty, "n1").await?;
    is_now(&patient, "n1", "live", Observed::GivenUpTooSoon).await
}

pub async fn paused(world: &World) -> Result<(), Failure> {
    let network = Network::new(world);
    let nodes = meeting(&network, &["n1", "n2"], &dials(PHI, &[])).await?;
    nodes[1].pause();
    becomes(&nodes[0], "n2", "dead", Observed::NeverGivenUp).await?;
    nodes[1].resume();
    for node in &nodes {
        lives_are(node, &["n1", "n2"], Observed::NeverReturned).await?;
    }
    Ok(())
}

pub async fn forgotten(world: &World) -> Result<(), Failure> {
    let network = Network::new(world);
    let nodes = meeting(&network, &["n1", "n2"], &dials(PHI, &["--forget-after", "300ms"])).await?;
    nodes[1].kill();
    // That it is dead in between, `killed` can see without haste.
    forgets(&nodes[0], "n2").await
}

pub async fn bridged(world: &World) -> Result<(), Failure> {
    let network = Network::new(world);
    let nodes = meeting(&network, &["n1", "n2", "n3"], &dials(PHI, &[])).await?;
    network.cut("n1", "n2");
    let looked = nodes[0].row_until(SOON, "n2", Member::traffic, |cluster| {
        let row = cluster.member("n2").filter(|row| row.state == "live");
        let is_deaf = row.and_then(|row| row.last_heard_ms).is_some_and(|silent| silent > DEAF_MS);
        ensure(is_deaf, Observed::GivenUpTooSoon, format!("n2 live, though heard more than {DEAF_MS} ms ago"))
    });
    looked.await
}

pub async fn short_cut(world: &World) -> Result<(), Failure> {
    let network = Network::new(world);
    let nodes = meeting(&network, &["n1", "n2"], &dials(PHI, &[])).await?;
    network.cut("n1", "n2");
    becomes(&nodes[0], "n2", "dead", Observed::NeverGivenUp).await?;
    becomes(&nodes[1], "n1", "dead", Observed::NeverGivenUp).await?;
    network.heal("n1", "n2");
    for node in &nodes {
        lives_are(node, &["n1", "n2"], Observed::NeverReturned).await?;
    }
    Ok(())
}
