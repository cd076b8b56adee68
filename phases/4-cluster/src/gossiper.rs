//! A node among others, one life after the other.

use std::net::SocketAddr;

use contract::{Cluster, Joined, Joining};
use futures_util::future::{BoxFuture, FutureExt};
use gossip::Gossip;
use gossip::chitchat::ChitchatId;

use crate::identity;
use crate::life::{Ended, Life};

/// Finds the other nodes by gossip, and tells from their silence that they have gone.
pub struct Gossiper;

impl Cluster for Gossiper {
    fn join(&self, joining: Joining) -> BoxFuture<'static, std::io::Result<Joined>> {
        async move {
            let gossip = Gossip::bind(joining.node.config.gossip.listen).await?;
            let bound = gossip.local_addr()?;
            let advertised = joining.node.config.gossip.advertise.unwrap_or(bound);
            Ok(Joined { gossip: bound, run: run(joining, gossip, advertised).boxed() })
        }
        .boxed()
    }
}

/// Lives until the node stops. A life that turns out to be older than one before it ends, and a newer one begins.
async fn run(joining: Joining, gossip: Gossip, advertised: SocketAddr) {
    let config = &joining.node.config;
    let mut incarnation = identity::first(&config.gossip);
    loop {
        let me = ChitchatId::new(config.node.to_string(), incarnation, advertised);
        let ended = match Life::begin(&joining, &gossip, me).await {
            Ok(life) => life.live().await,
            Err(error) => Ended::Broken(error.to_string()),
        };
        match ended {
            Ended::Stopped => return,
            Ended::Outranked(by) => {
                incarnation = by.saturating_add(1);
                tracing::info!(incarnation, "an earlier life of this node had a higher incarnation: beginning anew");
            }
            Ended::Broken(why) => {
                tracing::error!("this node cannot gossip any more: {why}");
                return joining.node.health.ill("gossip", format!("cannot gossip: {why}"));
            }
        }
    }
}
