//! The client that reconnects by itself, against a node that is killed and comes back on the same address.

mod common;

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use checks::client::{self, Backoff, Config, Event, Outgoing};
use checks::harness::process::Process;
use serde_json::json;
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
    assert_eq!((next(&mut alice).await, next(&mut bob).await), (Event::Connected, Event::Connected));

    node.kill();
    node.exited().await;
    until(&mut alice, |event| matches!(event, Event::Disconnected { .. })).await;
    until(&mut bob, |event| matches!(event, Event::Disconnected { .. })).await;
    let message = Outgoing { to: "bob".to_owned(), payload: json!({"n": 1}) };
    to_alice.send(message).await.expect("the client takes it though it is not connected");

    let back = start(&binary, &address.to_string()).await;
    until(&mut bob, |event| *event == Event::Connected).await;
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

async fn start(binary: &Path, listen: &str) -> Process {
    let node = Process::start(binary, &["--listen", listen, "--admin", "127.0.0.1:0"]).expect("the reference starts");
    timeout(PATIENCE, node.ready()).await.expect("in time").expect("it serves");
    node
}

fn client(address: SocketAddr, user: &str) -> (mpsc::Sender<Outgoing>, mpsc::Receiver<Event>) {
    let (outgoing_tx, outgoing) = mpsc::channel(16);
    let (events_tx, events) = mpsc::channel(64);
    let backoff = Backoff::new(Duration::from_millis(5), Duration::from_millis(50), 1);
    let config = Config { address, user: user.to_owned(), token: None, backoff };
    tokio::spawn(client::run(config, outgoing, events_tx));
    (outgoing_tx, events)
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
