//! A crowd that comes, talks and leaves: every table is empty afterwards. `cargo tutor bench crowd` is the same with ten thousand, and
//! looks at the memory as well.

mod common;

use std::time::Duration;

use checks::harness::frame::{self, Frame};
use checks::harness::{Heard, RawClient, Talk, World};

const USERS: usize = 500;
/// For a machine that does something else as well; an answer takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_leaves_nothing_behind() {
    let world = World::new(&common::reference(2, "registry"), 1);
    let flags = ["--sweep", "20ms", "--deliver-timeout", "10s"];
    let node = world.node(&flags).await.expect("the reference starts").untold();
    let mut crowd = Vec::new();
    for number in 0..USERS {
        let mut user = node.connect_raw(&name(number)).await.expect("a connection");
        user.ask_name(&name(number), None, "1").await.expect("it is open");
        assert_eq!(hear(&mut user).await.kind(), "registered");
        crowd.push(user);
    }
    let stats = async |name| node.admin().counter(name).await.expect("a counter");
    assert_eq!(stats("registry.users").await, USERS as u64);

    for (number, user) in crowd.iter_mut().enumerate() {
        user.message(&name((number + 1) % USERS), "\"hi\"", Some("2")).await.expect("it is open");
    }
    for user in &mut crowd {
        // Its own answer, and the message of the one before it; whichever comes first.
        let mut kinds = [hear(user).await.kind().to_owned(), hear(user).await.kind().to_owned()];
        kinds.sort();
        assert_eq!(kinds, ["message", "ok"]);
    }

    for (number, user) in crowd.into_iter().enumerate() {
        leave(user, number).await;
    }
    node.admin().nobody_left(PATIENCE).await.expect("every table is empty");
    for number in 0..USERS {
        let answer = node.admin().peek(&format!("/users/{}", name(number))).await.expect("an answer");
        answer.expect(404, Some("not_connected")).expect("nobody by that name");
    }
    assert_eq!(stats("sockets.opened").await, USERS as u64);
    assert_eq!(stats("closed.normal").await + stats("closed.lost").await, USERS as u64);
    assert_eq!(stats("messages.queued").await, stats("messages.written").await);
    assert_eq!(stats("registry.swept").await, 0);
    assert!(node.process().report("node").panic.is_none());
    world.end().await;
}

fn name(number: usize) -> String {
    format!("user-{number}")
}

async fn hear(user: &mut RawClient) -> Heard {
    user.hear_within(PATIENCE).await.expect("a frame of the protocol").expect("an answer in time")
}

/// Half say goodbye, a quarter reset the connection, a quarter just go.
async fn leave(mut user: RawClient, number: usize) {
    match number % 4 {
        0 | 2 => {
            user.send_bytes(&Frame::client(frame::CLOSE, 1000_u16.to_be_bytes()).encode(), "Close")
                .await
                .expect("sent");
            user.read_to_end().await.expect("the node closes too");
        }
        1 => user.reset(),
        _ => drop(user),
    }
}
