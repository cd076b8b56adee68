//! Apache Kafka itself: one node in a Java process, on ports of loopback, with its data in a temporary folder.

use std::collections::VecDeque;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rdkafka::consumer::{BaseConsumer, Consumer};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, ChildStderr, Command};

use crate::client::config;
use crate::maven;

/// On a busy machine, Java needs ten seconds; one that has not served by now will not.
const STARTED_WITHIN: Duration = Duration::from_secs(60);
/// Enough to hold the reason, which Java tells before its stack.
const LAST_LINES: usize = 12;
/// Any sixteen bytes would do; nobody else joins.
const CLUSTER_ID: &str = "Y291cnNlLWJyb2tlci0wMQ";
const SERVER_PROPERTIES: &str = include_str!("server.properties");
const GUARD: &str = include_str!("guard.sh");
/// Small, and quick to start rather than quick for ever.
const JAVA_OPTIONS: [&str; 4] =
    ["-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"];

/// A node, running or stopped. Dropping it kills the process and removes the data.
pub struct Real {
    jars: PathBuf,
    folder: PathBuf,
    address: SocketAddr,
    /// The process's guard.
    guard: Option<Child>,
}

impl Real {
    /// Makes a node and starts it, on a port of one's choice, or one of the system's if that is 0.
    ///
    /// # Errors
    ///
    /// What is missing, or the last words of a process that ended.
    pub async fn start(cache: &Path, port: u16) -> Result<Self> {
        let jars = maven::jars(cache).await?;
        let jars = jars.canonicalize().context("cannot tell where Kafka's jars are")?;
        let (port, controller) = free_ports(port).await?;
        let folder = std::env::temp_dir().join(format!("kafka-{}", std::process::id()));
        fs::create_dir(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut real = Self { jars, folder, address, guard: None };
        fs::write(real.properties(), properties(&real.folder, port, controller))?;
        real.format().await?;
        real.run().await?;
        Ok(real)
    }

    /// Where clients find it.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Starts the process, unless it runs, on the data that is there, and waits until it serves.
    ///
    /// # Errors
    ///
    /// The last words of a process that ended, or that it took too long.
    pub async fn run(&mut self) -> Result<()> {
        if self.guard.is_some() {
            return Ok(());
        }
        let stderr = self.spawn(&["kafka.Kafka"])?;
        let mut words = tokio::spawn(last_words(stderr));
        tokio::select! {
            serves = serves(self.address) => serves,
            words = &mut words => bail!("Kafka did not start:\n{}", words.unwrap_or_default()),
        }
    }

    /// Kills the process, if it runs; its data stays.
    ///
    /// # Errors
    ///
    /// Its guard is not there any more.
    pub async fn stop(&mut self) -> Result<()> {
        if self.guard.is_some() { self.keep().await.map(drop) } else { Ok(()) }
    }

    /// Kills the process and removes its data.
    pub async fn end(&mut self) {
        if let Some(mut guard) = self.guard.take() {
            drop(guard.stdin.take());
            // Nothing could be done if somebody else had ended it.
            let _ = guard.wait().await;
        }
    }

    /// Prepares the folder for a node.
    async fn format(&mut self) -> Result<()> {
        let tool = ["kafka.tools.StorageTool", "format", "--cluster-id", CLUSTER_ID, "--config"];
        let told = last_words(self.spawn(&tool)?).await;
        ensure!(self.keep().await?.success(), "Kafka cannot prepare {}:\n{told}", self.folder.display());
        Ok(())
    }

    /// Starts Java below a guard; gives its standard error.
    fn spawn(&mut self, command: &[&str]) -> Result<ChildStderr> {
        let mut guard = self.guarded(command).spawn().context("cannot start sh")?;
        let stderr = guard.stderr.take();
        self.guard = Some(guard);
        stderr.context("Java has no standard error")
    }

    /// Ends Java, if it has not ended, but keeps the folder; gives how it ended.
    async fn keep(&mut self) -> Result<ExitStatus> {
        let mut guard = self.guard.take().context("nothing runs")?;
        let mut stdin = guard.stdin.take().context("the guard has no standard input")?;
        stdin.write_all(b"keep\n").await.context("somebody else has killed Kafka's guard")?;
        drop(stdin);
        Ok(guard.wait().await?)
    }

    fn guarded(&self, command: &[&str]) -> Command {
        let mut sh = Command::new("sh");
        sh.args(["-c", GUARD, "guard.sh"]).arg(&self.folder).arg("java").args(self.java(command));
        sh.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).process_group(0);
        sh
    }

    /// Java's arguments; the last is the file of properties.
    fn java(&self, command: &[&str]) -> Vec<String> {
        let class_path = ["-cp".to_owned(), format!("{}/*", self.jars.display())];
        let words = JAVA_OPTIONS.iter().map(|word| (*word).to_owned()).chain(class_path);
        words
            .chain(command.iter().map(|word| (*word).to_owned()))
            .chain([self.properties().display().to_string()])
            .collect()
    }

    fn properties(&self) -> PathBuf {
        self.folder.join("server.properties")
    }
}

impl Drop for Real {
    fn drop(&mut self) {
        if let Some(mut guard) = self.guard.take() {
            drop(guard.stdin.take());
            // It ends as soon as it has killed and removed; nothing could be done if it were gone already.
            while matches!(guard.try_wait(), Ok(None)) {
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        // There may have been no guard, while the node was being made or stopped.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Two ports that nobody listens on. Somebody might before Kafka does, which it would tell.
async fn free_ports(port: u16) -> Result<(u16, u16)> {
    let broker =
        TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.with_context(|| format!("port {port} is taken"))?;
    let controller = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    Ok((broker.local_addr()?.port(), controller.local_addr()?.port()))
}

fn properties(folder: &Path, port: u16, controller: u16) -> String {
    let data = folder.join("data");
    format!(
        "node.id=1\nlisteners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}\n\
         controller.quorum.voters=1@127.0.0.1:{controller}\nlog.dirs={}\n{SERVER_PROPERTIES}",
        data.display()
    )
}

/// Waits until the broker answers a client.
async fn serves(address: SocketAddr) -> Result<()> {
    let asked = tokio::task::spawn_blocking(move || {
        let client: BaseConsumer = config(&address.to_string()).create()?;
        client.fetch_metadata(None, STARTED_WITHIN)
    });
    asked.await?.map(drop).context("Kafka does not answer")
}

/// Reads until the process has ended; its last lines.
async fn last_words(stderr: ChildStderr) -> String {
    let (mut lines, mut kept) = (BufReader::new(stderr).lines(), VecDeque::new());
    while let Ok(Some(line)) = lines.next_line().await {
        if kept.len() == LAST_LINES {
            kept.pop_front();
        }
        kept.push_back(line);
    }
    Vec::from(kept).join("\n")
}
