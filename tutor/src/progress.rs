//! What a learner has reached: `.tutor/progress.json`, which people may read, and `.tutor/last-N.json`, the last reports.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::SystemTime;

use anyhow::{Context, Result};
use checks::report::{CheckReport, Failed, Outcome};
use checks::{Observed, Phase};
use serde::{Deserialize, Serialize};

use crate::generator::folder::write_if_changed;
use crate::project::{Project, folder_name};

/// The whole file.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Progress {
    /// By folder: `1-socket`.
    pub phases: BTreeMap<String, PhaseProgress>,
}

/// One phase.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
pub struct PhaseProgress {
    /// When all its checks first passed.
    pub passed: Option<String>,
    /// The failure that the last run ended with; none if it passed.
    pub failure: Option<LastFailure>,
}

/// What `hint` speaks about.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LastFailure {
    /// The check's id.
    pub check: String,
    /// As `1.4`.
    pub step: String,
    /// The check whose hints are shown, where it is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hinted: Option<String>,
    /// What it saw.
    pub observed: Observed,
    /// How many rungs of its hint were shown.
    pub rung: usize,
    /// The earlier phase that has to be finished first, if it ran into a step of that one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits_for: Option<u8>,
}

impl PhaseProgress {
    /// Passed once, and failing now.
    pub fn broken(&self) -> bool {
        self.passed.is_some() && self.failure.is_some()
    }
}

impl Progress {
    /// Reads the file; a clone without one has no progress.
    ///
    /// # Errors
    ///
    /// The file is there and cannot be understood.
    pub fn load(project: &Project) -> Result<Self> {
        match fs::read_to_string(path(project)) {
            Ok(text) => serde_json::from_str(&text).with_context(|| {
                format!("{} cannot be understood; mend it, or delete it to begin anew", path(project).display())
            }),
            Err(_) => Ok(Self::default()),
        }
    }

    /// Writes the file.
    ///
    /// # Errors
    ///
    /// Whatever the file system refuses.
    pub fn save(&self, project: &Project) -> Result<()> {
        write_if_changed(&path(project), (serde_json::to_string_pretty(self)? + "\n").as_bytes())
    }

    /// What is known of a phase.
    pub fn of(&self, phase: &Phase) -> PhaseProgress {
        self.phases.get(&folder_name(phase)).cloned().unwrap_or_default()
    }

    /// Notes how a run of all checks ended. The rungs already shown are kept while the failure stays the same.
    pub fn note(&mut self, phase: &Phase, failure: Option<(&CheckReport, &Failed)>) {
        let entry = self.phases.entry(folder_name(phase)).or_default();
        match failure {
            None => {
                entry.failure = None;
                entry.passed.get_or_insert_with(now);
            }
            Some((report, failed)) => {
                let (observed, waits_for) = (failed.observed, waits_for(phase, failed));
                let (check, step) = (report.check.clone(), report.step.clone());
                let hinted = Some(hinted(phase, report, failed)).filter(|hinted| **hinted != check).map(str::to_owned);
                let same = |old: &LastFailure| (&old.check, &old.hinted, old.observed) == (&check, &hinted, observed);
                let rung = entry.failure.as_ref().filter(|old| same(old)).map_or(1, |old| old.rung.max(1));
                entry.failure = Some(LastFailure { check, step, hinted, observed, rung, waits_for });
            }
        }
    }

    /// Notes that some checks were run by themselves. One that passes has been mended: should it fail again, its hint begins anew.
    pub fn mended(&mut self, phase: &Phase, reports: &[CheckReport]) {
        let failure = self.phases.get_mut(&folder_name(phase)).and_then(|entry| entry.failure.as_mut());
        let passed = |check: &str| {
            reports.iter().any(|report| report.check == check && matches!(report.outcome, Outcome::Passed))
        };
        if let Some(failure) = failure.filter(|failure| passed(&failure.check)) {
            failure.rung = 1;
        }
    }

    /// Notes that another rung was shown.
    pub fn climbed(&mut self, phase: &Phase, rung: usize) {
        if let Some(failure) = self.phases.get_mut(&folder_name(phase)).and_then(|entry| entry.failure.as_mut()) {
            failure.rung = rung;
        }
    }
}

