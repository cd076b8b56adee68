//! The screen after a run of the checks: what stands, the one thing that does not, and what to do next.

use checks::report::{CheckReport, Failed, NodeReport, Outcome};
use checks::{Observed, Phase};

use super::{Paint, WIDTH, columns, cut, prose, story, wrap};
use crate::hints::Hint;
use crate::project;

/// The column in which times and step counts end.
const RIGHT: usize = 74;

/// A run and what is to be said about it.
#[derive(Debug)]
pub struct Verdict<'a> {
    /// The phase.
    pub phase: &'static Phase,
    /// In the order of the phase's checks.
    pub reports: &'a [CheckReport],
    /// For the first failure.
    pub hint: Option<&'a Hint>,
    /// What stands once all is green: one paragraph.
    pub built: &'a str,
    /// Whose binary it was: the learner's own is not named.
    pub subject: Option<&'a str>,
    /// Only one check was asked for.
    pub partial: bool,
}

impl Verdict<'_> {
    /// The whole screen.
    pub fn render(&self, paint: Paint) -> String {
        let mut out = self.header(paint);
        for report in self.reports {
            let last = matches!(report.outcome, Outcome::Failed(_));
            out += &check_line(report, paint);
            if last {
                break;
            }
        }
        out + &match first_failure(self.reports) {
            Some((report, failed)) => self.failure(report, failed, paint),
            None => self.all_green(paint),
        }
    }

    fn header(&self, paint: Paint) -> String {
        let title = format!("Phase {} · {}", self.phase.number, self.phase.title);
        let title = self.subject.map_or(title.clone(), |subject| cut(&format!("{title} ({subject})"), RIGHT - 18));
        let right = match first_failure(self.reports) {
            Some((report, _)) => format!("step {} of {}", report.step, self.phase.steps.len()),
            None => String::new(),
        };
        let gap = " ".repeat(RIGHT.saturating_sub(columns(&title) + columns(&right)));
        format!("{}{gap}{right}", paint.bold(&title)).trim_end().to_owned() + "\n"
    }

    fn failure(&self, report: &CheckReport, failed: &Failed, paint: Paint) -> String {
        let mut out = String::from("\n");
        let said = what_was_seen(self.phase, report, failed);
        if let Some((heading, lines)) = &said {
            out += &section(heading, lines, paint);
        }
        if failed.observed != Observed::ReachedTodo {
            out += &section("What happened", &story::lines(failed, paint), paint);
        }
        if let Some(node) = talkative(failed) {
            out += &section(&last_words_of(node), &story::last_words(node), paint);
        }
        if let Some(hint) = self.hint {
            out += &format!("    {}\n{}\n", paint.bold("A question"), prose(&hint.rungs[0], 6));
        }
        out + &self.footer(report, paint)
    }

    fn footer(&self, report: &CheckReport, paint: Paint) -> String {
        let number = self.phase.number;
        let more = if self.hint.is_some() && !self.partial && self.subject.is_none() {
            format!("cargo tutor hint {number} for more · ")
        } else {
            String::new()
        };
        paint.dim(&format!("    {more}book: phase {number}, step {}", report.step)) + "\n"
    }

    fn all_green(&self, paint: Paint) -> String {
        let (number, title) = (self.phase.number, self.phase.title);
        if self.partial {
            return String::from("\n    This check passes.\n");
        }
        let stands = format!("Phase {number} · {title} — all {} steps stand", self.phase.steps.len());
        let mut out = format!("\n{}\n", paint.green(&stands));
        if self.subject.is_none() {
            out += &format!("\n    {}\n{}\n", paint.bold("What you have built"), prose(self.built, 6));
            out += &format!("    cargo tutor ask {number}       the key question: answer it in your own words\n");
            out += &format!("    cargo tutor debrief {number}   your numbers beside the reference's\n");
            out += &format!("    cargo tutor compare {number}   your code beside the reference's, step by step\n");
            if let Some(next) = project::after(self.phase) {
                out += &format!("    cargo tutor phase {}     go on: {}\n", next.number, next.title);
            }
        }
        out
    }
}

/// The first report that failed, in order.
pub fn first_failure(reports: &[CheckReport]) -> Option<(&CheckReport, &Failed)> {
    reports.iter().find_map(|report| match &report.outcome {
        Outcome::Failed(failed) => Some((report, &**failed)),
        _ => None,
    })
}

