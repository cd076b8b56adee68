//! The mock cluster, through the real binary.

mod common;

use std::net::TcpListener;
use std::process::Command;
use std::time::{Duration, Instant};

use checks::harness::broker::{Broker, NewRecord, unique};
use checks::harness::eventually;
use common::{PATIENCE, control, start};
use rdkafka::ClientConfig;
use rdkafka::consumer::{CommitMode, Consumer};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

#[tokio::test]
async fn keeps_what_a_broker_has_to_keep() {
    let broker = start(&[]).await;
    common::reads_back(&broker).await.expect("what was written");
    common::partitions_as_java(&broker).await.expect("where it belongs");
    common::tells_what_is_committed(&broker).await.expect("what was committed");
    common::tells_what_is_wrong(&broker).await.expect("what is wrong");
}

#[tokio::test]
async fn goes_and_comes_back() {
    let broker = start(&[]).await;
    common::goes_and_comes_back(&broker).await.expect("it comes back");
}

#[tokio::test]
async fn refuses_what_it_could_not_keep_and_keeps_what_it_took() {
    let broker = start(&[]).await;
    let topic = broker.topic(1).await.expect("a topic");
    let records = vec![NewRecord::new("alice", "x".repeat(1000)); 500];
    let mut taken = 0;
    let refused = loop {
        match broker.produce_quietly(&topic, &records).await {
            Ok(places) => taken += places.len(),
            Err(refused) => break format!("{refused:?}"),
        }
        assert!(taken < 6000, "it took more than it can keep");
    };
    assert!(refused.contains("507"), "{refused}");
    assert!(taken >= 4000, "it keeps 5 MiB, and refused after {taken} records of 1 KB");
    assert_eq!(broker.peek(&topic).await.expect("its records").len(), taken);
    // Another topic has room of its own.
    let other = broker.topic(1).await.expect("a topic");
    broker.produce_quietly(&other, &records).await.expect("room");
}

#[tokio::test]
async fn says_that_the_oldest_are_gone_when_others_wrote_too_much() {
    let broker = start(&[]).await;
    let topic = broker.topic(1).await.expect("a topic");
    let other: BaseProducer =
        ClientConfig::new().set("bootstrap.servers", broker.address()).create().expect("a producer");
    let value = vec![b'x'; 100_000];
    for _ in 0..60 {
        other.send(BaseRecord::<str, [u8]>::to(&topic).payload(&value)).map_err(|(error, _)| error).expect("room");
    }
    other.flush(PATIENCE).expect("all is written");
    let answer = control(&broker).peek(&format!("/topics/{topic}/records")).await.expect("an answer");
    answer.expect(507, Some("full")).expect("the truth");
}

#[tokio::test]
async fn delays_and_fails_as_it_is_told() {
    let broker = start(&[]).await;
    let topic = broker.topic(1).await.expect("a topic");
    broker.delay(Duration::from_millis(200)).await.expect("a delay");
    let began = Instant::now();
    broker.produce(&topic, NewRecord::new("alice", "late")).await.expect("it is written");
    assert!(began.elapsed() >= Duration::from_millis(200), "it took {:?}", began.elapsed());
    broker.delay(Duration::ZERO).await.expect("no delay");

    let group = unique("group");
    // Not authorized for this group: nothing that a client would try again.
    broker.fail("OffsetCommit", &[30]).await.expect("an error");
    let consumer = common::consumer(&broker, &group);
    consumer.subscribe(&[&topic]).expect("a topic is subscribed to");
    let message = common::next(&consumer);
    consumer.commit_message(&message, CommitMode::Sync).expect_err("the first commit fails");
    consumer.commit_message(&message, CommitMode::Sync).expect("the second does not");
    assert!(broker.fail("OfsetCommit", &[30]).await.is_err());
}

#[tokio::test]
async fn serves_at_a_port_of_ones_choice_and_for_others() {
    let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port").port();
    let mock = start(&["--kafka-port", &port.to_string()]).await;
    assert_eq!(mock.address(), format!("127.0.0.1:{port}"));
    let existing = start(&["--kafka", mock.address()]).await;
    let topic = mock.topic(1).await.expect("a topic");
    existing.produce(&topic, NewRecord::new("alice", "through")).await.expect("it is written");
    assert_eq!(mock.peek(&topic).await.expect("its records").len(), 1);
    assert!(existing.down().await.is_err(), "a broker that others use is left alone");
}

#[tokio::test]
async fn ends_in_each_of_the_ways() {
    let broker = start(&[]).await;
    let process = broker.process().expect("it was started here");
    process.terminate();
    assert_eq!(process.exited().await.code(), Some(0));
    assert!(std::net::TcpStream::connect(broker.control()).is_err(), "somebody listens still");

    // Its standard input ends with what started it: here, a shell that is gone at once.
    let command = format!("{} --until-eof < /dev/null", env!("CARGO_BIN_EXE_broker"));
    let status = Command::new("sh").args(["-c", &command]).status().expect("a shell");
    assert_eq!(status.code(), Some(0));
}

#[test]
fn says_what_is_missing() {
    let output = Command::new(env!("CARGO_BIN_EXE_broker")).arg("--real").env("PATH", "/nowhere").output();
    let output = output.expect("it starts");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("Java 17") && said.contains("apt-get install"), "{said}");
    assert!(output.stdout.is_empty());
}

#[tokio::test]
async fn a_dozen_at_once_do_not_disturb_each_other() {
    let broker = start(&[]).await;
    let write = async |broker: Broker| {
        let topic = broker.topic(2).await?;
        let records: Vec<_> = (0..500).map(|n| NewRecord::new(format!("user-{n}"), n.to_string())).collect();
        broker.produce_quietly(&topic, &records).await?;
        eventually(PATIENCE, || async { broker.peek(&topic).await }).await.map(|records| records.len())
    };
    let tasks: Vec<_> = (0..12).map(|_| tokio::spawn(write(broker.clone()))).collect();
    for task in tasks {
        assert_eq!(task.await.expect("no panic"), Ok(500));
    }
}
