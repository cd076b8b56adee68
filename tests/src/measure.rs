//! What a phase costs: bounded measurements of a node, two programs in turn. Nothing here passes or fails.

use std::path::Path;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::time::timeout;

use crate::harness::{Brokers, Kafka, Peer, RawClient, Seen};
use crate::median::median;
use crate::run::{raise_file_limit, runtime, start_kafka};
use crate::{Failure, Observed, World};

/// A measurement takes a tenth of it; a node that is stuck shall not hold up the person who waits.
const LIMIT: Duration = Duration::from_secs(5);

/// One thing that can be measured of a node in a fraction of a second.
#[derive(Debug, Clone, Copy)]
pub struct Measure {
    /// Unique within the phase, stable, kebab-case.
    pub id: &'static str,
    /// What is measured, in a few words.
    pub title: &'static str,
    /// Behind the figure: `µs`, `KiB`, `/s`.
    pub unit: &'static str,
    /// Which way is up.
    pub better: Better,
    /// What a cost far above the reference's hints at, in a sentence or two.
    pub hint: &'static str,
    /// Starts its own node in the world it is given.
    pub run: for<'w> fn(&'w World) -> BoxFuture<'w, Result<f64, Failure>>,
}

/// Which figure is the better one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Better {
    /// Delay, memory.
    Lower,
    /// Things a second.
    Higher,
}

impl Better {
    /// How many times as much `yours` costs as `reference`: above 1 it is the dearer, whichever way is up. `None` where one
    /// of them is nothing, or less (memory that was given back).
    pub fn ratio(self, yours: f64, reference: f64) -> Option<f64> {
        let both = yours > 0.0 && reference > 0.0;
        both.then_some(match self {
            Self::Lower => yours / reference,
            Self::Higher => reference / yours,
        })
    }
}

/// One measure of one subject, a figure for each round.
#[derive(Debug, Clone)]
pub struct Figures {
    // Ascending; never empty.
    rounds: Vec<f64>,
}

impl Figures {
    /// Of the rounds' figures, in any order; `None` of no rounds.
    pub fn new(mut rounds: Vec<f64>) -> Option<Self> {
        rounds.sort_by(f64::total_cmp);
        (!rounds.is_empty()).then_some(Self { rounds })
    }

    /// What is said of all rounds.
    pub fn median(&self) -> f64 {
        median(self.rounds.iter().copied())
    }

    /// The smallest and the largest.
    pub fn range(&self) -> (f64, f64) {
        (self.rounds[0], self.rounds[self.rounds.len() - 1])
    }

    /// How many times the smallest the largest is; `None` where one of them is nothing, or less.
    pub fn spread(&self) -> Option<f64> {
        let (least, most) = self.range();
        (least > 0.0).then(|| most / least)
    }
}

/// What kept a measurement from having a figure.
#[derive(Debug)]
pub struct NotMeasured {
    /// The place of the program among those that were given.
    pub subject: usize,
    /// What was to be measured.
    pub measure: &'static Measure,
    /// What the node did instead.
    pub failure: Failure,
}

/// Takes all `measures` of all `subjects`, `rounds` times, blocking; gives the figures, by measure and then by subject. The subjects
/// take turns within each round, so that what else the machine does meets all of them. `brokers` are for nodes that read from Kafka. No node is left when it returns.
///
/// # Errors
///
/// The first measurement that failed; what was measured before is dropped.
///
/// # Panics
///
/// If called within an async runtime, or for no rounds.
pub fn run<const N: usize>(
    measures: &'static [Measure],
    subjects: [&Path; N],
    rounds: u32,
    brokers: Option<&Brokers>,
) -> Result<Vec<[Figures; N]>, NotMeasured> {
    assert!(rounds > 0, "no rounds have no figures");
    raise_file_limit();
    let mut figures: Vec<[Vec<f64>; N]> = measures.iter().map(|_| [(); N].map(|()| Vec::new())).collect();
    runtime().block_on(async {
        let kafka = start_kafka(brokers).await;
        for round in 0..rounds {
            for (measure, figures) in measures.iter().zip(&mut figures) {
                for (subject, figures) in figures.iter_mut().enumerate() {
                    let figure = take(measure, subjects[subject], u64::from(round), kafka.clone()).await;
                    figures.push(figure.map_err(|failure| NotMeasured { subject, measure, failure })?);
                }
            }
        }
        Ok(())
    })?;
    let of_all = |rounds| Figures::new(rounds).expect("there was a round");
    Ok(figures.into_iter().map(|subjects| subjects.map(of_all)).collect())
}

async fn take(measure: &Measure, binary: &Path, seed: u64, kafka: Result<Kafka, Failure>) -> Result<f64, Failure> {
    let world = World::new(binary, seed).with_kafka(kafka);
    let late = Failure::new(Observed::TookTooLong, format!("a figure within {} s", LIMIT.as_secs()));
    let figure = timeout(LIMIT, (measure.run)(&world)).await.unwrap_or(Err(late));
    world.end().await;
    figure
}

/// The next text message, past Pings. Unrecorded, and without a deadline of its own.
///
/// # Errors
///
/// Something else came.
pub async fn next_text(client: &mut RawClient) -> Result<String, Failure> {
    loop {
        match client.next().await {
            Seen::Text(text) => return Ok(text),
            Seen::Ping(_) => {}
            other => return Err(Failure::new(other.instead_of_message(), "a text message")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Better, Figures};

    #[test]
    fn figures_know_how_far_they_are_apart() {
        let figures = Figures::new(vec![30.0, 20.0, 24.0]).expect("there are rounds");
        assert_eq!((figures.median(), figures.range(), figures.spread()), (24.0, (20.0, 30.0), Some(1.5)));
        let given_back = Figures::new(vec![-4.0, 20.0]).expect("there are rounds");
        assert_eq!(given_back.spread(), None);
        assert!(Figures::new(Vec::new()).is_none());
    }

    #[test]
    fn above_one_is_dearer() {
        assert_eq!(Better::Lower.ratio(30.0, 20.0), Some(1.5));
        assert_eq!(Better::Higher.ratio(20.0, 30.0), Some(1.5));
        assert_eq!(Better::Lower.ratio(0.0, 20.0), None);
        assert_eq!(Better::Lower.ratio(20.0, -4.0), None);
    }
}
