//! One router on one node or on several.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use checks::harness::eventually;
use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;

use crate::dialect::{Dialect, Router};
use crate::subject::{Subject, cpu_us, told};

/// How long nodes may take to find each other, and to tell each other of their users.
const PATIENCE: Duration = Duration::from_secs(20);

/// A client.
pub type Socket = WebSocketStream<TcpStream>;

/// Running nodes that know each other. Dropping it kills them.
pub struct Cluster {
    nodes: Vec<Subject>,
    dialect: Dialect,
}

impl Cluster {
    /// Starts all nodes of a router, and waits until they tell each other of their users.
    pub async fn launch(router: &Router) -> Result<Self> {
        let mut nodes = Vec::new();
        for _ in 0..router.nodes {
            nodes.push(Subject::launch(router, nodes.first()).await?);
        }
        let cluster = Self { nodes, dialect: router.dialect };
        if router.nodes == 1 {
            return Ok(cluster);
        }
        let scout = cluster.user(cluster.last(), "scout").await?;
        cluster.known(1).await.context("the nodes do not find each other")?;
        drop(scout);
        cluster.known(0).await?;
        Ok(cluster)
    }

    /// What clients of it say.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Where messages come from.
    pub fn first(&self) -> &Subject {
        &self.nodes[0]
    }

    /// Where messages go: with two nodes or more, each has to cross a link.
    pub fn last(&self) -> &Subject {
        &self.nodes[self.nodes.len() - 1]
    }

    /// Connects and registers a client.
    pub async fn user(&self, node: &Subject, name: &str) -> Result<Socket> {
        let mut socket = node.connect().await?;
        socket.send(self.dialect.register(name)).await?;
        loop {
            let frame = socket.next().await.context("closed before it registered")??;
            if self.dialect.is_registered(&frame) {
                return Ok(socket);
            }
        }
    }

    /// Waits until the first node knows of so many users of others, all of which are on the last one.
    pub async fn known(&self, users: usize) -> Result<()> {
        if self.nodes.len() == 1 {
            return Ok(());
        }
        let look = || async {
            let known = self.known_now().await?;
            ensure!(known == users, "{known} users of the other node are known instead of {users}");
            Ok(())
        };
        eventually(PATIENCE, look).await
    }

    async fn known_now(&self) -> Result<usize> {
        let admin = self.first().admin()?;
        if self.dialect == Dialect::Gateway {
            return Ok(usize::try_from(admin.counter("directory.rows").await.map_err(told)?)?);
        }
        let routes = admin.peek("/routez?subs=1").await.map_err(told)?;
        let routes = routes.body["routes"].as_array().map(Vec::as_slice).unwrap_or_default();
        let wanted = routes.iter().filter_map(|route| route["subscriptions_list"].as_array()).flatten();
        // Servers want things of each other, too.
        Ok(wanted.filter_map(Value::as_str).filter(|subject| subject.starts_with("u.")).count())
    }

    /// Resident memory in KiB, of all nodes.
    pub async fn memory(&self) -> Result<f64> {
        let mut sum = 0.0;
        for node in &self.nodes {
            sum += node.memory().await?;
        }
        Ok(sum)
    }

    /// Seconds of CPU that all nodes have used so far, where /proc tells.
    pub fn cpu(&self) -> Option<f64> {
        self.nodes.iter().map(Subject::cpu).sum()
    }

    /// Microseconds of CPU for each of `count` things, since they had used `before`.
    pub fn cpu_us_since(&self, before: Option<f64>, count: u64) -> f64 {
        cpu_us(before, self.cpu(), count)
    }
}
