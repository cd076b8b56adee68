//! Step 4.6: who was forgotten is found again.

use std::net::Ipv4Addr;

use tokio::net::UdpSocket;
use tokio::time::timeout;

use super::scene::{NEVER, PHI, SOON, becomes, dials, forgets, joining, lives_are, meeting};
use crate::Observed;
use crate::harness::{Failure, Hosts, Network, World, ensure, eventually};

pub async fn outlasts(world: &World) -> Result<(), Failure> {
    let network = Network::new(world);
    let nodes = meeting(&network, &["n1", "n2"], &dials(PHI, &["--forget-after", "200ms"])).await?;
    network.cut("n1", "n2");
    forgets(&nodes[0], "n2").await?;
    forgets(&nodes[1], "n1").await?;
    network.heal("n1", "n2");
    for node in &nodes {
        lives_are(node, &["n1", "n2"], Observed::NeverHealed).await?;
    }
    Ok(())
}

pub async fn halves(world: &World) -> Result<(), Failure> {
    let network = Network::new(world);
    let names = ["n1", "n2", "n3", "n4"];
    let nodes = meeting(&network, &names, &dials(PHI, &["--forget-after", "200ms"])).await?;
    for (a, b) in [("n1", "n3"), ("n1", "n4"), ("n2", "n3"), ("n2", "n4")] {
        network.cut(a, b);
    }
    // Neither half is lonely.
    for (node, others) in nodes.iter().zip([["n3", "n4"], ["n3", "n4"], ["n1", "n2"], ["n1", "n2"]]) {
        for other in others {
            forgets(node, other).await?;
        }
    }
    for (a, b) in [("n1", "n3"), ("n1", "n4"), ("n2", "n3"), ("n2", "n4")] {
        network.heal(a, b);
    }
    for node in &nodes {
        lives_are(node, &names, Observed::NeverHealed).await?;
    }
    Ok(())
}

pub async fn later(world: &World) -> Result<(), Failure> {
    let network = Network::new(world);
    let flags = dials(NEVER, &[]);
    let second = joining(&network, "n2", "n1", &flags).await?;
    becomes(&second, "n2", "live", Observed::NotAMember).await?;
    // It has asked once, and nobody was there.
    let asked = eventually(SOON, || async {
        let sent = second.admin().counter("gossip.sent").await?;
        ensure(sent > 0, Observed::NeverHealed, "a datagram to the seed")
    });
    asked.await?;
    let first = network.node("n1", &flags).await?;
    lives_are(&second, &["n1", "n2"], Observed::NeverHealed).await?;
    lives_are(&first, &["n1", "n2"], Observed::NeverHealed).await
}

pub async fn looked_up(world: &World) -> Result<(), Failure> {
    let network = Network::new(world);
    let no_port = |error| Failure::skip(format!("no port for a seed: {error}"));
    let deaf = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(no_port)?;
    let port = deaf.local_addr().map_err(no_port)?.port();
    let hosts = Hosts::new("127.0.0.1 deaf.test\n")?;
    let first = network.node("n1", &dials(NEVER, &[])).await?;
    let seeds = format!("deaf.test:{port},late.test:{}", network.place("n1").await?.port());
    let path = hosts.path().display().to_string();
    let second = network.node("n2", &dials(NEVER, &["--seed", &seeds, "--hosts", &path])).await?;
    // A second greeting comes after a first look at both names.
    for _ in 0..2 {
        let heard = timeout(SOON, deaf.recv(&mut [0])).await;
        world.story().record("n2", "deaf.test", if heard.is_ok() { "(a datagram)" } else { "(nothing more)" });
        ensure(heard.is_ok(), Observed::NeverHealed, "a seed that does not answer is asked again")?;
    }
    world.story().record("test", "n2", "--hosts: now late.test, too");
    hosts.write("127.0.0.1 deaf.test late.test\n")?;
    for node in [&first, &second] {
        lives_are(node, &["n1", "n2"], Observed::NeverHealed).await?;
    }
    Ok(())
}
