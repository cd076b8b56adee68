//! Telling a quiet client from a dead one: a dead TCP connection and an idle one look the same until somebody asks.

use std::pin::Pin;
use std::time::Duration;

use contract::Config;
use tokio::time::{Instant, Interval, MissedTickBehavior, Sleep};

/// When to ask: ticks once per heartbeat, the first time after one.
pub fn pings(config: &Config) -> Interval {
    let mut pings = tokio::time::interval_at(Instant::now() + config.heartbeat, config.heartbeat);
    // A writer that was busy for three heartbeats owes the client one Ping, not three.
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    pings
}

/// Watches for signs of life.
pub struct Life {
    timeout: Duration,
    seen: Instant,
    alarm: Pin<Box<Sleep>>,
}

impl Life {
    /// Alive as of now.
    pub fn new(timeout: Duration) -> Self {
        Self { timeout, seen: Instant::now(), alarm: Box::pin(tokio::time::sleep(timeout)) }
    }

    /// A sign of life: any frame is one, not only a Pong.
    pub fn seen(&mut self) {
        // Step 1.5: remember when; this runs for every frame, so it should cost next to nothing
    }

    /// Resolves once nothing was seen for the timeout. Cancel-safe: what was seen meanwhile counts.
    pub async fn silence(&mut self) {
        // Step 1.5: the alarm was set some time ago; when it rings, there may have been life since
        todo!("step 1.5: resolve when nothing was seen for the timeout")
    }
}
