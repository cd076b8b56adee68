//! The lines with ✓ and ✗: one for each check of the step that is open, one for each step that is finished.

use checks::Phase;
use checks::report::{CheckReport, Outcome};

use super::{Paint, RIGHT, columns, counted, cut};

/// The checks of step `open`, and each other step in a line of its own; what was skipped has its own in any case.
pub fn folded(phase: &Phase, reports: &[CheckReport], open: Option<&str>, paint: Paint) -> String {
    reports
        .chunk_by(|one, next| one.step == next.step)
        .map(
            |step| if Some(step[0].step.as_str()) == open { single(step, paint) } else { finished(phase, step, paint) },
        )
        .collect()
}

/// Each check in a line of its own.
pub fn single(reports: &[CheckReport], paint: Paint) -> String {
    reports.iter().map(|report| check_line(report, paint)).collect()
}

/// A step of which no check has failed.
fn finished(phase: &Phase, step: &[CheckReport], paint: Paint) -> String {
    let skipped = |report: &&CheckReport| matches!(report.outcome, Outcome::Skipped { .. });
    let passed = step.iter().filter(|report| !skipped(report)).count() as u64;
    let name = &step[0].step;
    let title = phase.steps.iter().zip(1..).find(|(_, number)| *name == format!("{}.{number}", phase.number));
    let title = title.map(|(step, _)| step.title).unwrap_or_default();
    let folded =
        if passed == 0 { String::new() } else { line(&paint.green("✓"), name, title, &counted(passed, "check")) };
    folded + &step.iter().filter(skipped).map(|report| check_line(report, paint)).collect::<String>()
}

fn check_line(report: &CheckReport, paint: Paint) -> String {
    let (step, title) = (&report.step, &report.title);
    match &report.outcome {
        Outcome::Passed => line(&paint.green("✓"), step, title, &format!("{} ms", report.elapsed_ms)),
        Outcome::Failed(_) => line(&paint.red("✗"), step, title, ""),
        Outcome::Skipped { why } => line(&paint.dim("–"), step, &format!("{title} (skipped: {why})"), ""),
    }
}

fn line(mark: &str, step: &str, title: &str, right: &str) -> String {
    let head = 4 + columns(step) + 2;
    let title = cut(title, RIGHT - head - columns(right) - 2);
    let gap = " ".repeat(RIGHT.saturating_sub(head + columns(&title) + columns(right)));
    format!("  {mark} {step}  {title}{gap}{right}").trim_end().to_owned() + "\n"
}

#[cfg(test)]
mod tests {
    use checks::PHASES;
    use checks::report::{CheckReport, Outcome};

    use super::{Paint, folded};

    #[test]
    fn a_finished_step_takes_a_line_and_hides_nothing_that_was_skipped() {
        let report = |step: &str, outcome| CheckReport {
            check: String::from("one"),
            step: step.to_owned(),
            title: String::from("a check"),
            elapsed_ms: 7,
            outcome,
        };
        let skipped = Outcome::Skipped { why: String::from("no ps") };
        let reports = [
            report("1.1", Outcome::Passed),
            report("1.1", skipped.clone()),
            report("1.1", Outcome::Passed),
            report("1.2", skipped),
            report("1.3", Outcome::Passed),
        ];
        let screen = folded(PHASES[0], &reports, Some("1.3"), Paint { colour: false });
        let lines: Vec<_> = screen.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        let first = format!("✓ 1.1 {} 2 checks", PHASES[0].steps[0].title);
        let skipped = ["– 1.1 a check (skipped: no ps)", "– 1.2 a check (skipped: no ps)"];
        assert_eq!(lines, [first.as_str(), skipped[0], skipped[1], "✓ 1.3 a check 7 ms"]);
    }
}
