//! `compare` by the real binary: the references beside themselves, and beside the starters.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use checks::{PHASES, Phase};
use tutor::generator::{Cut, Generated};
use tutor::project::Project;
use tutor::screen::{WIDTH, columns};

/// The comparison of `phase` where the learner has written `cut` of its reference.
fn compared(phase: &Phase, cut: Cut, name: &str) -> String {
    let project = Project::find().expect("the tests run inside the project");
    let course = Project { root: project.scratch().join("compare").join(name) };
    // What an earlier run left; the first finds nothing.
    let _ = fs::remove_dir_all(&course.root);
    fs::create_dir_all(&course.root).expect("the folder can be made");
    symlink(project.solutions(), course.solutions()).expect("the folder is new");
    let code = Generated::cut(&project.reference(phase), phase, cut).expect("the reference can be cut");
    code.write_to(&course.learner(phase)).expect("the course can be written");
    screen(&course.root, phase)
}

fn screen(root: &Path, phase: &Phase) -> String {
    let mut tutor = assert_cmd::Command::new(assert_cmd::cargo::cargo_bin!("tutor"));
    let output = tutor.args(["compare", "--spoil", &phase.number.to_string()]).env("TUTOR_ROOT", root).output();
    let screen = String::from_utf8(output.expect("the tutor starts").stdout).expect("a screen is text");
    // A literal is not broken.
    let wide = screen.lines().find(|line| columns(line) > WIDTH && !line.contains('"'));
    assert_eq!(wide, None, "wider than {WIDTH} columns");
    screen
}

#[test]
fn the_reference_is_the_same_as_itself_and_shown_once() {
    for phase in PHASES {
        let screen = compared(phase, Cut::Full, &format!("{}-full", phase.name));
        let heads: Vec<_> = screen.lines().filter(|line| line.starts_with("── ")).collect();
        assert!(heads.len() > phase.steps.len() / 2, "{screen}");
        assert!(heads.iter().all(|head| head.starts_with("── both the same · ")), "{heads:?}");
        assert_eq!(heads.iter().collect::<BTreeSet<_>>().len(), heads.len(), "each item once: {heads:?}");
    }
}

#[test]
fn a_starter_stands_beside_the_whole_item_without_what_it_was_told_to_do() {
    for phase in PHASES {
        let screen = compared(phase, Cut::After(0), &format!("{}-starter", phase.name));
        let heads = |who: &str| screen.lines().filter(|line| line.starts_with(&format!("── {who} · "))).count();
        assert!(heads("yours") > 0 && heads("yours") == heads("the reference"), "{screen}");
        assert!(!screen.contains("// Step "), "{screen}");
    }
}
