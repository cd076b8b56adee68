//! Users on all nodes who talk to each other at a constant pace, and come and go while that is wanted.

use std::time::Duration;

use anyhow::{Context, Error, Result};
use checks::harness::{Rng, eventually_each};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::book::Pen;
use super::user::{Manner, Order, User};
use super::{NODES, USERS};

/// Messages a second, of all users together.
pub const PACE: u32 = 500;
/// So many at a time: each tick costs something.
const BATCH: u32 = 5;
/// How often somebody leaves: each user about once in half a minute.
const LEAVE_EVERY: Duration = Duration::from_millis(500);
/// Nobody stays away longer.
const AWAY_MS: usize = 3000;
/// What a user who waits for a node that hangs may be told meanwhile.
const ORDERS: usize = 256;
/// Longer than `--deliver-timeout`.
const TOLD_WITHIN: Duration = Duration::from_secs(5);
/// All Closes are answered at once by nodes that live.
const GONE_WITHIN: Duration = Duration::from_secs(30);
const LOOKS: Duration = Duration::from_millis(100);

/// What users do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tempo {
    /// They talk, come and go.
    Lively,
    /// They talk.
    Calm,
    Silent,
}

/// All users.
pub struct Crowd {
    pen: Pen,
    orders: Vec<mpsc::Sender<Order>>,
    tempo: watch::Sender<Tempo>,
    tasks: JoinSet<Result<()>>,
}

/// What sets the tempo of a crowd.
pub struct Baton(watch::Sender<Tempo>);

impl Baton {
    /// From now on.
    pub fn set(&self, tempo: Tempo) {
        self.0.send_replace(tempo);
    }
}

impl Crowd {
    /// As many users on each node; they begin to talk at once.
    pub fn gather(pen: &Pen, seed: u64) -> Self {
        let (tempo, mut tasks, mut orders) = (watch::Sender::new(Tempo::Calm), JoinSet::new(), Vec::new());
        let mut rng = Rng::new(seed);
        for number in 0..USERS {
            let (orders_tx, orders_rx) = mpsc::channel(ORDERS);
            orders.push(orders_tx);
            tasks.spawn(User::new(number, pen, orders_rx, tempo.subscribe(), rng.next_u64()).run(number % NODES));
        }
        tasks.spawn(direct(pen.clone(), orders.clone(), tempo.subscribe(), rng));
        Self { pen: pen.clone(), orders, tempo, tasks }
    }

    /// Sets its tempo.
    pub fn baton(&self) -> Baton {
        Baton(self.tempo.clone())
    }

    /// Resolves when something was said to a user that must not be said.
    pub async fn failed(&mut self) -> Error {
        loop {
            match self.tasks.join_next().await {
                Some(Ok(Ok(()))) => {}
                Some(Ok(Err(error))) => return error,
                Some(Err(error)) => return error.into(),
                None => std::future::pending().await,
            }
        }
    }

    /// Falls silent, and goes when everybody has been told what became of their messages.
    pub async fn disperse(mut self) -> Result<()> {
        self.tempo.send_replace(Tempo::Silent);
        // Whoever is told nothing even so is counted later.
        let _ = eventually_each(LOOKS, TOLD_WITHIN, || async { if self.pen.untold() == 0 { Ok(()) } else { Err(()) } })
            .await;
        for orders in &self.orders {
            orders.send(Order::Finish).await.context("a user has gone")?;
        }
        let going = async {
            while let Some(gone) = self.tasks.join_next().await {
                gone??;
            }
            Ok(())
        };
        timeout(GONE_WITHIN, going).await.context("users do not get away")?
    }
}

/// Tells users what to do.
async fn direct(
    pen: Pen,
    orders: Vec<mpsc::Sender<Order>>,
    mut tempo: watch::Receiver<Tempo>,
    mut rng: Rng,
) -> Result<()> {
    let (mut says, mut leaves) = (interval(Duration::from_secs(1) * BATCH / PACE), interval(LEAVE_EVERY));
    // Who did not leave while it was calm stays.
    leaves.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let now = *tempo.borrow_and_update();
        tokio::select! {
            _ = says.tick(), if now != Tempo::Silent => {
                let present = pen.present();
                for _ in 0..if present.is_empty() { 0 } else { BATCH } {
                    let order = Order::Say(rng.below(USERS));
                    // A user who is kept waiting has enough to say.
                    let _ = orders[present[rng.below(present.len())]].try_send(order);
                }
            }
            _ = leaves.tick(), if now == Tempo::Lively => {
                let manner = if rng.below(2) == 0 { Manner::Close } else { Manner::Drop };
                let away = Duration::from_millis(rng.below(AWAY_MS) as u64);
                // As above.
                let _ = orders[rng.below(USERS)].try_send(Order::Leave(manner, away));
            }
            changed = tempo.changed() => if changed.is_err() { return Ok(()) },
        }
        if *tempo.borrow() == Tempo::Silent {
            return Ok(());
        }
    }
}
