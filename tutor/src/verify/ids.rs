//! Point 7: steps, checks, hints, chapters and the catalogue speak of the same things.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context, Result, ensure};
use checks::{Observed, Phase};

use super::{Report, catalogue, catalogue_of};
use crate::generator::folder;
use crate::generator::marks::each_region;
use crate::hints::{Fit, Hints};
use crate::project::{Project, folder_name};
use crate::questions;

/// Code in a hint is long enough to help and too short to be the solution.
const CODE_LINES: std::ops::RangeInclusive<usize> = 5..=15;

/// Notes all of point 7 for one phase.
pub fn run(project: &Project, phase: &Phase, report: &mut Report) {
    let name = folder_name(phase);
    report.note(7, &format!("{name}: each step has checks, marks and a chapter section"), steps(project, phase));
    report.note(7, &format!("{name}: hints name what exists"), hints(phase));
    report.note(7, &format!("{name}: each check and each catalogued failure has a hint"), coverage(project, phase));
    report.note(7, &format!("{name}: a question, asked in the chapter, and figures"), afterwards(project, phase));
}

fn steps(project: &Project, phase: &Phase) -> Result<()> {
    let ids: BTreeSet<_> = phase.checks.iter().map(|check| check.id).collect();
    ensure!(ids.len() == phase.checks.len(), "two checks have the same id");
    let marked = marked_steps(project, phase)?;
    let chapter = format!("book/src/{}.md", folder_name(phase));
    let text = fs::read_to_string(project.root.join(&chapter)).with_context(|| format!("cannot read {chapter}"))?;
    for (step, number) in phase.steps.iter().zip(1..) {
        let name = format!("{}.{number}", phase.number);
        ensure!(phase.checks.iter().any(|check| check.step == number), "step {name} has no check");
        ensure!(marked.contains(&number), "step {name} has no BEFORE in {}", project.shown(&project.reference(phase)));
        ensure!(has_heading(&text, &name), "no heading of {chapter} names `Step {name}`");
        ensure!(
            project.reference(phase).join(step.file).is_file(),
            "step {name} names {}, which is not there",
            step.file
        );
    }
    let beyond = marked.iter().find(|step| usize::from(**step) > phase.steps.len());
    ensure!(beyond.is_none(), "the marks speak of step {}.{}, which there is not", phase.number, beyond.unwrap_or(&0));
    Ok(())
}

fn has_heading(chapter: &str, step: &str) -> bool {
    let wanted = format!("Step {step}");
    chapter.lines().any(|line| line.starts_with('#') && line.contains(&wanted))
}

fn marked_steps(project: &Project, phase: &Phase) -> Result<BTreeSet<u8>> {
    let (mut steps, mut names) = (BTreeSet::new(), BTreeSet::new());
    let mut twice = None;
    for (_, pieces) in folder::sources(&project.reference(phase), phase)? {
        each_region(&pieces, &mut |region| {
            steps.extend(region.befores.iter().map(|body| body.step));
            if !names.insert(region.name.clone()) {
                twice = Some(region.name.clone());
            }
        });
    }
    ensure!(twice.is_none(), "the region `{}` stands twice", twice.unwrap_or_default());
    Ok(steps)
}

fn hints(phase: &Phase) -> Result<()> {
    let hints = Hints::of(phase)?;
    for hint in hints.all() {
        let known = hint.key.checks.iter().all(|id| phase.checks.iter().any(|check| check.id == id));
        ensure!(known, "`## {}` names a check that does not exist", hint.key);
        let observed = hint.key.observed.as_deref();
        let known = observed.is_none_or(|id| Observed::ALL.iter().any(|observed| observed.id() == id));
        ensure!(known, "`## {}` names an observation that does not exist", hint.key);
        let lines = hint.code().len();
        ensure!(CODE_LINES.contains(&lines), "`## {}` has {lines} lines of code; a few means {CODE_LINES:?}", hint.key);
    }
    let noted: Vec<_> = hints.own().steps.iter().map(|note| note.step.clone()).collect();
    let steps: Vec<_> = (1..=phase.steps.len()).map(|step| format!("{}.{step}", phase.number)).collect();
    ensure!(noted == steps, "the hints have `# step` sections for {noted:?}; the phase has {steps:?}");
    Ok(())
}

fn coverage(project: &Project, phase: &Phase) -> Result<()> {
    let hints = Hints::of(phase)?;
    let fits =
        |check: &str, observed: Observed| hints.find(check, observed).is_some_and(|(_, fit)| fit > Fit::LastResort);
    for check in phase.checks {
        let own = hints.all().any(|hint| hint.key.checks.iter().any(|id| id == check.id));
        ensure!(own, "the check `{}` has no hint of its own", check.id);
    }
    for mistake in catalogue::entries(&catalogue_of(project, phase), phase)? {
        for (check, observed) in mistake.failures() {
            ensure!(fits(check, observed), "{}: no hint for `{check} / {observed}`", mistake.name());
        }
    }
    Ok(())
}

/// What follows on green: the question with its answer and the debrief's paragraph, which `parse` holds complete, and the figures.
fn afterwards(project: &Project, phase: &Phase) -> Result<()> {
    let name = folder_name(phase);
    questions::of(phase)?;
    let included = format!("{{{{#include ../../tests/questions/{name}.md:question}}}}");
    let chapter = fs::read_to_string(project.root.join(format!("book/src/{name}.md")))?;
    ensure!(chapter.contains(&included), "the chapter does not ask the question: it has no `{included}`");
    ensure!(!phase.measures.is_empty(), "there is nothing to measure");
    let ids: BTreeSet<_> = phase.measures.iter().map(|measure| measure.id).collect();
    ensure!(ids.len() == phase.measures.len(), "two measures have the same id");
    Ok(())
}
