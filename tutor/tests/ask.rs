//! The key question: what a learner reads before green, with an answer, and when they come back to it.

use std::fs;
use std::path::PathBuf;

use checks::report::{CheckReport, Outcome};
use checks::{PHASES, Phase};
use serde_json::{Value, json};
use tutor::progress::Progress;
use tutor::project::Project;
use tutor::questions;
use tutor::screen::verdict::Verdict;
use tutor::screen::{Paint, WIDTH, columns};

/// A clone of the course in which nothing but progress is kept: all that `ask` looks at.
struct Clone {
    root: PathBuf,
}

impl Clone {
    fn new(name: &str) -> Self {
        let root = Project::find().expect("the tests run inside the project").scratch().join("ask").join(name);
        // What an earlier run left; the first finds nothing.
        let _ = fs::remove_dir_all(&root);
        fs::create_dir_all(&root).expect("the folder can be made");
        Self { root }
    }

    fn passed(name: &str) -> Self {
        let clone = Self::new(name);
        let project = Project { root: clone.root.clone() };
        let mut progress = Progress::default();
        PHASES.iter().for_each(|phase| progress.note(phase, None));
        progress.save(&project).expect("the progress can be written");
        clone
    }

    /// Runs `tutor ask …` with `said` on standard input; gives exit code, standard output and standard error.
    fn ask(&self, args: &[&str], said: &str) -> (i32, String, String) {
        let mut tutor = assert_cmd::Command::new(assert_cmd::cargo::cargo_bin!("tutor"));
        tutor.arg("ask").args(args).env("TUTOR_ROOT", &self.root).write_stdin(said);
        let output = tutor.output().expect("the tutor starts");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("a screen is text");
        let code = output.status.code().expect("it exits by itself");
        (code, fits(text(output.stdout)), fits(text(output.stderr)))
    }

    fn kept(&self, name: &str) -> String {
        fs::read_to_string(self.root.join(".tutor/answers").join(name)).expect("the answer is kept")
    }
}

const MINE: &str = "In its mailbox, which is bounded.\nThe task takes it out and writes it.\n";

#[test]
fn before_green() {
    let (code, stdout, stderr) = Clone::new("before-green").ask(&["1"], MINE);
    assert_eq!((code, stdout.as_str()), (2, ""));
    insta::assert_snapshot!(stderr);
}

#[test]
fn before_green_spoiled() {
    let clone = Clone::new("spoiled");
    let (code, stdout, _) = clone.ask(&["1", "--spoil"], "");
    let question = questions::of(PHASES[0]).expect("phase 1 has a question");
    assert_eq!(code, 0);
    assert!(stdout.contains("A model answer") && stdout.contains(&question.question[..40]), "{stdout}");
    assert!(!clone.root.join(".tutor/answers").exists(), "nothing was said, so nothing is kept");
}

#[test]
fn nothing_said_shows_no_model_answer() {
    let (code, stdout, _) = Clone::passed("nothing-said").ask(&["1"], " \n");
    assert_eq!(code, 0);
    insta::assert_snapshot!(stdout);
}

#[test]
fn with_an_answer() {
    let (code, stdout, _) = Clone::passed("answered").ask(&["1"], MINE);
    assert_eq!(code, 0);
    insta::assert_snapshot!(stdout);
}

#[test]
fn again_without_an_answer() {
    let clone = Clone::passed("again");
    clone.ask(&["2"], "The first thought.");
    clone.ask(&["2"], "The second thought.");
    let (code, stdout, _) = clone.ask(&["2"], "");
    assert_eq!(code, 0);
    assert_eq!(clone.kept("2-registry-1.md"), "The first thought.\n", "an earlier answer stays as it is");
    assert_eq!(clone.kept("2-registry-2.md"), "The second thought.\n");
    insta::assert_snapshot!(stdout);
}

#[test]
fn as_json() {
    let clone = Clone::passed("json");
    let ask = |said: &str| -> Value {
        serde_json::from_str(&clone.ask(&["1", "--json"], said).1).expect("one JSON document")
    };
    let question = questions::of(PHASES[0]).expect("phase 1 has a question");
    let unanswered = json!({ "phase": 1, "question": question.question, "answer": null, "model": null, "kept": null });
    assert_eq!(ask(""), unanswered);
    let answered = json!({
        "phase": 1, "question": question.question, "answer": MINE.trim(), "model": question.answer,
        "kept": ".tutor/answers/1-socket-1.md",
    });
    assert_eq!(ask(MINE), answered);
    assert_eq!(ask(""), answered);
}

#[test]
fn green_says_what_was_built_and_what_is_next() {
    insta::assert_snapshot!(green(PHASES[0], None));
    assert!(green(PHASES[3], None).contains("cargo test -p phase-4-cluster"));
    let last = PHASES.last().expect("there is a phase");
    assert!(!green(last, None).contains("go on"), "nothing follows on the last phase");
    let reference = green(PHASES[0], Some("the reference"));
    assert!(!reference.contains("built") && !reference.contains("cargo tutor"), "{reference}");
}

/// The screen of a run in which all checks of the first step passed, and no others were there.
fn green(phase: &'static Phase, subject: Option<&str>) -> String {
    let reports: Vec<_> = phase.checks.iter().filter(|check| check.step == 1).map(passed).collect();
    let built = questions::of(phase).expect("the phase has a question").built;
    let verdict = Verdict {
        phase,
        reports: &reports,
        hint: None,
        built: &built,
        subject,
        partial: false,
        passed_before: false,
        own_tests: phase.number == 4,
    };
    fits(verdict.render(Paint { colour: false }))
}

fn passed(check: &checks::Check) -> CheckReport {
    let (id, title) = (check.id.to_owned(), check.title.to_owned());
    CheckReport { check: id, step: String::from("1.1"), title, elapsed_ms: 12, outcome: Outcome::Passed }
}

/// Screens stay within the usual terminal; a document may be as wide as it likes.
fn fits(screen: String) -> String {
    let wide = screen.lines().find(|line| columns(line) > WIDTH && !line.starts_with('{'));
    assert_eq!(wide, None, "wider than {WIDTH} columns");
    screen
}
