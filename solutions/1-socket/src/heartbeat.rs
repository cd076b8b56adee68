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

// ANCHOR: life
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
        // ANCHOR: step-1-5-seen
        // BEFORE 1.5: remember when; this runs for every frame, so it should cost next to nothing
        self.seen = Instant::now();
        // ANCHOR_END: step-1-5-seen
    }

    /// Resolves once nothing was seen for the timeout. Cancel-safe: what was seen meanwhile counts.
    pub async fn silence(&mut self) {
        // ANCHOR: step-1-5-alarm
        // BEFORE 1.5: the alarm was set some time ago; when it rings, there may have been life since
        //| todo!("step 1.5: resolve when nothing was seen for the timeout")
        // Moving the alarm at each frame would take the timer's lock each time; it rings at most once a timeout instead,
        // and is moved then.
        loop {
            // Whoever floods uses up the task's budget, and a timer that is asked without one stays silent: so this one is asked
            // with none to keep.
            tokio::task::unconstrained(self.alarm.as_mut()).await;
            let due = self.seen + self.timeout;
            if Instant::now() >= due {
                return;
            }
            self.alarm.as_mut().reset(due);
        }
        // ANCHOR_END: step-1-5-alarm
    }
}
// ANCHOR_END: life
