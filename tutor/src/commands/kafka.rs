//! `kafka`: a broker in the foreground, and what a person does with it from another terminal.

use std::collections::HashMap;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use checks::harness::broker::{Broker, NewRecord, Record};
use checks::harness::{Failure, Story};
use serde_json::{Value, json};
use tokio::runtime::Builder;
use tokio::time::sleep;

use super::answer;
use crate::Ended;
use crate::broker::{Running, build};
use crate::cli::{KafkaAction, KafkaArgs};
use crate::project::Project;
use crate::screen::Paint;

/// The topic that nodes read unless they are told otherwise.
const TOPIC: &str = "messages";
/// So that more than one node can take part.
const PARTITIONS: u32 = 4;
/// Between two looks at a topic: soon enough for a person.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// A broker on loopback that does not take a connection by then has ended.
const CONNECT_WITHIN: Duration = Duration::from_secs(1);

/// Starts a broker and waits until it ends, or does something with the one that runs.
///
/// # Errors
///
/// No broker can be started, or none runs, or it refuses.
pub fn run(project: &Project, args: &KafkaArgs, json: bool) -> Result<Ended> {
    let runtime = Builder::new_current_thread().enable_all().build().context("cannot start a runtime")?;
    match &args.action {
        None => runtime.block_on(serve(project, args, json)),
        Some(action) => runtime.block_on(act(&running(project)?, action, json)),
    }
}

async fn serve(project: &Project, args: &KafkaArgs, json: bool) -> Result<Ended> {
    let binary = build(project)?;
    let (port, which) = (args.port.to_string(), args.which.arguments(project));
    let mut options: Vec<&str> = which.iter().map(String::as_str).collect();
    if args.which.kafka.is_none() {
        options.extend(["--kafka-port", &port]);
    }
    if args.which.real {
        eprintln!("{STARTING}");
    }
    let broker = Broker::start(&binary, &options).await.map_err(told)?;
    broker.create(TOPIC, PARTITIONS).await.map_err(told)?;
    let running = Running { kafka: broker.address().to_owned(), control: broker.control() };
    running.save(project)?;
    answer(json, &serde_json::to_value(&running)?, &ready(args, &running, Paint::of_stdout()));
    // Ctrl-C ends the tutor, and the broker with it.
    let process = broker.process().context("the broker has no process")?;
    process.last_words().await;
    bail!("the broker has ended: {}", process.report("kafka").last_lines.join("\n"))
}

/// The broker that was started last, if it runs still.
fn running(project: &Project) -> Result<Broker> {
    let running = Running::load(project).filter(|running| listens(running.control)).ok_or_else(|| anyhow!(NONE))?;
    Ok(Broker::connect(&Story::begin(), &running.kafka, running.control))
}

fn listens(control: SocketAddr) -> bool {
    TcpStream::connect_timeout(&control, CONNECT_WITHIN).is_ok()
}

async fn act(broker: &Broker, action: &KafkaAction, json: bool) -> Result<Ended> {
    match action {
        KafkaAction::Send { user, payload, topic } => send(broker, user, payload, topic, json).await?,
        KafkaAction::Tail { topic, once } => tail(broker, topic, *once, json).await?,
        KafkaAction::Topics => topics(broker, json).await?,
        KafkaAction::Down => {
            broker.down().await.map_err(told)?;
            answer(json, &json!({"down": true}), DOWN);
        }
        KafkaAction::Up => {
            broker.up().await.map_err(told)?;
            answer(json, &json!({"down": false}), UP);
        }
    }
    Ok(Ended::Passed)
}

