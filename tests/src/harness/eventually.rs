//! Waiting for a condition instead of sleeping and hoping.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// Between the first two looks: most of what a check waits for is there by then.
const PAUSE: Duration = Duration::from_millis(1);
/// Later pauses are half as long again, up to this: each look takes time from those that run beside.
const LONGEST_PAUSE: Duration = Duration::from_millis(12);

/// Asks `probe` until it answers `Ok`, at most `within`; gives its last `Err`, which says what it saw. Time by which this process
/// was woken late does not count: on such a machine, those that are looked at were late as well.
///
/// # Errors
///
/// What the last probe saw, if none succeeded in time. A probe is never cut short, so it brings its own deadline.
pub async fn eventually<T, E, F, Fut>(within: Duration, probe: F) -> Result<T, E>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T, E>>,
{
    eventually_each(LONGEST_PAUSE, within, probe).await
}

/// As [`eventually`], with pauses of up to `longest`: for looks that cost more, at what does not change so soon.
///
/// # Errors
///
/// As [`eventually`].
pub async fn eventually_each<T, E, F, Fut>(longest: Duration, within: Duration, mut probe: F) -> Result<T, E>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T, E>>,
{
    let mut deadline = Instant::now() + within;
    let mut pause = PAUSE;
    loop {
        match probe().await {
            Ok(value) => return Ok(value),
            Err(seen) if Instant::now() >= deadline => return Err(seen),
            Err(_) => {
                let due = Instant::now() + pause;
                sleep_until(due).await;
                deadline += due.elapsed();
            }
        }
        pause = longest.min(pause * 3 / 2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn gives_what_was_seen_last() {
        let mut looks = 0;
        let seen: Result<(), u32> = eventually(Duration::from_millis(10), || {
            looks += 1;
            std::future::ready(Err(looks))
        })
        .await;
        assert_eq!(seen, Err(looks));
        assert!(looks > 1);
    }
}
