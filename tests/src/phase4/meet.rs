//! Step 4.1: nodes find each other.

use std::time::Duration;

use super::scene::{NEVER, SOON, dials, joining, lives_are, meeting};
use crate::Observed;
use crate::harness::{Cluster, Failure, Hosts, Member, Network, World, ensure};

pub async fn two(world: &World) -> Result<(), Failure> {
    let network = Network::new(world);
    let nodes = meeting(&network, &["n1", "n2"], &dials(NEVER, &[])).await?;
    let (first, second) = (nodes[0].cluster().await?, nodes[1].cluster().await?);
    ensure(first.node == "n1" && second.node == "n2", Observed::WrongAnswer, "each says who it is")?;
    let told = |name| first.member(name).zip(second.member(name)).is_some_and(|(a, b)| a.incarnation == b.incarnation);
    ensure(told("n1") && told("n2"), Observed::WrongAnswer, "both tell of the same incarnations")
}

pub async fn third(world: &World) -> Result<(), Failure> {
    let network = Network::new(world);
    let flags = dials(NEVER, &[]);
    let mut nodes = meeting(&network, &["n1", "n2"], &flags).await?;
    nodes.push(joining(&network, "n3", "n2", &flags).await?);
    for node in &nodes {
        lives_are(node, &["n1", "n2", "n3"], Observed::NotAMember).await?;
    }
    Ok(())
}

pub async fn metadata(world: &World) -> Result<(), Failure> {
    let network = Network::new(world);
    let nodes = meeting(&network, &["n1", "n2"], &dials(NEVER, &[])).await?;
    for node in &nodes {
        for (other, name) in nodes.iter().zip(["n1", "n2"]) {
            let (ws, admin) = (other.ws().to_string(), other.admin().address().to_string());
            let gossip = network.place(name).await?.to_string();
            let expected = format!("{name}: admin={admin}, gossip={gossip}, ws={ws} and a version");
            let looked = node.row_until(SOON, name, Member::words, |cluster| {
                let row = cluster.member(name);
                let at = |kind: &str| row.and_then(|row| row.addresses.get(kind));
                let is_right = at("ws") == Some(&ws) && at("admin") == Some(&admin) && at("gossip") == Some(&gossip);
                let has_version = row.is_some_and(|row| row.version.is_some());
                ensure(is_right && has_version, Observed::WrongAddress, &expected)
            });
            looked.await?;
        }
    }
    Ok(())
}

pub async fn by_name(world: &World) -> Result<(), Failure> {
    let network = Network::new(world);
    let port = network.place("n1").await?.port();
    let first = network.node("n1", &dials(NEVER, &[])).await?;
    let hosts = Hosts::new("# nodes\n127.0.0.1 other.test seed.test\n")?;
    let (seed, path) = (format!("seed.test:{port}"), hosts.path().display().to_string());
    let second = network.node("n2", &dials(NEVER, &["--seed", &seed, "--hosts", &path])).await?;
    lives_are(&first, &["n1", "n2"], Observed::NotAMember).await?;
    lives_are(&second, &["n1", "n2"], Observed::NotAMember).await
}

pub async fn traffic(world: &World) -> Result<(), Failure> {
    let network = Network::new(world);
    let nodes = meeting(&network, &["n1", "n2"], &dials(NEVER, &[])).await?;
    network.repeat("n1", "n2", 2);
    let looked = nodes[0].row_until(SOON, "n2", Member::traffic, |cluster| {
        let row = cluster.member("n2");
        let is_counted = row.is_some_and(|row| row.sent > 0 && row.received > 0 && row.repeats > 0);
        let is_heard = row.is_some_and(|row| row.last_heard_ms.is_some());
        ensure(is_counted && is_heard, Observed::WrongCount, "some sent, received and repeats of n2, and last_heard_ms")
    });
    looked.await
}

pub async fn bad_wire(world: &World) -> Result<(), Failure> {
    let network = Network::new(world);
    let flags = dials(NEVER, &[]);
    let mut nodes = meeting(&network, &["n1", "n2"], &flags).await?;
    // Not between n2 and n3: before step 4.6, a first word may be the only one.
    for other in ["n2", "n3"] {
        network.worsen("n1", other, 50, Duration::from_millis(30));
    }
    nodes.push(joining(&network, "n3", "n2", &flags).await?);
    for node in &nodes {
        lives_are(node, &["n1", "n2", "n3"], Observed::NotAMember).await?;
    }
    Ok(())
}

pub async fn expected(world: &World) -> Result<(), Failure> {
    let network = Network::new(world);
    let first = network.node("n1", &dials(NEVER, &["--expect", "n1,n2"])).await?;
    first.is_degraded(SOON, "n2").await?;
    // At first it does not know of itself either.
    let missing = |cluster: &Cluster| ensure(cluster.missing == ["n2"], Observed::WrongAnswer, r#"missing ["n2"]"#);
    first.cluster_told_until(SOON, Cluster::expectation, missing).await?;
    let _second = joining(&network, "n2", "n1", &dials(NEVER, &[])).await?;
    first.is_ok(SOON).await?;
    let _third = joining(&network, "n3", "n1", &dials(NEVER, &[])).await?;
    let looked = first.cluster_told_until(SOON, Cluster::expectation, |cluster| {
        let is_right = cluster.missing.is_empty() && cluster.unexpected == ["n3"];
        ensure(is_right, Observed::NotAMember, r#"missing [], unexpected ["n3"]"#)
    });
    looked.await
}
