//! How late the machine is by itself. Nobody can be shown to be quicker.

use std::time::{Duration, Instant};

use anyhow::Result;
use checks::median::percentile;

const NAP: Duration = Duration::from_millis(1);

/// How much too late a thread wakes that only sleeps: what 99 of a hundred times do not exceed, in microseconds.
pub async fn measure(length: Duration) -> Result<f64> {
    let mut late_us = tokio::task::spawn_blocking(move || {
        let (begin, mut late_us) = (Instant::now(), Vec::new());
        while begin.elapsed() < length {
            let asleep = Instant::now();
            std::thread::sleep(NAP);
            late_us.push(asleep.elapsed().saturating_sub(NAP).as_micros() as u64);
        }
        late_us
    })
    .await?;
    Ok(percentile(&mut late_us, 0.99) as f64)
}
