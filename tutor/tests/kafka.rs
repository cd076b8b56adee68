//! `kafka`: a broker in one terminal, and what a person does with it in another.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tutor::project::Project;
use tutor::screen::{WIDTH, columns};

/// A clone of the course in which only the state is its own: the broker is built in the project.
struct Course {
    root: PathBuf,
}

/// The command in the foreground. Dropping it sends what Ctrl-C sends.
struct Foreground(Child);

impl Drop for Foreground {
    fn drop(&mut self) {
        let sent = Command::new("kill").args(["-INT", &self.0.id().to_string()]).status().expect("every Unix has kill");
        let ended = self.0.wait().expect("it is a child");
        // A test that fails already has more to say.
        if sent.success() && !std::thread::panicking() {
            assert_eq!(ended.code(), Some(130));
        }
    }
}

impl Course {
    /// What the tutor builds is found by the links, and built once.
    fn new() -> Self {
        let project = Project::find().expect("the tests run inside the project");
        let root = project.scratch().join("kafka");
        // What an earlier run left; the first finds nothing.
        let _ = fs::remove_dir_all(&root);
        fs::create_dir_all(&root).expect("the folder can be made");
        for name in ["Cargo.toml", "Cargo.lock", ".cargo", "phases", "target", "tests", "tutor"] {
            std::os::unix::fs::symlink(project.root.join(name), root.join(name)).expect("a link can be made");
        }
        Self { root }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut tutor = Command::new(assert_cmd::cargo::cargo_bin!("tutor"));
        tutor.arg("kafka").args(args).env("TUTOR_ROOT", &self.root).env_remove("KAFKA_BROKERS").env("NO_COLOR", "1");
        tutor
    }

    /// Starts a broker and waits until it says where it is; gives what it said.
    fn start(&self) -> (Foreground, Value) {
        let mut tutor = self.command(&["--port", "0", "--json"]);
        let mut child = tutor.stdout(Stdio::piped()).spawn().expect("the tutor starts");
        let stdout = child.stdout.take().expect("it is piped");
        let foreground = Foreground(child);
        let line = BufReader::new(stdout).lines().next().expect("it says where it is").expect("in text");
        (foreground, serde_json::from_str(&line).expect("in JSON"))
    }

    /// Exit code, and what was printed on both streams, which fits a terminal.
    fn says(&self, args: &[&str]) -> (i32, String) {
        let output = self.command(args).output().expect("the tutor starts");
        let text = String::from_utf8([output.stdout, output.stderr].concat()).expect("a screen is text");
        assert!(text.lines().all(|line| columns(line) <= WIDTH), "{text}");
        (output.status.code().expect("it exits by itself"), text)
    }
}

#[test]
fn a_broker_in_another_terminal() {
    let course = Course::new();
    let (code, said) = course.says(&["topics"]);
    assert!(code == 2 && said.contains("no broker runs"), "{said}");

    let (foreground, at) = course.start();
    assert!(at["kafka"].as_str().is_some_and(|address| address.starts_with("127.0.0.1:")), "{at}");
    assert_eq!(course.says(&["send", "alice", "{\"hi\": 1}"]), (0, written(1, 0)));
    assert_eq!(course.says(&["send", "alice", "good day"]), (0, written(1, 1)));
    let read = "1/0      alice: {\"user_id\":\"alice\",\"payload\":{\"hi\": 1}}\n\
                1/1      alice: {\"user_id\":\"alice\",\"payload\":\"good day\"}\n";
    assert_eq!(course.says(&["tail", "--once"]), (0, read.to_owned()));
    let (code, said) = course.says(&["topics"]);
    assert!(code == 0 && said.starts_with("messages ") && said.ends_with(" 4 partitions\n"), "{said}");
    let (code, said) = course.says(&["tail", "missing"]);
    assert!(code == 2 && said.contains("there is no topic missing"), "{said}");

    assert_eq!(course.says(&["down"]).0, 0);
    assert!(TcpStream::connect(at["kafka"].as_str().expect("an address")).is_err());
    assert_eq!(course.says(&["up"]).0, 0);
    assert_eq!(course.says(&["tail", "--once"]), (0, read.to_owned()));

    drop(foreground);
    gone(at["control"].as_str().expect("an address"));
}

/// A process that was killed takes a moment to go.
fn gone(address: &str) {
    let deadline = Instant::now() + Duration::from_secs(5);
    while TcpStream::connect(address).is_ok() {
        assert!(Instant::now() < deadline, "somebody listens still at {address}");
        std::thread::yield_now();
    }
}

fn written(partition: i32, offset: i64) -> String {
    format!("written to messages, partition {partition}, offset {offset}\n")
}
