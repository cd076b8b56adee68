//! Asks cargo to build one binary, and for the place where it stands.

use std::env;
use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use serde::Deserialize;

/// What to build, and how loudly.
#[derive(Debug, Clone)]
pub struct Build<'a> {
    /// The workspace's folder.
    pub workspace: &'a Path,
    /// The package, for `-p`.
    pub package: String,
    /// The binary, which a variant's own name may follow behind a dash.
    pub binary: String,
    /// With optimisations.
    pub release: bool,
    /// Let cargo's own progress through.
    pub loud: bool,
    /// Ask for coloured compiler messages.
    pub colour: bool,
}

/// How a build ended.
#[derive(Debug)]
pub struct Built {
    /// The binary, or why there is none.
    pub outcome: Outcome,
    /// From the start of cargo to its end.
    pub took: Duration,
}

/// The outcome of a build.
#[derive(Debug)]
pub enum Outcome {
    /// The binary's path, as cargo told it.
    Binary(PathBuf),
    /// The compiler's errors, or cargo's own words if there are none; ready to be shown.
    Errors(Vec<String>),
}

impl Built {
    /// The binary's path.
    ///
    /// # Errors
    ///
    /// The compiler's errors.
    pub fn binary(self) -> Result<PathBuf> {
        match self.outcome {
            Outcome::Binary(path) => Ok(path),
            Outcome::Errors(errors) => Err(anyhow!("it does not build:\n{}", errors.join("\n"))),
        }
    }
}

/// The cargo that runs us, or the one in the PATH.
pub fn command(workspace: &Path) -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")));
    cargo.current_dir(workspace);
    // What `cargo run` told us about the tutor is not true of what we build.
    for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("CARGO_PKG_")) {
        cargo.env_remove(name);
    }
    cargo
}

/// Where cargo puts binaries, most likely: only good for guessing whether a build will take long.
pub fn likely_binary(root: &Path, binary: &str, release: bool) -> PathBuf {
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    target.join(if release { "release" } else { "debug" }).join(binary)
}

impl Build<'_> {
    /// Runs cargo to its end.
    ///
    /// # Errors
    ///
    /// Cargo could not be started, or failed without a word of the compiler's. That the code does not compile is an outcome,
    /// not an error.
    pub fn run(&self) -> Result<Built> {
        let began = Instant::now();
        let mut child = self.command().spawn().context("cannot start cargo")?;
        let words = child.stderr.take().map(|stderr| thread::spawn(move || cargo_words(stderr)));
        let stdout = child.stdout.take().context("cargo has no standard output")?;
        let (binary, errors) = self.listen(stdout);
        let status = child.wait()?;
        let words = words.and_then(|thread| thread.join().ok()).map(|words| format!(":\n{words}")).unwrap_or_default();
        let outcome = match binary {
            Some(binary) if status.success() => Outcome::Binary(binary),
            _ if errors.is_empty() => {
                bail!("cargo could not build it{}", if self.loud { ": see above" } else { &words })
            }
            _ => Outcome::Errors(errors),
        };
        Ok(Built { outcome, took: began.elapsed() })
    }

    fn command(&self) -> Command {
        let mut cargo = command(self.workspace);
        let format = if self.colour { "json-diagnostic-rendered-ansi" } else { "json" };
        cargo.args(["build", "--package", &self.package, "--bins", "--message-format", format]);
        if self.release {
            cargo.arg("--release");
        }
        let stderr = if self.loud { Stdio::inherit() } else { Stdio::piped() };
        cargo.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(stderr);
        cargo
    }

    fn is_wanted(&self, binary: &str) -> bool {
        binary.strip_prefix(&self.binary).is_some_and(|variant| variant.is_empty() || variant.starts_with('-'))
    }

    /// Picks the executable and the errors out of cargo's messages.
    fn listen(&self, stdout: impl Read) -> (Option<PathBuf>, Vec<String>) {
        let (mut binary, mut errors) = (None, Vec::new());
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            let Ok(message) = serde_json::from_str::<Message>(&line) else { continue };
            match message {
                Message { executable: Some(path), target: Some(target), .. } if self.is_wanted(&target.name) => {
                    binary = Some(path);
                }
                // "aborting due to 1 previous error" has no place in the code: it tells nobody anything.
                Message { message: Some(said), .. } if said.level == "error" && !said.spans.is_empty() => {
                    errors.push(said.rendered);
                }
                _ => {}
            }
        }
        (binary, errors)
    }
}

#[derive(Deserialize)]
struct Message {
    executable: Option<PathBuf>,
    target: Option<Target>,
    message: Option<Diagnostic>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

#[derive(Deserialize)]
struct Diagnostic {
    level: String,
    #[serde(default)]
    rendered: String,
    #[serde(default)]
    spans: Vec<serde_json::Value>,
}

/// Keeps what a quiet cargo says, for the case that it fails without a word of the compiler's.
fn cargo_words(stderr: impl Read) -> String {
    let mut words = String::new();
    for line in BufReader::new(stderr).lines().map_while(Result::ok) {
        if line.trim_start().starts_with("Blocking") {
            eprintln!("{WAITING}");
        }
        words.push_str(&line);
        words.push('\n');
    }
    words
}

const WAITING: &str = "Another cargo is at work (an editor's, perhaps): waiting for it.";
