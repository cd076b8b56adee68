//! What every broker has to do, whichever it is.

use std::path::Path;
use std::time::{Duration, Instant};

use checks::harness::broker::{Broker, NewRecord, unique};
use checks::harness::{Admin, Failure, Story};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::message::{BorrowedMessage, Message};

/// Long enough for a group to form on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub async fn start(args: &[&str]) -> Broker {
    Broker::start(Path::new(env!("CARGO_BIN_EXE_broker")), args).await.expect("the broker starts")
}

/// The control routes, by hand: for what a check never asks.
pub fn control(broker: &Broker) -> Admin {
    Admin::new(&Story::begin(), "kafka", broker.control()).patient(PATIENCE)
}

/// Records as they were written, in order, with all their parts.
pub async fn reads_back(broker: &Broker) -> Result<(), Failure> {
    let topic = broker.topic(1).await?;
    let mut first = NewRecord::new("alice", "{\"hi\":1}");
    first.headers.insert(String::from("source"), String::from("test"));
    assert_eq!(broker.produce(&topic, first).await?.offset, 0);
    broker.produce(&topic, NewRecord { key: Some(String::from("bob")), ..NewRecord::default() }).await?;
    let many: Vec<_> = (0..10_000).map(|n| NewRecord::new(format!("user-{}", n % 100), n.to_string())).collect();
    let places = broker.produce_quietly(&topic, &many).await?;
    assert!(places.iter().zip(2..).all(|(place, offset)| place.offset == offset));

    let records = broker.records(&topic).await?;
    assert_eq!(records.len(), 10_002);
    let alice = &records[0];
    assert_eq!((alice.key.as_deref(), alice.value.as_deref()), (Some("alice"), Some("{\"hi\":1}")));
    assert_eq!(alice.headers.get("source").map(String::as_str), Some("test"));
    assert_eq!((records[1].key.as_deref(), records[1].value.as_deref()), (Some("bob"), None));
    assert!(records[2..].iter().zip(&many).all(|(read, wrote)| read.key == wrote.key && read.value == wrote.value));
    Ok(())
}

/// Keys go where Java's clients bring them: the hashes are those of Kafka's own tests.
pub async fn partitions_as_java(broker: &Broker) -> Result<(), Failure> {
    let topic = broker.topic(4).await?;
    for (key, hash) in [("21", -973_932_308), ("foobar", -790_332_482), ("a-little-bit-long-string", -985_981_536)] {
        let place = broker.produce(&topic, NewRecord::new(key, "1")).await?;
        assert_eq!(place.partition, (hash & i32::MAX) % 4, "{key}");
    }
    assert_eq!(broker.produce(&topic, NewRecord::new("21", "1").to_partition(3)).await?.partition, 3);
    Ok(())
}

/// What a group has committed, and nothing before it has.
pub async fn tells_what_is_committed(broker: &Broker) -> Result<(), Failure> {
    let (topic, group) = (broker.topic(1).await?, unique("group"));
    let records: Vec<_> = (0..5).map(|n| NewRecord::new("alice", n.to_string())).collect();
    broker.produce_quietly(&topic, &records).await?;
    let before = broker.committed(&group, &topic).await?[0];
    assert_eq!((before.committed, before.end), (None, 5));

    let consumer = consumer(broker, &group);
    consumer.subscribe(&[&topic]).expect("a topic is subscribed to");
    for offset in 0..3 {
        let message = next(&consumer);
        assert_eq!(message.offset(), offset);
        consumer.commit_message(&message, CommitMode::Sync).expect("it is committed");
    }
    assert_eq!(broker.committed(&group, &topic).await?[0].committed, Some(3));
    Ok(())
}

/// What is not there, or cannot be, is told.
pub async fn tells_what_is_wrong(broker: &Broker) -> Result<(), Failure> {
    let (control, missing, topic) = (control(broker), unique("missing"), broker.topic(2).await?);
    let json = [("content-type", "application/json")];
    let post = async |path: String, body: &'static str| control.with_headers("POST", &path, &json, body).await;
    let one = r#"{"records":[{"key":"alice"}]}"#;
    control.get(&format!("/topics/{missing}/records")).await?.expect(404, Some("not_found"))?;
    control.get(&format!("/groups/any/offsets?topic={missing}")).await?.expect(404, Some("not_found"))?;
    post(format!("/topics/{missing}/records"), one).await?.expect(404, Some("not_found"))?;
    // Asking has created nothing.
    assert!(broker.topics().await?.iter().all(|there| there.topic != missing));

    let third = r#"{"records":[{"partition":2}]}"#;
    post(format!("/topics/{topic}/records"), third).await?.expect(404, Some("not_found"))?;
    post(format!("/topics/{topic}/records"), "{").await?.expect(400, Some("malformed"))?;
    post(String::from("/faults"), r#"{"dawn":true}"#).await?.expect(400, Some("malformed"))?;
    control.get(&format!("/groups/any/offsets?topics={topic}")).await?.expect(400, Some("malformed"))?;
    control.get(&format!("/topics/{topic}/records?from=first")).await?.expect(400, Some("malformed"))?;
    control.get("/nothing").await?.expect(404, Some("not_found"))?;
    broker.create(&topic, 2).await?;
    let other = control.with_headers("PUT", &format!("/topics/{topic}"), &json, r#"{"partitions":3}"#).await?;
    other.expect(409, Some("exists"))?;
    Ok(())
}

/// Away, nobody can connect; back, all is as it was, and a consumer goes on by itself.
pub async fn goes_and_comes_back(broker: &Broker) -> Result<(), Failure> {
    let (topic, group) = (broker.topic(1).await?, unique("group"));
    broker.produce(&topic, NewRecord::new("alice", "before")).await?;
    let consumer = consumer(broker, &group);
    consumer.subscribe(&[&topic]).expect("a topic is subscribed to");
    let before = next(&consumer);
    assert_eq!(before.payload(), Some(&b"before"[..]));
    // Otherwise a group whose broker was restarted would begin anew.
    consumer.commit_message(&before, CommitMode::Sync).expect("it is committed");

    broker.down().await?;
    assert!(std::net::TcpStream::connect(broker.address()).is_err(), "somebody listens still");
    broker.up().await?;
    broker.produce(&topic, NewRecord::new("alice", "after")).await?;
    let values: Vec<_> = broker.records(&topic).await?.into_iter().filter_map(|record| record.value).collect();
    assert_eq!(values, ["before", "after"]);
    assert_eq!(next(&consumer).payload(), Some(&b"after"[..]));
    Ok(())
}

/// The next record. A poll may give nothing but a new assignment, or a connection's end, which librdkafka mends.
pub fn next(consumer: &BaseConsumer) -> BorrowedMessage<'_> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match consumer.poll(Duration::from_millis(100)) {
            Some(Ok(message)) => return message,
            last => assert!(Instant::now() < deadline, "no record came: {last:?}"),
        }
    }
}

pub fn consumer(broker: &Broker, group: &str) -> BaseConsumer {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", broker.address()).set("group.id", group).set("auto.offset.reset", "earliest");
    config.set("session.timeout.ms", "6000").set("reconnect.backoff.max.ms", "200").set("enable.auto.commit", "false");
    config.create().expect("a consumer")
}
