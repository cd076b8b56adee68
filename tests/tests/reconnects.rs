//! The client that reconnects by itself, against a node that is killed and comes back on the same address.

mod common;

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use checks::client::{self, Backoff, Config, Ended, Event, Outgoing};
use checks::harness::process::Process;
use serde_json::json;
use tokio::net::TcpSocket;
use tokio::sync::mpsc;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_answered_is_sent_again() {
    let binary = common::reference(2, "registry");
    let node = start(&binary, "127.0.0.1:0").await;
    let address = node.ready().await.and_then(|ready| ready.address("ws")).expect("a node says where it serves");
    let (to_alice, mut alice) = client(address, "alice");
    let (_to_bob, mut bob) = client(address, "bob");
    until(&mut alice, |event| matches!(event, Event::Connected { .. })).await;
    until(&mut bob, |event| matches!(event, Event::Connected { .. })).await;

    node.kill();
    node.exited().await;
    until(&mut alice, |event| matches!(event, Event::Disconnected { .. })).await;
    until(&mut bob, |event| matches!(event, Event::Disconnected { .. })).await;
    let message = Outgoing { to: "bob".to_owned(), payload: json!({"n": 1}) };
    to_alice.send(message).await.expect("the client takes it though it is not connected");

    let back = start(&binary, &address.to_string()).await;
    until(&mut bob, |event| matches!(event, Event::Connected { .. })).await;
    // Alice may have been back before bob was: then she is told so, and says it again as a person would.
    loop {
        match until(&mut alice, |event| matches!(event, Event::Written { .. } | Event::Refused { .. })).await {
            Event::Written { to } => break assert_eq!(to, "bob"),
            _ => to_alice.send(Outgoing { to: "bob".to_owned(), payload: json!({"n": 1}) }).await.expect("as before"),
        }
    }
    let got = until(&mut bob, |event| matches!(event, Event::Message { .. })).await;
    assert!(
        matches!(got, Event::Message { from: Some(from), payload, .. } if from == "alice" && payload == json!({"n": 1}))
    );
    back.kill();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_given_is_answered_before_the_end() {
    let node = start(&common::reference(2, "registry"), "127.0.0.1:0").await;
    let address = node.ready().await.and_then(|ready| ready.address("ws")).expect("a node says where it serves");
    let (outgoing_tx, outgoing) = mpsc::channel(16);
    let (events_tx, mut events) = mpsc::channel(64);
    for to in ["alice", "nobody"] {
        let message = Outgoing { to: to.to_owned(), payload: json!("hello") };
        outgoing_tx.send(message).await.expect("there is room");
    }
    drop(outgoing_tx);
    let ended = timeout(PATIENCE, client::run(config(address, "alice"), outgoing, events_tx)).await;
    assert_eq!(ended, Ok(Ended::Dropped { unanswered: 0 }));
    let mut told = Vec::new();
    while let Some(event) = events.recv().await {
        match event {
            Event::Written { to } => told.push((to, None)),
            Event::Refused { to, code } => told.push((to, Some(code))),
            _ => {}
        }
    }
    told.sort();
    let refused = Some("not_connected".to_owned());
    assert_eq!(told, [("alice".to_owned(), None), ("nobody".to_owned(), refused)]);
    node.kill();
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_node_it_ends_too() {
    // It has the port, and nobody listens on it.
    let taken = TcpSocket::new_v4().expect("there is a socket");
    taken.bind("127.0.0.1:0".parse().expect("it is an address")).expect("a port is free");
    let address = taken.local_addr().expect("it is bound");

    let (nothing_to_send, outgoing) = mpsc::channel(16);
    let (events_tx, mut events) = mpsc::channel(64);
    let patient = Config { linger: Duration::from_secs(3600), ..config(address, "alice") };
    let client = tokio::spawn(client::run(patient, outgoing, events_tx));
    assert!(matches!(next(&mut events).await, Event::Disconnected { nobody: true, .. }));
    drop(nothing_to_send);
    let ended = timeout(PATIENCE, client).await.expect("in time").expect("it does not panic");
    assert_eq!(ended, Ended::Dropped { unanswered: 0 });

    let (outgoing_tx, outgoing) = mpsc::channel(16);
    outgoing_tx.send(Outgoing { to: "bob".to_owned(), payload: json!(1) }).await.expect("there is room");
    drop(outgoing_tx);
    let (events_tx, _events) = mpsc::channel(1024);
    let ended = timeout(PATIENCE, client::run(config(address, "alice"), outgoing, events_tx)).await;
    assert_eq!(ended, Ok(Ended::Dropped { unanswered: 1 }));
}

async fn start(binary: &Path, listen: &str) -> Process {
    let node = Process::start(binary, &["--listen", listen, "--admin", "127.0.0.1:0"]).expect("the reference starts");
    timeout(PATIENCE, node.ready()).await.expect("in time").expect("it serves");
    node
}

fn client(address: SocketAddr, user: &str) -> (mpsc::Sender<Outgoing>, mpsc::Receiver<Event>) {
    let (outgoing_tx, outgoing) = mpsc::channel(16);
    let (events_tx, events) = mpsc::channel(64);
    tokio::spawn(client::run(config(address, user), outgoing, events_tx));
    (outgoing_tx, events)
}

fn config(address: SocketAddr, user: &str) -> Config {
    let backoff = Backoff::new(Duration::from_millis(5), Duration::from_millis(50), 1);
    Config { address, user: user.to_owned(), token: None, backoff, linger: Duration::from_secs(1) }
}

async fn next(events: &mut mpsc::Receiver<Event>) -> Event {
    timeout(PATIENCE, events.recv()).await.expect("an event in time").expect("the client goes on")
}

/// Skips what else happens meanwhile.
async fn until(events: &mut mpsc::Receiver<Event>, wanted: impl Fn(&Event) -> bool) -> Event {
    loop {
        let event = next(events).await;
        if wanted(&event) {
            return event;
        }
    }
}
