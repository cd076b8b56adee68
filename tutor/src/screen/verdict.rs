//! The screen after a run of the checks: what stands, the one thing that does not, and what to do next.

use checks::report::{CheckReport, Failed, Outcome};
use checks::{Observed, Phase};

use super::{Paint, RIGHT, account, columns, cut, prose, steps};
use crate::hints::Hint;
use crate::progress::waits_for;
use crate::project;

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
    /// What fails now passed in the learner's last run.
    pub passed_before: bool,
    /// The crate has tests of its own, which see what checks from outside do not.
    pub own_tests: bool,
}

impl Verdict<'_> {
    /// The whole screen.
    pub fn render(&self, paint: Paint) -> String {
        let failed = self.reports.iter().position(|report| matches!(report.outcome, Outcome::Failed(_)));
        let shown = &self.reports[..failed.map_or(self.reports.len(), |at| at + 1)];
        let open = failed.map(|at| self.reports[at].step.as_str());
        let lines =
            if self.partial { steps::single(shown, paint) } else { steps::folded(self.phase, shown, open, paint) };
        let out = self.header(paint) + &lines;
        out + &match first_failure(self.reports) {
            Some((report, failed)) => self.failure(report, failed, paint),
            None => self.all_green(paint),
        }
    }

    fn header(&self, paint: Paint) -> String {
        let title = format!("Phase {} · {}", self.phase.number, self.phase.title);
        let title = self.subject.map_or(title.clone(), |subject| cut(&format!("{title} ({subject})"), RIGHT - 18));
        let right = first_failure(self.reports).map_or_else(String::new, |(report, failed)| {
            waits_for(self.phase, failed).map_or_else(
                || format!("step {} of {}", report.step, self.phase.steps.len()),
                |below| format!("waits for phase {below}"),
            )
        });
        let gap = " ".repeat(RIGHT.saturating_sub(columns(&title) + columns(&right)));
        format!("{}{gap}{right}", paint.bold(&title)).trim_end().to_owned() + "\n"
    }

    fn failure(&self, report: &CheckReport, failed: &Failed, paint: Paint) -> String {
        // Who has reached a step that is to be written has started it over, and knows.
        let passed_before = self.passed_before && failed.observed != Observed::ReachedTodo;
        let mut out = if passed_before { format!("         {PASSED_BEFORE}\n\n") } else { String::from("\n") };
        out += &account::render(self.phase, report, failed, paint);
        if let Some(below) = waits_for(self.phase, failed) {
            return out + &finish_first(self.phase, below, paint);
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
            if self.own_tests {
                let package = project::folder_name(self.phase);
                out += &format!("    cargo test -p phase-{package}   its own tests see what no check can\n");
            }
            out += &afterwards(number);
            if let Some(next) = project::after(self.phase) {
                out += &format!("    cargo tutor phase {}     go on: {}\n", next.number, next.title);
            }
        }
        out
    }
}

/// What there is to do once a phase passes.
pub fn afterwards(number: u8) -> String {
    format!(
        "    cargo tutor ask {number}       the key question: answer it in your own words\n    \
             cargo tutor debrief {number}   your numbers beside the reference's\n    \
             cargo tutor compare {number}   your code beside the reference's, step by step\n"
    )
}

/// The first report that failed, in order.
pub fn first_failure(reports: &[CheckReport]) -> Option<(&CheckReport, &Failed)> {
    reports.iter().find_map(|report| match &report.outcome {
        Outcome::Failed(failed) => Some((report, &**failed)),
        _ => None,
    })
}

/// Instead of a hint for a check that never got to what it looks at.
fn finish_first(phase: &Phase, below: u8, paint: Paint) -> String {
    let why = format!(
        "Phase {} builds on your phase {below}, and the step above is one of that. Go on there, or build on its reference:",
        phase.number
    );
    format!(
        "    {}\n{}\n      cargo tutor phase {below}\n      cargo tutor borrow {below}\n",
        paint.bold(&format!("Finish phase {below} first")),
        prose(&why, 6),
    )
}

const PASSED_BEFORE: &str = "This check passed in your last run: what have you changed since?";
