//! Three nodes, what is between them, and what can happen to them.

use std::time::Duration;

use anyhow::{Context, Result};
use checks::World;
use checks::harness::{Links, Network, Node};

use super::NODES;
use super::book::Pen;
use crate::subject::told;

/// `--drain`, and some.
const STOPPED_WITHIN: Duration = Duration::from_secs(15);

/// The nodes, by number, behind proxies for gossip and for links.
pub struct Stage<'w> {
    gossip: Network<'w>,
    links: Links<'w>,
    pen: Pen,
    nodes: Vec<Option<Node>>,
}

impl<'w> Stage<'w> {
    /// All nodes live.
    pub async fn begin(world: &'w World, pen: &Pen) -> Result<Self> {
        let (gossip, links) = (Network::new(world), Links::new(world));
        let mut stage = Self { gossip, links, pen: pen.clone(), nodes: vec![None; NODES] };
        for node in 0..NODES {
            stage.start(node).await?;
        }
        Ok(stage)
    }

    /// Starts a node, or starts it again, with the router's own dials.
    pub async fn start(&mut self, node: usize) -> Result<()> {
        let mut seeds = Vec::new();
        for seed in 0..NODES {
            seeds.push(self.gossip.place(&name(seed)).await.map_err(told)?.to_string());
        }
        let link = self.links.place(&name(node)).await.map_err(told)?.to_string();
        let flags = ["--cookie", "soak", "--seed", &seeds.join(","), "--link-advertise", &link];
        let started = self.gossip.node(&name(node), &flags).await.map_err(told)?;
        self.links.lead_to(&name(node), &started).map_err(told)?;
        self.pen.born(node, started.ws());
        self.nodes[node] = Some(started);
        Ok(())
    }

    /// SIGKILL, and its end.
    pub async fn kill(&mut self, node: usize) -> Result<()> {
        let killed = self.nodes[node].take().with_context(|| format!("{} is dead already", name(node)))?;
        let asked = self.pen.now();
        killed.kill();
        killed.process().exited().await;
        self.pen.killed(node, asked);
        Ok(())
    }

    /// SIGSTOP. What the node did until it stopped, it did before it hung.
    pub fn pause(&self, node: usize) -> Result<()> {
        self.node(node)?.pause();
        self.pen.hangs(node);
        Ok(())
    }

    /// SIGCONT.
    pub fn resume(&self, node: usize) -> Result<()> {
        self.node(node)?.resume();
        self.pen.goes_on(node);
        Ok(())
    }

    /// Nothing passes between this node and the others any more.
    pub fn cut_off(&self, node: usize) {
        for other in (0..NODES).filter(|other| *other != node) {
            self.gossip.cut(&name(node), &name(other));
            self.links.cut(&name(node), &name(other));
        }
    }

    /// All passes again.
    pub fn heal(&self, node: usize) {
        for other in (0..NODES).filter(|other| *other != node) {
            self.gossip.heal(&name(node), &name(other));
            self.links.heal(&name(node), &name(other));
        }
    }

    /// A node that is not dead.
    pub fn node(&self, node: usize) -> Result<&Node> {
        self.nodes[node].as_ref().with_context(|| format!("{} is dead", name(node)))
    }

    /// SIGTERM; all are to end well.
    pub async fn stop(&self) -> Result<()> {
        let nodes: Vec<_> = self.nodes.iter().flatten().collect();
        nodes.iter().for_each(|node| node.terminate());
        for node in nodes {
            node.exits(STOPPED_WITHIN).await.map_err(told)?;
        }
        Ok(())
    }
}

/// What a node is called.
pub fn name(node: usize) -> String {
    format!("n{}", node + 1)
}
