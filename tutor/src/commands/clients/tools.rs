//! What the clients run on: where it is, and how to have it.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use crate::generator::folder::write_if_changed;
use crate::project::Project;

/// Under which names Chromium and its kin are installed.
const BROWSERS: &[&str] = &[
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
];

/// A client that no one here wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Client {
    /// A page in a headless browser, started and watched by a script for Node.
    Browser,
    /// Python's package `websockets`.
    Python,
    /// Node's package `ws`.
    Node,
}

impl Client {
    /// In the order in which they run.
    pub const ALL: [Self; 3] = [Self::Browser, Self::Python, Self::Node];

    /// For a line of the report.
    pub fn name(self) -> &'static str {
        match self {
            Self::Browser => "a page in Chromium",
            Self::Python => "Python's websockets",
            Self::Node => "Node's ws",
        }
    }

    /// The program and its script.
    ///
    /// # Errors
    ///
    /// Something that it needs is not there: says what, and what to type.
    pub fn command(self, project: &Project) -> Result<Vec<OsString>> {
        let scripts = project.root.join("tests/clients");
        let tools = tools(project);
        let command = match self {
            Self::Browser => vec![node()?, scripts.join("browser/drive.mjs")],
            Self::Python => {
                ensure!(has_websockets(project)?, "websockets is not installed: `cargo tutor setup`");
                vec![tools.join("venv/bin/python"), scripts.join("python/echo.py")]
            }
            Self::Node => {
                let node = node()?;
                ensure!(has_ws(project)?, "ws is not installed: `cargo tutor setup`");
                vec![node, scripts.join("node/echo.mjs")]
            }
        };
        Ok(command.into_iter().map(OsString::from).collect())
    }

    /// What else its script wants to know, after the node's address and process.
    ///
    /// # Errors
    ///
    /// As for [`Client::command`].
    pub fn options(self) -> Result<Vec<OsString>> {
        if self == Self::Browser { Ok(vec![browser()?.into()]) } else { Ok(Vec::new()) }
    }

    /// Installs what is missing and can be installed without asking, and says what it does.
    ///
    /// # Errors
    ///
    /// It is missing still: says what, and what to type.
    pub fn install(self, project: &Project) -> Result<()> {
        match self {
            Self::Browser if browser().is_err() && may_apt() => by_apt(),
            Self::Python if !has_websockets(project)? => by_pip(project)?,
            Self::Node if node().is_ok() && !has_ws(project)? => by_npm(project)?,
            _ => {}
        }
        self.options()?;
        self.command(project).map(drop)
    }
}

fn tools(project: &Project) -> PathBuf {
    project.root.join("target/tools")
}

fn node() -> Result<PathBuf> {
    ensure!(answers(Path::new("node")), "there is no node: `apt-get install nodejs npm`, or `brew install node`");
    Ok(PathBuf::from("node"))
}

fn browser() -> Result<PathBuf> {
    let found = BROWSERS.iter().map(PathBuf::from).find(|name| in_path(name));
    found.context("there is no Chromium: `apt-get install chromium`, or `brew install --cask chromium`")
}

/// The pinned version, in the course's own environment.
fn has_websockets(project: &Project) -> Result<bool> {
    let pinned = fs::read_to_string(requirements(project)).context("cannot read what Python's client needs")?;
    let print = "import websockets.version as v; print('websockets==' + v.version)";
    let output = Command::new(tools(project).join("venv/bin/python")).args(["-c", print]).output();
    Ok(output.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).trim() == pinned.trim()))
}

/// What npm has installed last, by its own record, is what is pinned.
fn has_ws(project: &Project) -> Result<bool> {
    let read = |path: PathBuf| serde_json::from_slice::<serde_json::Value>(&fs::read(path).ok()?).ok();
    let version = |lock: serde_json::Value| lock["packages"]["node_modules/ws"]["version"].as_str().map(str::to_owned);
    let pinned = read(package(project).join("package-lock.json")).and_then(version);
    ensure!(pinned.is_some(), "tests/clients/node/package-lock.json does not name ws");
    Ok(read(tools(project).join("node/node_modules/.package-lock.json")).and_then(version) == pinned)
}

fn requirements(project: &Project) -> PathBuf {
    project.root.join("tests/clients/python/requirements.txt")
}

fn package(project: &Project) -> PathBuf {
    project.root.join("tests/clients/node")
}

fn by_apt() {
    eprintln!("There is no Chromium: installing it, by apt-get …");
    let apt = |args: &[&str]| {
        let mut apt = Command::new("apt-get");
        ran(apt.args(args).env("DEBIAN_FRONTEND", "noninteractive").stdout(Stdio::null()))
    };
    let install = ["install", "-y", "-q", "--no-install-recommends", "chromium"];
    // The package lists of a fresh container are empty; whether it worked is looked at afterwards.
    let _ = apt(&install) || (apt(&["update", "-q"]) && apt(&install));
}

fn by_pip(project: &Project) -> Result<()> {
    eprintln!("Installing Python's websockets below target/tools/venv, by pip …");
    let venv = tools(project).join("venv");
    let made = venv.join("bin/pip").exists() || ran(Command::new("python3").args(["-m", "venv"]).arg(&venv));
    ensure!(made, "there is no Python 3 with venv: `apt-get install python3-venv`, or `brew install python`");
    let mut pip = Command::new(venv.join("bin/pip"));
    pip.args(["install", "--quiet", "--disable-pip-version-check", "--requirement"]).arg(requirements(project));
    ensure!(ran(&mut pip), "pip could not install websockets: see above");
    Ok(())
}

fn by_npm(project: &Project) -> Result<()> {
    eprintln!("Installing Node's ws below target/tools/node, by npm …");
    let place = tools(project).join("node");
    for name in ["package.json", "package-lock.json"] {
        write_if_changed(&place.join(name), &fs::read(package(project).join(name))?)?;
    }
    let mut npm = Command::new("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", "--prefix"]).arg(&place);
    if !ran(npm.stdout(Stdio::null())) {
        bail!("npm could not install ws: see above; if there is no npm, `apt-get install npm`");
    }
    Ok(())
}

fn may_apt() -> bool {
    let id = Command::new("id").arg("-u").output();
    let root = id.is_ok_and(|id| id.stdout.trim_ascii() == b"0");
    root && Path::new("/etc/debian_version").exists()
}

fn answers(program: &Path) -> bool {
    let mut command = Command::new(program);
    ran(command.arg("--version").stdout(Stdio::null()).stderr(Stdio::null()))
}

fn ran(command: &mut Command) -> bool {
    command.stdin(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// Looked for, not asked: a browser takes a second to tell its version.
fn in_path(program: &Path) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|folder| folder.join(program).is_file())
}