/// The earlier phase in whose unfinished step this failure ended: nothing of `phase` itself was looked at.
pub fn waits_for(phase: &Phase, failed: &Failed) -> Option<u8> {
    let todo = failed.nodes.iter().find_map(|node| node.todo.as_ref())?;
    let (below, _) = todo.step.split_once('.')?;
    below.parse().ok().filter(|below| *below < phase.number)
}

/// The check whose hints fit: where a `todo!` was reached, one of that step. A check of an earlier step may be the first to run
/// into it.
pub fn hinted<'a>(phase: &Phase, report: &'a CheckReport, failed: &Failed) -> &'a str {
    let todo = failed.nodes.iter().find_map(|node| node.todo.as_ref());
    let of_step = |step: &str| phase.checks.iter().find(|check| format!("{}.{}", phase.number, check.step) == step);
    let own = todo.filter(|todo| todo.step != report.step).and_then(|todo| of_step(&todo.step));
    own.map_or(&report.check, |check| check.id)
}

/// Whether `check` passed in the last run of all checks; not where nothing is known of one.
pub fn passed_last(project: &Project, phase: &Phase, check: &str) -> bool {
    let text = fs::read_to_string(last_run(project, phase)).unwrap_or_default();
    let reports: Vec<CheckReport> = serde_json::from_str(&text).unwrap_or_default();
    reports.iter().any(|report| report.check == check && matches!(report.outcome, Outcome::Passed))
}

/// Keeps the last run's reports.
///
/// # Errors
///
/// Whatever the file system refuses.
pub fn keep_reports(project: &Project, phase: &Phase, reports: &[CheckReport]) -> Result<()> {
    write_if_changed(&last_run(project, phase), (serde_json::to_string_pretty(reports)? + "\n").as_bytes())
}

/// Now, as `2025-01-31T12:00:00Z`.
pub fn now() -> String {
    humantime::format_rfc3339_seconds(SystemTime::now()).to_string()
}

fn last_run(project: &Project, phase: &Phase) -> PathBuf {
    project.state().join(format!("last-{}.json", phase.number))
}

fn path(project: &Project) -> PathBuf {
    project.state().join("progress.json")
}

#[cfg(test)]
mod tests {
    use super::*;
    use checks::PHASES;
    use checks::report::{NodeReport, Todo};

    fn report(outcome: Outcome) -> CheckReport {
        let (check, step, title) = (String::from("echo-text"), String::from("1.1"), String::new());
        CheckReport { check, step, title, elapsed_ms: 0, outcome }
    }

    fn fails(progress: &mut Progress) -> usize {
        let (observed, expected) = (Observed::NothingArrived, String::new());
        let failed = Failed { observed, expected, story: Vec::new(), nodes: Vec::new() };
        let seen = report(Outcome::Failed(Box::new(failed.clone())));
        progress.note(PHASES[0], Some((&seen, &failed)));
        rung(progress)
    }

    fn rung(progress: &Progress) -> usize {
        progress.of(PHASES[0]).failure.map_or(0, |failure| failure.rung)
    }

    #[test]
    fn a_hint_begins_anew_when_its_check_was_green_in_between_by_itself_too() {
        let mut progress = Progress::default();
        assert_eq!(fails(&mut progress), 1);
        progress.climbed(PHASES[0], 3);
        assert_eq!(fails(&mut progress), 3, "nothing has changed");
        progress.mended(PHASES[0], &[report(Outcome::Passed)]);
        assert_eq!(fails(&mut progress), 1);
        progress.climbed(PHASES[0], 3);
        progress.note(PHASES[0], None);
        assert_eq!(fails(&mut progress), 1);
    }

    #[test]
    fn a_todo_has_the_hints_of_its_own_step_whichever_check_runs_into_it() {
        let hinted_at = |step: &str| {
            let todo = Some(Todo { step: step.to_owned(), text: String::new(), location: String::new() });
            let (name, state, last_lines) = (String::from("node"), String::from("running"), Vec::new());
            let nodes = vec![NodeReport { name, state, todo, panic: None, last_lines, lines_before: 0 }];
            let failed = Failed { observed: Observed::ReachedTodo, expected: String::new(), story: Vec::new(), nodes };
            hinted(PHASES[0], &report(Outcome::Passed), &failed).to_owned()
        };
        let first_of = |step| PHASES[0].checks.iter().find(|check| check.step == step).map(|check| check.id);
        assert_eq!(hinted_at("1.1"), "echo-text");
        assert_eq!(Some(hinted_at("1.2").as_str()), first_of(2));
    }
}
