//! What phase 3 costs: records of a backlog, until they are read.

use std::time::Instant;

use super::scene::{node, numbers};
use crate::harness::{Failure, Talk, World};
use crate::measure::next_text;

/// Many times a mailbox.
const BACKLOG: usize = 5000;

/// Records a second, from the moment that reading begins, to one user.
pub async fn replay(world: &World) -> Result<f64, Failure> {
    let topic = world.topic(1).await?;
    topic.produce_many(&numbers("alice", 0, BACKLOG)).await?;
    let node = node(world, &topic, &["--ingest-paused"]).await?.untold();
    let mut alice = node.connect_raw("alice").await?;
    alice.register("alice").await?;
    node.admin().post("/ingest/resume", "").await?.expect(202, None)?;
    // Joining the group is not what is measured.
    next_text(&mut alice).await?;
    let began = Instant::now();
    for _ in 1..BACKLOG {
        next_text(&mut alice).await?;
    }
    Ok((BACKLOG - 1) as f64 / began.elapsed().as_secs_f64())
}
