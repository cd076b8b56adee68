//! `test`: everything that has to hold before a change is merged, a line for each part.

use std::env;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::Instant;

use anyhow::{Context, Result};
use serde_json::json;

use super::{links, setup};
use crate::Ended;
use crate::cargo;
use crate::project::Project;
use crate::screen::{Paint, columns, terminal};

/// Runs the parts in order and stops at the first that fails, with a summary.
///
/// # Errors
///
/// What a part needs cannot be had.
pub fn run(project: &Project, json: bool) -> Result<Ended> {
    let gate = Gate { project, json };
    let mut parts = gate.parts()?;
    let (mut passed, mut failed) = (0, 0);
    for at in 0..parts.len() {
        let (name, part) = &mut parts[at];
        let began = Instant::now();
        let count = gate.announce_and_run(name, part)?;
        passed += count.passed;
        failed += count.failed;
        gate.say(&count.line(name, began));
        if count.failed > 0 {
            gate.say(&count.output);
            let left: Vec<_> = parts[at + 1..].iter().map(|(name, _)| *name).collect();
            gate.say(&if left.is_empty() { String::new() } else { format!("Not run: {}.\n", left.join(", ")) });
            break;
        }
    }
    super::answer(json, &json!({ "passed": passed, "failed": failed }), &format!("{passed} passed, {failed} failed\n"));
    Ok(Ended::passed(failed == 0))
}

enum Part {
    /// A command that passes or fails as a whole, or says how many of its units did.
    Command(Box<Command>),
    /// The links of the book that was built before.
    Links,
}

struct Count {
    passed: u64,
    failed: u64,
    output: String,
}

struct Gate<'a> {
    project: &'a Project,
    json: bool,
}

impl Gate<'_> {
    fn parts(&self) -> Result<Vec<(&'static str, Part)>> {
        let (root, solutions) = (self.project.root.clone(), self.project.solutions());
        let cargo = |folder: &PathBuf, args: &[&str]| {
            let mut command = cargo::command(folder);
            command.args(args);
            Part::Command(Box::new(command))
        };
        let strict = ["--all-targets", "--", "-D", "warnings"];
        // A starter has imports that only its solution uses; what is wrong with it is wrong with its reference.
        let given = ["contract", "gossip", "checks", "tutor", "bench", "broker"];
        let given: Vec<_> = given.into_iter().flat_map(|package| ["-p", package]).collect();
        let ours = [&["clippy"], &given[..], &strict].concat();
        let references = [&["clippy", "--workspace"], &strict[..]].concat();
        let tests = [&["test"], &given[..], &["--no-fail-fast"]].concat();
        let tutor = env::current_exe().context("cannot tell where the tutor is")?;
        let tutor = |args: &[&str]| {
            let mut tutor = Command::new(&tutor);
            tutor.args(args).current_dir(&root);
            Part::Command(Box::new(tutor))
        };
        let mut book = Command::new(setup::mdbook(self.project)?);
        book.arg("build").arg(root.join("book"));
        // A client that cannot be had is skipped on a person's machine.
        setup::clients(self.project).iter().for_each(|missing| eprintln!("{missing}"));
        let mut parts = vec![
            ("format", cargo(&root, &["fmt", "--all", "--check", "--", "--color", "never"])),
            ("format of the references", cargo(&solutions, &["fmt", "--all", "--check", "--", "--color", "never"])),
            ("lints", cargo(&root, &ours)),
            ("lints of the references", cargo(&solutions, &references)),
            ("tests", cargo(&root, &tests)),
            ("tests of the references", cargo(&solutions, &["test", "--workspace", "--lib", "--no-fail-fast"])),
            ("the course teaches", tutor(&["verify"])),
            ("clients", tutor(&["clients"])),
            ("book", Part::Command(Box::new(book))),
            ("links of the book", Part::Links),
        ];
        if ["java", "mvn"].into_iter().all(setup::is_there) || env::var_os("CI").is_some() {
            let broker = ["test", "-p", "broker", "--test", "real", "--", "--ignored"];
            parts.push(("the broker on Apache Kafka", cargo(&root, &broker)));
            parts.push(("phase 3 on Apache Kafka", tutor(&["phase", "3", "--reference", "--real"])));
        } else {
            eprintln!("There is no Java or no Maven: phase 3 is checked on librdkafka's mock cluster only.");
        }
        Ok(parts)
    }

    fn announce_and_run(&self, name: &str, part: &mut Part) -> Result<Count> {
        if !self.json && Paint::of_stdout().colour {
            print!("  … {name}\r");
            terminal::flush();
        }
        match part {
            Part::Command(command) => {
                Ok(Count::of(&command.output().with_context(|| format!("cannot start: {name}"))?))
            }
            Part::Links => {
                let broken = links::broken(&self.project.root.join("book/html"))?;
                let output = broken.iter().map(|link| format!("{link}\n")).collect();
                Ok(Count { passed: u64::from(broken.is_empty()), failed: broken.len() as u64, output })
            }
        }
    }

    fn say(&self, text: &str) {
        if !self.json && !text.is_empty() {
            terminal::show(text);
        }
    }
}

impl Count {
    /// Adds up `N passed; M failed` (cargo) and `N passed, M failed` (verify); a command that counts nothing is one unit.
    fn of(output: &Output) -> Self {
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        let counts = text.lines().map(|line| (before(line, "passed"), before(line, "failed")));
        let counts: Vec<_> = counts.filter_map(|(passed, failed)| Some((passed?, failed?))).collect();
        let (passed, failed) = counts.iter().fold((0, 0), |sum, count| (sum.0 + count.0, sum.1 + count.1));
        match (counts.is_empty(), output.status.success()) {
            (true, success) => Self { passed: u64::from(success), failed: u64::from(!success), output: text },
            // A test that does not even compile is counted by nobody.
            (false, success) => Self { passed, failed: failed.max(u64::from(!success)), output: text },
        }
    }

    fn line(&self, name: &str, began: Instant) -> String {
        let paint = Paint::of_stdout();
        let mark = if self.failed == 0 { paint.green("✓") } else { paint.red("✗") };
        let gap = " ".repeat(34_usize.saturating_sub(columns(name)));
        format!("  {mark} {name}{gap}{:>4} passed {:>8.1} s\n", self.passed, began.elapsed().as_secs_f64())
    }
}

/// The number that stands before `word` in a line.
fn before(line: &str, word: &str) -> Option<u64> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let at = words.iter().position(|found| found.trim_end_matches([',', ';']) == word)?;
    words.get(at.checked_sub(1)?)?.parse().ok()
}
