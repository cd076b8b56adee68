//! What a learner reads when the code does the worst: each case is a real build, checked by the real binary.
//!
//! Each has to end in one clear screen, with the right exit code, on time, and with no process left behind.

use std::fs;
use std::net::TcpListener;
use std::process::Command;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use checks::PHASES;
use tutor::generator::Cut;
use tutor::project::Project;
use tutor::variant::Slot;

/// The cases share one workspace, so that each compiles only what it changes.
static WORKSPACE: Mutex<()> = Mutex::new(());
static PROJECT: LazyLock<Project> = LazyLock::new(|| Project::find().expect("the tests run inside the project"));
/// From a built binary to the screen, with the other core busy.
const IN_TIME: Duration = Duration::from_secs(15);

/// A starter of phase 1 with one place written by somebody who meant well.
struct Case {
    _alone: MutexGuard<'static, ()>,
    slot: Slot<'static>,
}

impl Case {
    /// Replaces `from`, up to the end of its line, in `file` of the starter.
    fn new(file: &str, from: &str, to: &str) -> Self {
        let alone = WORKSPACE.lock().unwrap_or_else(PoisonError::into_inner);
        let root = PROJECT.scratch().join("screens");
        let slot = Slot::new(&PROJECT, PHASES[0], root).expect("the workspace can be written");
        slot.write_cut(Cut::After(0)).expect("the starter can be cut");
        let path = slot.folder().join("src").join(file);
        let text = fs::read_to_string(&path).expect("the starter has this file");
        let at = text.find(from).unwrap_or_else(|| panic!("{file} has no `{from}`"));
        let end = text[at..].find('\n').map_or(text.len(), |length| at + length);
        fs::write(&path, format!("{}{to}{}", &text[..at], &text[end..])).expect("the file can be written");
        Self { _alone: alone, slot }
    }

    /// Instead of step 1.1, with the connection kept open.
    fn instead_of_the_echo(code: &str) -> Self {
        Self::new("connection.rs", "let _ = (ws, conn, node);", &format!("let _kept = (ws, conn, node);\n    {code}"))
    }

    /// Instead of handing over to the shell.
    fn first_in_main(code: &str) -> Self {
        Self::new("main.rs", "fn main() -> ExitCode {", &format!("fn main() -> ExitCode {{\n    {code}"))
    }

    /// Builds, then runs `tutor phase 1` and gives its screen.
    fn screen(&self) -> String {
        // That it does not compile is one of the cases.
        let _ = self.slot.build("screen");
        let before = nodes();
        let began = Instant::now();
        let mut tutor = Command::new(assert_cmd::cargo::cargo_bin!("tutor"));
        tutor.args(["phase", "1"]).env("TUTOR_ROOT", &self.slot.root).env_remove("RUST_BACKTRACE");
        let output = tutor.output().expect("the tutor starts");
        assert!(began.elapsed() < IN_TIME, "it took {:?}", began.elapsed());
        assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
        gone_but_for(&before);
        redacted(&String::from_utf8(output.stdout).expect("a screen is text"))
    }
}

#[test]
fn starter() {
    let case = Case::instead_of_the_echo("");
    insta::assert_snapshot!(case.screen());
}

#[test]
fn compile_error() {
    let case = Case::instead_of_the_echo("let length: u64 = \"text\";");
    insta::assert_snapshot!(case.screen());
}

#[test]
fn endless_loop() {
    let case = Case::instead_of_the_echo("loop {}");
    insta::assert_snapshot!(case.screen());
}

#[test]
fn panic() {
    let case = Case::instead_of_the_echo(&after_reading("panic!(\"no such luck\");"));
    insta::assert_snapshot!(case.screen());
}

/// With a message unread, the kernel says goodbye by a reset, or not, as the moment has it.
fn after_reading(end: &str) -> String {
    format!("let (mut ws, ..) = _kept;\n    let _ = ws.next().await;\n    {end}")
}

#[test]
fn process_exit() {
    let case = Case::instead_of_the_echo(&after_reading("std::process::exit(3);"));
    insta::assert_snapshot!(case.screen());
}

#[test]
fn a_hundred_megabytes_of_output() {
    let print = "let line = \"x\".repeat(1 << 20);\n    for _ in 0..100 { eprintln!(\"{line}\"); }";
    // Before it serves, so that it does not depend on this machine's speed whether a check is still waiting.
    let case = Case::first_in_main(&format!("{print}\n    eprintln!(\"that was all\"); std::process::exit(4);"));
    insta::assert_snapshot!(case.screen());
}

#[test]
fn port_in_use() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = taken.local_addr().expect("it is bound");
    let bind = format!("let _mine = std::net::TcpListener::bind(\"{address}\").expect(\"my favourite port is free\");");
    let case = Case::first_in_main(&bind);
    insta::assert_snapshot!(case.screen());
}

#[test]
fn missing_ready_line() {
    let case = Case::first_in_main("loop { std::thread::sleep(std::time::Duration::from_secs(1)); }");
    insta::assert_snapshot!(case.screen());
}

/// A node that was killed takes a moment to go.
fn gone_but_for(before: &[String]) {
    let deadline = Instant::now() + Duration::from_secs(5);
    while nodes() != before {
        assert!(Instant::now() < deadline, "left behind: {:?}", nodes());
        std::thread::yield_now();
    }
}

/// This test's nodes that live now.
fn nodes() -> Vec<String> {
    let output = Command::new("ps").args(["-A", "-o", "pid=,args="]).output().expect("every Unix has ps");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().filter(|line| line.contains("/debug/phase-1-screens ")).map(str::to_owned).collect()
}

/// Times, ports and ids of processes differ from run to run.
fn redacted(screen: &str) -> String {
    let lines = screen.lines().map(|line| {
        let line = number_after(line, "127.0.0.1:");
        let line = number_after(&number_after(&line, "thread 'main' ("), "thread 'tokio-rt-worker' (");
        match line.strip_suffix(" ms") {
            Some(head) => format!("{}  … ms", head.trim_end_matches(|c: char| c.is_ascii_digit()).trim_end()),
            None => line,
        }
    });
    lines.map(|line| line + "\n").collect()
}

/// Replaces the number behind each `mark`.
fn number_after(line: &str, mark: &str) -> String {
    let mut parts = line.split(mark);
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |line, part| format!("{line}{mark}…{}", part.trim_start_matches(|c: char| c.is_ascii_digit())))
}