async fn send(broker: &Broker, user: &str, payload: &str, topic: &str, json: bool) -> Result<()> {
    // What is JSON goes as it is, anything else as a string.
    let is_json = serde_json::from_str::<Value>(payload).is_ok();
    let payload = if is_json { payload.to_owned() } else { json!(payload).to_string() };
    let value = format!(r#"{{"user_id":{},"payload":{payload}}}"#, json!(user));
    let place = broker.produce(topic, NewRecord::new(user, value)).await.map_err(told)?;
    let screen = format!("written to {topic}, partition {}, offset {}\n", place.partition, place.offset);
    answer(json, &serde_json::to_value(place)?, &screen);
    Ok(())
}

async fn topics(broker: &Broker, json: bool) -> Result<()> {
    let topics = broker.topics().await.map_err(told)?;
    let line = |topic: &checks::harness::broker::Topic| {
        format!("{:<40} {} partition{}\n", topic.topic, topic.partitions, if topic.partitions == 1 { "" } else { "s" })
    };
    answer(json, &json!({"topics": topics}), &topics.iter().map(line).collect::<String>());
    Ok(())
}

/// Prints what is there, and what comes, until it is interrupted.
async fn tail(broker: &Broker, topic: &str, once: bool, json: bool) -> Result<()> {
    let mut next: HashMap<i32, i64> = HashMap::new();
    loop {
        // Partitions without a record are not known here: their first one has offset 0.
        let progress = broker.peek_committed(NOBODY, topic).await.map_err(told)?;
        let behind = progress.iter().filter_map(|row| {
            let next = next.get(&row.partition).copied().unwrap_or_default();
            (next < row.end).then_some(next)
        });
        if let Some(from) = behind.min() {
            for record in broker.peek_from(topic, from).await.map_err(told)? {
                let place = record.place;
                if place.offset >= next.get(&place.partition).copied().unwrap_or_default() {
                    answer(json, &serde_json::to_value(&record)?, &line(&record, Paint::of_stdout()));
                    next.insert(place.partition, place.offset + 1);
                }
            }
        }
        if once {
            return Ok(());
        }
        sleep(LOOK_EVERY).await;
    }
}

/// `0/17  alice: {"hi":1}  reason=…`; whoever wrote it, its control characters stay off this terminal.
fn line(record: &Record, paint: Paint) -> String {
    let text = |text: &Option<String>| visible(text.as_deref().unwrap_or("(null)"));
    let headers: String =
        record.headers.iter().map(|(name, value)| format!("  {}={}", visible(name), visible(value))).collect();
    let place = format!("{}/{}", record.place.partition, record.place.offset);
    format!(
        "{} {}: {}{}\n",
        paint.dim(&format!("{place:<8}")),
        paint.bold(&text(&record.key)),
        text(&record.value),
        paint.dim(&headers)
    )
}

fn visible(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}

fn ready(args: &KafkaArgs, running: &Running, paint: Paint) -> String {
    let what = match (&args.which.kafka, args.which.real) {
        (Some(_), _) => "The broker that exists",
        (None, true) => "Apache Kafka 4.1.1",
        (None, false) => "librdkafka's mock cluster, in memory",
    };
    let (what, kafka) = (paint.bold(what), &running.kafka);
    format!("{what}, at {kafka}. Ctrl-C ends.\n\n{TRY}\n")
}

/// A check is skipped for what a person has to hear of.
fn told(failure: Failure) -> anyhow::Error {
    match failure {
        Failure::Skipped { why } => anyhow!(why),
        Failure::Failed { expected, .. } => anyhow!("expected {expected}"),
    }
}

/// A group that never commits: only how far the partitions reach is wanted.
const NOBODY: &str = "tail";

const NONE: &str = "no broker runs: start one in another terminal, by `cargo tutor kafka`";
const STARTING: &str = "Starting Apache Kafka: some ten seconds; the first time it is fetched (43 MB).";
const DOWN: &str = "The broker is away. Bring it back: cargo tutor kafka up\n";
const UP: &str = "The broker is back, with all that it kept.\n";
const TRY: &str = "\
In another terminal:
  cargo tutor kafka send alice '{\"hi\":1}'   write a record for alice
  cargo tutor kafka tail                    see what is in `messages`";
