//! Records for all users, at a pace, never far ahead of what has been read.

use std::time::Duration;

use anyhow::{Context, Result};
use checks::harness::Rng;
use checks::harness::broker::{Broker, NewRecord};
use checks::harness::topic::record_for;
use tokio::sync::watch;
use tokio::time::{interval, timeout};

use super::judge::Written;
use super::reader::name;
use super::{STALLED, USERS};
use crate::subject::told;

/// 5,000 records a second, so that a life has a backlog first and then what comes in; either may be cut short.
const BATCH: usize = 50;
const BATCH_EVERY: Duration = Duration::from_millis(10);

/// Writes `records` records for users that `rng` chooses, `lead` ahead of the progress at most; gives where they are.
pub async fn write(
    broker: Broker,
    topic: String,
    mut rng: Rng,
    records: usize,
    lead: u64,
    mut progress: watch::Receiver<u64>,
) -> Result<Vec<Written>> {
    let (mut written, mut numbers) = (Vec::with_capacity(records), vec![0; USERS]);
    let mut turn = interval(BATCH_EVERY);
    while written.len() < records {
        let ahead = written.len() as u64;
        let read = timeout(STALLED, progress.wait_for(|read| ahead <= read + lead)).await;
        read.with_context(|| format!("nothing arrives any more, after {ahead} records were written"))??;
        turn.tick().await;
        let mut batch = Vec::with_capacity(BATCH);
        for _ in 0..BATCH.min(records - written.len()) {
            let user = rng.below(USERS);
            batch.push((user, numbers[user]));
            numbers[user] += 1;
        }
        let new: Vec<NewRecord> =
            batch.iter().map(|(user, number)| record_for(&name(*user), &number.to_string())).collect();
        let places = broker.produce_quietly(&topic, &new).await.map_err(told)?;
        written.extend(batch.into_iter().zip(places).map(|((user, number), place)| Written { user, number, place }));
    }
    Ok(written)
}
