//! Waiting for a condition instead of sleeping and hoping.

use std::time::Duration;

use tokio::time::{Instant, sleep};

/// Between two looks; short, since a check waits for many things and a look at a node costs a fraction of this.
const PAUSE: Duration = Duration::from_millis(2);

/// Asks `probe` until it answers `Ok`, at most `within`; gives its last `Err`, which says what it saw.
///
/// # Errors
///
/// What the last probe saw, if none succeeded in time. A probe is never cut short, so it brings its own deadline.
pub async fn eventually<T, E, F, Fut>(within: Duration, mut probe: F) -> Result<T, E>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T, E>>,
{
    let deadline = Instant::now() + within;
    loop {
        match probe().await {
            Ok(value) => return Ok(value),
            Err(seen) if Instant::now() >= deadline => return Err(seen),
            Err(_) => sleep(PAUSE).await,
        }
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
