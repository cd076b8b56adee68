//! Nodes of chitchat on this transport meet those who know the cookie, and nobody else.

use std::future::Future;
use std::time::Duration;

use chitchat::{ChitchatConfig, ChitchatHandle, ChitchatId, FailureDetectorConfig, ProtocolVersion, spawn_chitchat};
use gossip::chitchat;
use gossip::{Gossip, Reason, Seal};
use tokio::net::UdpSocket;
use tokio::time::{sleep, timeout};

const ROUND: Duration = Duration::from_millis(10);
/// Many rounds, for a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(5);

struct Node {
    gossip: Gossip,
    chitchat: ChitchatHandle,
}

async fn node(name: &str, incarnation: u64, seal: Seal, values: &[(&str, &str)]) -> Node {
    let gossip = Gossip::bind(([127, 0, 0, 1], 0).into()).await.expect("a port");
    live(gossip, name, incarnation, seal, values).await
}

/// A life of a node, on a port that it may have had before.
async fn live(gossip: Gossip, name: &str, incarnation: u64, seal: Seal, values: &[(&str, &str)]) -> Node {
    let address = gossip.local_addr().expect("it is bound");
    let config = ChitchatConfig {
        chitchat_id: ChitchatId::new(name, incarnation, address),
        cluster_id: "the same for all: only the seal keeps strangers out".into(),
        gossip_interval: ROUND,
        listen_addr: address,
        seed_nodes: Vec::new(),
        failure_detector_config: FailureDetectorConfig { initial_interval: ROUND, ..Default::default() },
        marked_for_deletion_grace_period: PATIENCE,
        catchup_callback: None,
        extra_liveness_predicate: None,
        protocol_version: ProtocolVersion::V0,
    };
    let values = values.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
    let chitchat = spawn_chitchat(config, values, &gossip.transport(seal)).await.expect("the transport opens");
    Node { gossip, chitchat }
}

impl Node {
    fn greet(&self, other: &Self) {
        self.chitchat.gossip(other.gossip.local_addr().expect("it is bound")).expect("it runs");
    }

    async fn says(&self, node: &str, key: &str) -> Option<String> {
        let said = |chitchat: &mut chitchat::Chitchat| {
            let states = chitchat.node_states().values();
            states
                .filter(|state| &*state.chitchat_id().node_id == node)
                .find_map(|state| state.get(key).map(str::to_owned))
        };
        self.chitchat.with_chitchat(said).await
    }
}

async fn until<F: Future<Output = bool>>(what: &str, look: impl Fn() -> F) {
    let looking = async {
        while !look().await {
            sleep(Duration::from_millis(2)).await;
        }
    };
    assert!(timeout(PATIENCE, looking).await.is_ok(), "{what}");
}

#[tokio::test]
async fn two_who_know_the_cookie_meet_and_are_counted() {
    let long = "x".repeat(300);
    let a = node("a", 1, Seal::new("router", "secret", "a", 1), &[("ws", "127.0.0.1:1")]).await;
    let b = node("b", 2, Seal::new("router", "secret", "b", 2), &[("ws", "127.0.0.1:2"), ("long", &long)]).await;
    a.greet(&b);
    until("each knows what the other says", || async {
        a.says("b", "ws").await.as_deref() == Some("127.0.0.1:2") && b.says("a", "ws").await.is_some()
    })
    .await;
    assert_eq!(a.says("b", "long").await, Some(long));
    let peer = a.gossip.peer("b", 2, b.gossip.local_addr().expect("it is bound"));
    assert!(peer.sent >= 1 && peer.received >= 1, "{peer:?}");
    assert!(peer.answers >= 1, "it said what it says in an answer to the greeting: {peer:?}");
    // Three numbers and a tag take 56 bytes of each; chitchat compresses what it says.
    assert!(peer.received_bytes > 56 * peer.received && peer.first_heard <= peer.last_heard, "{peer:?}");
    assert_eq!(peer.repeats, 0);
    assert_eq!(a.gossip.rejected(), []);
}

