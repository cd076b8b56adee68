//! The account of one failure: what was seen, what happened, and what the node said last.

use checks::report::{CheckReport, Failed, NodeReport};
use checks::{Observed, Phase};

use super::{Paint, WIDTH, story, wrap};

/// All sections of it, with an empty line behind each.
pub fn render(phase: &Phase, report: &CheckReport, failed: &Failed, paint: Paint) -> String {
    let mut out = String::new();
    if let Some((heading, lines)) = what_was_seen(phase, report, failed) {
        out += &section(&heading, &lines, paint);
    }
    if failed.observed != Observed::ReachedTodo {
        out += &section("What happened", &story::lines(failed, paint), paint);
    }
    if let Some(node) = talkative(failed) {
        out += &section(&last_words_of(node), &story::last_words(node), paint);
    }
    out
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
            (format!("You have reached step {}", todo.step), vec![todo.text.clone(), todo.location.clone()])
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

fn took_too_long(phase: &Phase, report: &CheckReport) -> String {
    let limit = phase.checks.iter().find(|check| check.id == report.check).map_or(0, |check| check.limit.as_secs());
    format!("The check was given {limit} s. {ENDLESS}")
}

const ENDLESS: &str =
    "An endless loop, a blocking call in an async task, or a lock that is never given back looks like this.";
const NEVER_READY: &str = "It has to print one line that begins with `ready ws=` on standard output once it serves. The shell in \
    `phases/0-contract` does so; your `main.rs` hands over to it.";
