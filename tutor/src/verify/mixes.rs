//! Point 9: each mix of a phase borrowed from the references with everything else as generated resolves and builds.

use std::fs;

use anyhow::{Context, Result, ensure};
use checks::{PHASES, Phase};

use super::Report;
use crate::cargo;
use crate::generator::folder::write_if_changed;
use crate::generator::{Cut, Generated};
use crate::project::{Project, folder_name};
use crate::variant::set_apart;

/// Notes one mix for each phase.
pub fn run(project: &Project, phases: &[&Phase], report: &mut Report) {
    for phase in phases {
        report.note(
            9,
            &format!("{}: everything else builds on the borrowed reference", folder_name(phase)),
            borrowed(project, phase),
        );
    }
}

fn borrowed(project: &Project, phase: &Phase) -> Result<()> {
    let root = project.scratch().join("mix");
    let manifest = fs::read_to_string(project.root.join("Cargo.toml"))?;
    write_if_changed(&root.join("Cargo.toml"), manifest_with(&manifest, project, phase).as_bytes())?;
    write_if_changed(&root.join("Cargo.lock"), &fs::read(project.root.join("Cargo.lock"))?)?;
    for other in PHASES {
        let starter = Generated::cut(&project.reference(other), other, Cut::After(0))?;
        let folder = root.join("phases").join(folder_name(other));
        starter.write_to(&folder)?;
        set_apart(&folder, other, "mix")?;
    }
    let output =
        cargo::command(&root).args(["check", "--workspace", "--quiet"]).output().context("cannot start cargo")?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

/// The root manifest with all phases as members, one of them pointed at its reference, and the given crates where they are.
fn manifest_with(manifest: &str, project: &Project, phase: &Phase) -> String {
    let members: Vec<_> = PHASES.iter().map(|phase| format!("\"phases/{}\"", folder_name(phase))).collect();
    let root = project.root.display();
    let lines = manifest.lines().filter(|line| !line.starts_with("exclude")).map(|line| {
        if line.starts_with("members") {
            return format!("members = [{}]", members.join(", "));
        }
        let Some((head, path)) = line.split_once("path = \"") else { return line.to_owned() };
        if line.starts_with(&format!("{} = ", phase.name)) {
            let name = folder_name(phase);
            return format!("{head}path = \"{root}/solutions/{name}\", package = \"solution-{name}\" }}");
        }
        let given = path.starts_with("phases/0-") || path.starts_with("tests");
        if given { format!("{head}path = \"{root}/{path}") } else { format!("{head}path = \"{}", own(path)) }
    });
    lines.map(|line| line + "\n").collect()
}

/// A phase that the learner borrowed is not borrowed here.
fn own(path: &str) -> String {
    path.replace("solutions/", "phases/").replace("package = \"solution-", "package = \"phase-")
}