#[tokio::test]
async fn strangers_are_turned_away_before_chitchat_and_counted() {
    let a = node("a", 1, Seal::new("router", "secret", "a", 1), &[]).await;
    let cookie = node("b", 1, Seal::new("router", "guess", "b", 1), &[]).await;
    let cluster = node("c", 1, Seal::new("other", "secret", "c", 1), &[]).await;
    let garbage = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
    let at = a.gossip.local_addr().expect("it is bound");
    until("each was turned away, for its own reason", || async {
        cookie.greet(&a);
        cluster.greet(&a);
        garbage.send_to(b"hello?", at).await.expect("it is sent");
        let reasons: Vec<_> = a.gossip.rejected().iter().map(|row| row.reason).collect();
        [Reason::Cookie, Reason::Cluster, Reason::Malformed].iter().all(|reason| reasons.contains(reason))
    })
    .await;
    assert_eq!(a.chitchat.with_chitchat(|chitchat| chitchat.node_states().len()).await, 1);
    assert_eq!(a.gossip.totals().received, 0);
}

#[tokio::test]
async fn a_datagram_that_comes_again_is_counted_and_does_nothing() {
    let a = node("a", 1, Seal::new("router", "secret", "a", 1), &[]).await;
    let b = node("b", 1, Seal::new("router", "secret", "b", 1), &[]).await;
    // It takes one of a's datagrams off the wire, and hands it to b three times.
    let between = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
    a.chitchat.gossip(between.local_addr().expect("it is bound")).expect("it runs");
    let mut datagram = vec![0; 65_536];
    let length = timeout(PATIENCE, between.recv(&mut datagram)).await.expect("a greets").expect("it is received");
    // It shall not answer what b says to it by itself.
    let at_a = a.gossip.local_addr().expect("it is bound");
    a.chitchat.shutdown().await.expect("it ends well");
    for _ in 0..3 {
        let at = b.gossip.local_addr().expect("it is bound");
        between.send_to(&datagram[..length], at).await.expect("it is sent");
    }
    let heard = || b.gossip.peer("a", 1, at_a);
    until("two of three are repeats", || async { heard().repeats == 2 }).await;
    assert_eq!(heard().received, 1);
}

#[tokio::test]
async fn a_second_life_begins_on_the_same_port() {
    let a = node("a", 1, Seal::new("router", "secret", "a", 1), &[]).await;
    let b = node("b", 1, Seal::new("router", "secret", "b", 1), &[("life", "first")]).await;
    b.greet(&a);
    until("a hears the first life", || async { a.says("b", "life").await.is_some() }).await;
    let Node { gossip, chitchat } = b;
    chitchat.shutdown().await.expect("it ends well");
    let b = live(gossip, "b", 2, Seal::new("router", "secret", "b", 2), &[("again", "second")]).await;
    b.greet(&a);
    until("a hears the second life", || async { a.says("b", "again").await.is_some() }).await;
    assert!(a.gossip.peer("b", 2, b.gossip.local_addr().expect("it is bound")).received > 0);
}

#[tokio::test]
async fn receiving_loses_nothing_when_it_is_dropped() {
    use chitchat::transport::Transport;
    let (a, b) = (
        Gossip::bind(([127, 0, 0, 1], 0).into()).await.expect("a port"),
        node("b", 1, Seal::new("router", "secret", "b", 1), &[]).await,
    );
    let at = a.local_addr().expect("it is bound");
    let mut socket = a.transport(Seal::new("router", "secret", "a", 1)).open(at).await.expect("it opens");
    for _ in 0..20 {
        b.chitchat.gossip(at).expect("it runs");
    }
    let mut received = 0;
    let all = async {
        while received < 20 {
            // Polled once and dropped, again and again, as chitchat's own loop does it at each of its ticks.
            let polled = timeout(Duration::ZERO, socket.recv()).await;
            received += usize::from(polled.is_ok_and(|read| read.is_ok()));
            tokio::task::yield_now().await;
        }
    };
    assert!(timeout(PATIENCE, all).await.is_ok(), "of 20 datagrams {received} were received");
    assert_eq!(a.peer("b", 1, b.gossip.local_addr().expect("it is bound")).answers, 0, "nobody was asked");
}