fn check_line(report: &CheckReport, paint: Paint) -> String {
    let mark = match report.outcome {
        Outcome::Passed => paint.green("✓"),
        Outcome::Failed(_) => paint.red("✗"),
        Outcome::Skipped { .. } => paint.dim("–"),
    };
    let (title, right) = match &report.outcome {
        Outcome::Passed => (report.title.clone(), format!("{} ms", report.elapsed_ms)),
        Outcome::Failed(_) => (report.title.clone(), String::new()),
        Outcome::Skipped { why } => (format!("{} (skipped: {why})", report.title), String::new()),
    };
    let head = 4 + columns(&report.step) + 2;
    let title = cut(&title, RIGHT - head - columns(&right) - 2);
    let gap = " ".repeat(RIGHT.saturating_sub(head + columns(&title) + columns(&right)));
    format!("  {mark} {}  {title}{gap}{right}", report.step).trim_end().to_owned() + "\n"
}

fn section(heading: &str, lines: &[String], paint: Paint) -> String {
    if lines.is_empty() {
        return String::new();
    }
    format!("    {}\n{}\n\n", paint.bold(heading), lines.join("\n"))
}

/// A node that has printed more than that it is ready: a panic, a log line, or what a learner has it print.
fn talkative(failed: &Failed) -> Option<&NodeReport> {
    let has_words = |node: &&NodeReport| node.last_lines.iter().any(|line| !line.starts_with("ready "));
    failed.nodes.iter().find(has_words).filter(|_| failed.observed != Observed::ReachedTodo)
}

fn last_words_of(node: &NodeReport) -> String {
    if node.name == "node" { String::from("The node's last words") } else { format!("The last words of {}", node.name) }
}

/// Heading and lines for what was seen, where that is more than the story tells.
fn what_was_seen(phase: &Phase, report: &CheckReport, failed: &Failed) -> Option<(String, Vec<String>)> {
    let todo = failed.nodes.iter().find_map(|node| node.todo.as_ref());
    let panic = failed.nodes.iter().find_map(|node| node.panic.as_ref());
    let exited = failed.nodes.iter().find(|node| node.state != "running");
    let (heading, text) = match failed.observed {
        Observed::ReachedTodo => {
            let todo = todo?;
            let mut lines = vec![todo.text.clone(), todo.location.clone()];
            lines.extend(unfinished_below(phase, &todo.step));
            (format!("You have reached step {}", todo.step), lines)
        }
        Observed::Panicked => {
            let panic = panic?;
            (String::from("The node panicked"), vec![panic.message.clone(), panic.location.clone()])
        }
        Observed::NodeExited => {
            (String::from("The node is gone"), vec![format!("{}: {}", exited?.name, exited?.state)])
        }
        Observed::NeverReady => (String::from("The node never said that it is ready"), vec![NEVER_READY.to_owned()]),
        Observed::TookTooLong => (String::from("Nothing came in time"), vec![took_too_long(phase, report)]),
        _ => return None,
    };
    let lines = text.iter().filter(|text| !text.is_empty()).flat_map(|text| wrap(text, WIDTH - 6));
    Some((heading, lines.map(|line| format!("      {line}")).collect()))
}

/// What to do about a step of an earlier phase, which this one builds on.
fn unfinished_below(phase: &Phase, step: &str) -> Option<String> {
    let (below, _) = step.split_once('.')?;
    (below != phase.number.to_string()).then(|| {
        format!(
            "Phase {} builds on your phase {below}, which is not finished: `cargo tutor phase {below}` goes on there, \
             `cargo tutor borrow {below}` builds on its reference instead.",
            phase.number
        )
    })
}

fn took_too_long(phase: &Phase, report: &CheckReport) -> String {
    let limit = phase.checks.iter().find(|check| check.id == report.check).map_or(0, |check| check.limit.as_secs());
    format!("The check was given {limit} s. {ENDLESS}")
}

const ENDLESS: &str =
    "An endless loop, a blocking call in an async task, or a lock that is never given back looks like this.";
const NEVER_READY: &str = "It has to print one line that begins with `ready ws=` on standard output once it serves. The shell in \
    `phases/0-contract` does so; your `main.rs` hands over to it.";
