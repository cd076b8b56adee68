//! Runs a phase's checks side by side, and reports them in step order.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::harness::rng::Rng;
use crate::harness::{Brokers, Kafka, NO_KAFKA};
use crate::{Check, CheckReport, Failure, Observed, Outcome, Phase, World};

/// How many checks run at a time, beside those that mostly wait. More would only take the processor from those that measure.
const SIDE_BY_SIDE: usize = 12;

/// What is tested.
#[derive(Debug, Clone)]
pub struct Subject {
    /// A binary that speaks the wire contract.
    pub binary: PathBuf,
}

/// How a phase is run.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The same seed gives the same payloads.
    pub seed: u64,
    /// Only these checks, by id, or all of a step, as `1.4`; all if empty.
    pub only: Vec<String>,
    /// Go on after the first failure.
    pub all: bool,
    /// For a phase that reads from Kafka; without them, those checks are skipped.
    pub brokers: Option<Brokers>,
}

/// Runs the checks of `phase` against `subject`, blocking, and gives their reports in step order; `on_report` hears of
/// each as soon as it and all before it are known.
///
/// Unless `options.all`, it stops at the first failure in step order: later checks may then be missing. No node is left
/// when it returns. For a signal that is to end the process meanwhile, see [`kill_all`](crate::kill_all).
///
/// # Panics
///
/// If called within an async runtime, or if a check itself panics.
pub fn run(
    phase: &Phase,
    subject: &Subject,
    options: &Options,
    on_report: &mut dyn FnMut(&CheckReport),
) -> Vec<CheckReport> {
    raise_file_limit();
    runtime().block_on(run_all(phase, subject, options, on_report))
}

/// What checks and measurements run in.
///
/// # Panics
///
/// If the system has no thread left.
pub(crate) fn runtime() -> tokio::runtime::Runtime {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.worker_threads(2).enable_all().build().expect("a runtime needs two threads and a few file descriptors")
}

async fn run_all(
    phase: &Phase,
    subject: &Subject,
    options: &Options,
    on_report: &mut dyn FnMut(&CheckReport),
) -> Vec<CheckReport> {
    let kafka = start_kafka(options.brokers.as_ref()).await;
    let mut running = start_all(phase, subject, options, &kafka);
    let mut waiting: Vec<Option<CheckReport>> = Vec::new();
    waiting.resize_with(running.len(), || None);
    let mut reports = Vec::with_capacity(waiting.len());
    while let Some(joined) = running.join_next().await {
        let (index, report) = joined.expect("a check fails by its result, it does not panic");
        waiting[index] = Some(report);
        while let Some(report) = waiting.get_mut(reports.len()).and_then(Option::take) {
            on_report(&report);
            let failed = matches!(report.outcome, Outcome::Failed(_));
            reports.push(report);
            if failed && !options.all {
                // What still runs is aborted, and each world takes its nodes with it.
                running.shutdown().await;
                return reports;
            }
        }
    }
    reports
}

/// Without one, each check that asks for it is skipped, and says so.
pub(crate) async fn start_kafka(brokers: Option<&Brokers>) -> Result<Kafka, Failure> {
    match brokers {
        Some(brokers) => Kafka::start(brokers).await,
        None => Err(Failure::skip(NO_KAFKA)),
    }
}

fn start_all(
    phase: &Phase,
    subject: &Subject,
    options: &Options,
    kafka: &Result<Kafka, Failure>,
) -> JoinSet<(usize, CheckReport)> {
    let mut running = JoinSet::new();
    let mut seeds = Rng::new(options.seed);
    let places = Arc::new(Semaphore::new(SIDE_BY_SIDE));
    // Each check has the same seed whether it runs alone or not.
    let seeded = phase.checks.iter().map(|check| (*check, seeds.next_u64()));
    for (index, (check, seed)) in seeded.filter(|(check, _)| wanted(phase, check, options)).enumerate() {
        let (binary, places, kafka) = (subject.binary.clone(), places.clone(), kafka.clone());
        let step = format!("{}.{}", phase.number, check.step);
        running.spawn(async move {
            // The semaphore is never closed, and it hands out places in the order of the checks. A long wait that began last would be
            // waited for alone.
            let _place = if check.waits { None } else { places.acquire_owned().await.ok() };
            (index, run_one(check, step, World::new(&binary, seed).with_kafka(kafka)).await)
        });
    }
    running
}

async fn run_one(check: Check, step: String, world: World) -> CheckReport {
    let began = Instant::now();
    let late = || Failure::new(Observed::TookTooLong, format!("an end within {} s", check.limit.as_secs_f32()));
    let result = timeout(check.limit, (check.run)(&world)).await.unwrap_or_else(|_| Err(late()));
    let result = match result {
        Ok(()) => world.no_panic().await,
        failed => failed,
    };
    if matches!(result, Err(Failure::Failed { observed: Observed::NothingArrived, .. })) {
        world.settle();
    }
    let elapsed_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    let outcome = match result {
        Ok(()) => Outcome::Passed,
        Err(Failure::Skipped { why }) => Outcome::Skipped { why },
        Err(Failure::Failed { observed, expected, at }) => {
            Outcome::Failed(Box::new(world.explain(observed, expected, at).await))
        }
    };
    world.end().await;
    CheckReport { check: check.id.to_owned(), step, title: check.title.to_owned(), elapsed_ms, outcome }
}

fn wanted(phase: &Phase, check: &Check, options: &Options) -> bool {
    let step = format!("{}.{}", phase.number, check.step);
    options.only.is_empty() || options.only.iter().any(|only| *only == step || only == check.id)
}

/// Raises this process's limit of open files as far as it goes, and gives it: a hundred sockets and a dozen nodes need more than
/// the soft limit of some systems, and a benchmark's sockets more than most.
pub fn raise_file_limit() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    // Where it is refused, what is there has to do.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}
