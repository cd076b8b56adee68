//! Point 1: what is generated is up to date, rustfmt leaves every cut alone, and the two workspaces agree.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use checks::Phase;

use super::Report;
use crate::cargo;
use crate::commands::generate::Everything;
use crate::generator::{Cut, Generated};
use crate::project::{Project, folder_name};

/// Later phases need crates (librdkafka among them) that the tutor must never compile.
const LAST_WITHOUT_C: u8 = 2;

/// Notes all of point 1.
pub fn run(project: &Project, phases: &[&Phase], report: &mut Report) {
    report.note(1, "starters, hashes and listings are as generated", up_to_date(project));
    report.note(1, "both workspaces declare the same dependencies", same_tables(project));
    report.note(1, "both lockfiles agree on what they share", same_versions(project));
    for phase in phases.iter().filter(|phase| phase.number <= LAST_WITHOUT_C) {
        let name = format!("{}: the tutor has compiled all that it needs", folder_name(phase));
        report.note(1, &name, same_features(project, phase));
    }
    for phase in phases {
        let name = format!("{}: rustfmt leaves every cut alone", folder_name(phase));
        report.note(1, &name, formatted(project, phase));
    }
}

fn up_to_date(project: &Project) -> Result<()> {
    let stale = Everything::of(project)?.stale(project)?;
    ensure!(stale.is_empty(), "{}\n{FRIENDLY}", stale.join("\n"));
    Ok(())
}

/// The lines of `[workspace.dependencies]` that name a version; paths differ by nature.
fn same_tables(project: &Project) -> Result<()> {
    let (root, solutions) = (table(&project.root)?, table(&project.solutions())?);
    for (name, line) in &solutions {
        let other = root.get(name).with_context(|| format!("only solutions/Cargo.toml has `{name}`"))?;
        ensure!(other == line, "they differ:\n  Cargo.toml            {other}\n  solutions/Cargo.toml  {line}");
    }
    Ok(())
}

fn table(workspace: &Path) -> Result<BTreeMap<String, String>> {
    let manifest = fs::read_to_string(workspace.join("Cargo.toml"))?;
    let lines = manifest.lines().skip_while(|line| *line != "[workspace.dependencies]").skip(1);
    let lines = lines.take_while(|line| !line.starts_with('[')).filter(|line| !line.contains("path = "));
    let named = lines.filter_map(|line| Some((line.split_once(" = ")?.0.to_owned(), line.to_owned())));
    Ok(named.filter(|(name, _)| !name.starts_with('#')).collect())
}

fn same_versions(project: &Project) -> Result<()> {
    let (root, solutions) = (locked(&project.root)?, locked(&project.solutions())?);
    for (name, versions) in solutions.iter().filter(|(name, _)| !name.starts_with("solution-")) {
        let others = root.get(name).cloned().unwrap_or_default();
        let known = versions.iter().all(|version| others.contains(version));
        ensure!(
            known,
            "{name} is {} in solutions/Cargo.lock, {} in Cargo.lock",
            versions.join(", "),
            others.join(", ")
        );
    }
    Ok(())
}

fn locked(workspace: &Path) -> Result<BTreeMap<String, Vec<String>>> {
    let lock = fs::read_to_string(workspace.join("Cargo.lock")).context("a lockfile is missing")?;
    let mut versions = BTreeMap::<String, Vec<String>>::new();
    let value = |line: &str, key: &str| Some(line.strip_prefix(key)?.trim_matches('"').to_owned());
    let mut lines = lock.lines();
    while let Some(line) = lines.next() {
        if let Some(name) = value(line, "name = ")
            && let Some(version) = lines.next().and_then(|line| value(line, "version = "))
        {
            versions.entry(name).or_default().push(version);
        }
    }
    Ok(versions)
}

/// A crate that the tutor and a phase want with different features is compiled twice, and the first verdict takes twice as long.
fn same_features(project: &Project, phase: &Phase) -> Result<()> {
    let package = format!("phase-{}", folder_name(phase));
    let (tutor, phase) = (features(project, "tutor")?, features(project, &package)?);
    let others: Vec<_> = phase.difference(&tutor).filter(|line| !line.starts_with("phase-")).cloned().collect();
    ensure!(others.is_empty(), "the tutor's tree lacks, or has with other features:\n  {}", others.join("\n  "));
    Ok(())
}

/// Every crate that a package is built from, with its features.
fn features(project: &Project, package: &str) -> Result<BTreeSet<String>> {
    let mut tree = cargo::command(&project.root);
    tree.args(["tree", "--package", package, "--edges", "no-dev", "--prefix", "none", "--format", "{p} [{f}]"]);
    let output = tree.output().context("cannot start cargo")?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines =
        String::from_utf8_lossy(&output.stdout).lines().map(|line| line.trim_end_matches(" (*)").to_owned()).collect();
    Ok(lines)
}

fn formatted(project: &Project, phase: &Phase) -> Result<()> {
    let steps = phase.steps.len() as u8;
    let cuts = (0..=steps).map(Cut::After);
    for cut in cuts {
        let folder = project.scratch().join("formatted").join(folder_name(phase));
        Generated::cut(&project.reference(phase), phase, cut)?.write_to(&folder)?;
        rustfmt(project, &folder).with_context(|| format!("{cut:?}"))?;
    }
    Ok(())
}

fn rustfmt(project: &Project, folder: &Path) -> Result<()> {
    let mut rustfmt = Command::new("rustfmt");
    rustfmt.args(["--check", "--color", "never", "--edition", "2024", "--config-path"]).arg(&project.root);
    for path in crate::generator::folder::files_below(folder)?
        .iter()
        .filter(|path| path.extension().is_some_and(|end| end == "rs"))
    {
        rustfmt.arg(folder.join(path));
    }
    let output = rustfmt.output().context("cannot start rustfmt")?;
    ensure!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

const FRIENDLY: &str = "\
`cargo tutor generate` writes them from solutions/. If these files are your solution to a phase: congratulations! Keep it in
your own clone or fork; upstream has to stay as learners find it.";
