//! Apache Kafka from Maven Central: fetched once, by coordinates, into a folder that is kept.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use anyhow::{Context, Result, bail, ensure};
use tokio::process::Command;
use tokio::task::spawn_blocking;

/// The oldest Java that it runs on.
const JAVA: u32 = 17;
/// What to fetch: Kafka, and a logger that says on standard error why it did not start.
const POM: &str = include_str!("pom.xml");
/// The version in the pom, as the folder's name.
const FOLDER: &str = "kafka-4.1.1";

/// The folder with its jars, fetched if need be: by one process at a time, for which the others wait.
///
/// # Errors
///
/// What is missing, and what to do.
pub async fn jars(cache: &Path) -> Result<PathBuf> {
    java().await?;
    let jars = cache.join(FOLDER);
    if jars.is_dir() {
        return Ok(jars);
    }
    let _locked = lock(cache).await?;
    if !jars.is_dir() {
        fetch(cache, &jars).await?;
    }
    Ok(jars)
}

/// Held until the file is closed, by whatever end of the process.
async fn lock(cache: &Path) -> Result<File> {
    fs::create_dir_all(cache).with_context(|| format!("cannot make {}", cache.display()))?;
    let path = cache.join(format!("{FOLDER}.lock"));
    let file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    let locked = spawn_blocking(move || file.lock().map(|()| file)).await?;
    locked.with_context(|| format!("cannot lock {}", path.display()))
}

async fn java() -> Result<()> {
    // Java tells its version on standard error, as `openjdk version "17.0.15" 2025-04-15`.
    let output = Command::new("java").arg("-version").stdin(Stdio::null()).output().await.context(NO_JAVA)?;
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    let version = told.split('"').nth(1).and_then(|version| version.split(['.', '-']).next()?.parse::<u32>().ok());
    ensure!(output.status.success(), NO_JAVA);
    ensure!(
        version.is_none_or(|version| version >= JAVA),
        "this Java is too old: {}. {NO_JAVA}",
        told.lines().next().unwrap_or_default()
    );
    Ok(())
}

/// Into a folder beside it, which gets its name once it is whole.
async fn fetch(cache: &Path, jars: &Path) -> Result<()> {
    eprintln!("{FETCHING}");
    let partial = Partial(cache.join(format!("{FOLDER}.{}", std::process::id())));
    fs::create_dir_all(&partial.0).with_context(|| format!("cannot make {}", partial.0.display()))?;
    run_maven(&partial.0).await?;
    fs::rename(&partial.0, jars).context("cannot name the folder with Kafka's jars")
}

/// A folder that goes unless it gets another name.
struct Partial(PathBuf);

impl Drop for Partial {
    fn drop(&mut self) {
        // It has another name by now, or is of no use.
        let _ = fs::remove_dir_all(&self.0);
    }
}

async fn run_maven(folder: &Path) -> Result<()> {
    fs::write(folder.join("pom.xml"), POM)?;
    let mut maven = Command::new("mvn");
    maven.args([
        "--batch-mode",
        "--quiet",
        "dependency:copy-dependencies",
        "-DincludeScope=runtime",
        "-DoutputDirectory=.",
    ]);
    let maven = maven.current_dir(folder).stdin(Stdio::null()).kill_on_drop(true).output();
    let Output { status, stdout, .. } = maven.await.context(NO_MAVEN)?;
    if !status.success() {
        bail!("Maven could not fetch Kafka:\n{}", String::from_utf8_lossy(&stdout).trim_end());
    }
    Ok(())
}

const FETCHING: &str = "Fetching Apache Kafka 4.1.1 from Maven Central (43 MB, once) …";
const NO_JAVA: &str =
    "Apache Kafka needs Java 17 or newer: `apt-get install openjdk-17-jre-headless`, or `brew install openjdk`";
const NO_MAVEN: &str = "Maven fetches Apache Kafka, and is missing: `apt-get install maven`, or `brew install maven`";
