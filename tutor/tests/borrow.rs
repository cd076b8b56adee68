//! A later phase on the learner's own earlier one, on the reference's, and back: by the real binary, in a copy of the course.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use checks::PHASES;
use serde_json::Value;
use tutor::cargo;
use tutor::generator::{Cut, Generated};
use tutor::progress::Progress;
use tutor::project::{Project, folder_name};
use tutor::variant::{Slot, set_apart};

static PROJECT: LazyLock<Project> = LazyLock::new(|| Project::find().expect("the tests run inside the project"));
/// Phases that a copy of the course has.
const COPIED: usize = 2;
const OWN: &str = "socket = { path = \"phases/1-socket\", package = \"phase-1-socket\" }";
const BORROWED: &str = "socket = { path = \"solutions/1-socket\", package = \"solution-1-socket\" }";
const CHANGE: &str = "\
Cargo.toml (and Cargo.lock with it)
  - socket = { path = \"phases/1-socket\", package = \"phase-1-socket\" }
  + socket = { path = \"solutions/1-socket\", package = \"solution-1-socket\" }
";

/// A copy of the course, as a learner has it. What is given and the references are the project's own, by way of links.
struct Course {
    slot: Slot<'static>,
}

/// How a command ended.
struct Said {
    status: Option<i32>,
    out: String,
    err: String,
}

impl Course {
    fn new(name: &str) -> Self {
        let slot = Slot::new(&PROJECT, PHASES[1], PROJECT.scratch().join(name)).expect("the workspace can be written");
        let course = Self { slot };
        let phases = course.path("phases");
        fs::create_dir_all(&phases).expect("the course can be written");
        link(&PROJECT.root.join("phases/0-contract"), &phases.join("0-contract"));
        link(&PROJECT.solutions(), &course.path("solutions"));
        fs::copy(PROJECT.pristine(), phases.join("pristine.sha256")).expect("the course can be written");
        fs::write(course.path("Cargo.toml"), manifest()).expect("the course can be written");
        // What an earlier run has learnt would be on the screen.
        let _ = fs::remove_dir_all(course.path(".tutor"));
        course
    }

    fn path(&self, name: &str) -> PathBuf {
        self.slot.root.join(name)
    }

    /// Writes phase `at + 1` as its reference cut.
    fn write(&self, at: usize, cut: Cut) -> PathBuf {
        let folder = self.path("phases").join(folder_name(PHASES[at]));
        let code = Generated::cut(&PROJECT.reference(PHASES[at]), PHASES[at], cut).expect("the reference can be cut");
        code.write_to(&folder).expect("the course can be written");
        folder
    }

    /// The same, in a form that is built beside the project's own.
    fn write_to_be_built(&self, at: usize, cut: Cut) {
        set_apart(&self.write(at, cut), PHASES[at], "borrow").expect("the course can be written");
    }

    fn tutor(&self, args: &[&str]) -> Said {
        let mut tutor = Command::new(assert_cmd::cargo::cargo_bin!("tutor"));
        let output = tutor.args(args).env("TUTOR_ROOT", &self.slot.root).output().expect("the tutor starts");
        let text = |bytes| String::from_utf8(bytes).expect("a screen is text");
        Said { status: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// Both files that `borrow` may change.
    fn manifest_and_lock(&self) -> [String; 2] {
        ["Cargo.toml", "Cargo.lock"].map(|name| fs::read_to_string(self.path(name)).expect("it can be read"))
    }

    /// Whose code `list` says each phase is.
    fn listed(&self) -> Vec<String> {
        let list: Value = serde_json::from_str(&self.tutor(&["list", "--json"]).out).expect("it is JSON");
        let phases = list["phases"].as_array().expect("it lists phases");
        phases.iter().take(COPIED).map(|phase| phase["code"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// Phase 2 builds, and all its steps stand.
    fn passes(&self) {
        let said = self.tutor(&["phase", "2", "--json"]);
        let verdict: Value = serde_json::from_str(&said.out).unwrap_or_default();
        assert_eq!(verdict["verdict"], "passed", "{}\n{}", said.out, said.err);
        assert_eq!((said.status, &verdict["done"]), (Some(0), &verdict["steps"]));
    }

    /// Phase 2 ends in a step that phase 1 has not taken; gives the screens of all who have to say so.
    fn meets_an_unfinished_phase(&self) -> String {
        let (phase, hint, list) = (self.tutor(&["phase", "2"]), self.tutor(&["hint", "2"]), self.tutor(&["list"]));
        assert_eq!((phase.status, hint.status), (Some(1), Some(2)), "{}\n{}", phase.out, phase.err);
        format!("{}\n$ cargo tutor hint 2\n{}\n$ cargo tutor list\n{}", phase.out, hint.err, list.out)
    }
}

#[test]
fn one_line_changes_and_changes_back() {
    let course = Course::new("borrow-line");
    (0..COPIED).for_each(|at| drop(course.write(at, Cut::After(0))));
    // The lockfile as it is for these members.
    let tree = cargo::command(&course.slot.root).args(["tree", "--workspace", "--depth", "0"]).output();
    assert!(tree.expect("cargo starts").status.success());
    let before = course.manifest_and_lock();
    assert_eq!(course.listed(), ["pristine", "pristine"]);

    let borrow = course.tutor(&["borrow", "1"]);
    assert_eq!(borrow.status, Some(0), "{}", borrow.err);
    assert!(borrow.out.starts_with(CHANGE), "{}", borrow.out);
    let [manifest, lock] = course.manifest_and_lock();
    assert_eq!(manifest, before[0].replace(OWN, BORROWED));
    assert!(lock.contains("solution-1-socket"), "{lock}");
    assert_eq!(course.listed(), ["borrowed", "pristine"]);

    let again = course.tutor(&["borrow", "1"]);
    assert_eq!(again.status, Some(0), "{}", again.err);
    assert!(again.out.starts_with("It is borrowed already."), "{}", again.out);
    assert_eq!(course.manifest_and_lock()[0], before[0].replace(OWN, BORROWED));

    let back = course.tutor(&["return", "1"]);
    assert_eq!(back.status, Some(0), "{}", back.err);
    assert_eq!(course.manifest_and_lock(), before);
    assert_eq!(course.listed(), ["pristine", "pristine"]);
}

#[test]
fn what_is_next_skips_what_is_borrowed() {
    let course = Course::new("borrow-next");
    (0..COPIED).for_each(|at| drop(course.write(at, Cut::After(0))));
    let next = || course.tutor(&[]).out;
    let title = |screen: &str| screen.lines().next().unwrap_or_default().to_owned();
    assert_eq!(title(&next()), "Next: phase 1 · Socket");
    assert_eq!(course.tutor(&["borrow", "1"]).status, Some(0));
    assert_eq!(title(&next()), format!("Next: phase 2 · {}", PHASES[1].title));

    let mut progress = Progress::default();
    PHASES[1..].iter().for_each(|phase| progress.note(phase, None));
    progress.save(&Project { root: course.slot.root.clone() }).expect("the progress can be written");
    insta::assert_snapshot!("nothing_left_to_build", next());
    assert_eq!(course.tutor(&["return", "1"]).status, Some(0));
    assert_eq!(title(&next()), "Next: phase 1 · Socket");
}

#[test]
fn what_cargo_refuses_is_shown_and_not_changed() {
    let course = Course::new("borrow-refused");
    (0..COPIED).for_each(|at| drop(course.write(at, Cut::After(0))));
    fs::remove_file(course.path("solutions")).expect("it is a link");
    // Windows' ends of lines, and none behind the last: a manifest that was edited.
    let edited = manifest().replace('\n', "\r\n").trim_end().to_owned();
    fs::write(course.path("Cargo.toml"), &edited).expect("the course can be written");

    let borrow = course.tutor(&["borrow", "1"]);
    assert_eq!(borrow.status, Some(2));
    assert_eq!(borrow.out, CHANGE);
    assert!(borrow.err.contains("nothing was changed"), "{}", borrow.err);
    assert_eq!(course.manifest_and_lock()[0], edited);
    assert_eq!(course.listed(), ["pristine", "pristine"]);
}

#[test]
fn a_later_phase_on_the_reference_and_on_ones_own() {
    let course = Course::new("borrow-built");
    course.write_to_be_built(0, Cut::After(0));
    course.write_to_be_built(1, Cut::Full);
    insta::assert_snapshot!("an_unfinished_phase_below", course.meets_an_unfinished_phase());

    assert_eq!(course.tutor(&["borrow", "1"]).status, Some(0));
    course.passes();

    // What was built on the reference passes for nobody's own.
    assert_eq!(course.tutor(&["return", "1"]).status, Some(0));
    let again = course.meets_an_unfinished_phase();
    assert!(again.contains("but waits for phase 1"), "{again}");

    course.write_to_be_built(0, Cut::Full);
    course.passes();
}

/// The project's, with the phases as members, all of them the learner's own.
fn manifest() -> String {
    let text = fs::read_to_string(PROJECT.root.join("Cargo.toml")).expect("the project has a manifest");
    let lines = text.lines().map(|line| match line.split_once(" = ") {
        Some(("members", _)) => String::from("members = [\"phases/*\"]\n"),
        _ => line.replace("path = \"solutions/", "path = \"phases/").replace("\"solution-", "\"phase-") + "\n",
    });
    lines.collect()
}

/// Makes `to` a link, unless it is one.
fn link(from: &Path, to: &Path) {
    match symlink(from, to) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => panic!("cannot link {}: {error}", to.display()),
        _ => {}
    }
}
