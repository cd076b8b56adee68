//! One client talks to one node, from the start of the one to the end of both.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use checks::harness::process::{Process, describe};
use tokio::runtime::Builder;
use tokio::time::timeout;

use crate::scratch::Scratch;

/// A node that does not serve by then will not.
const READY: Duration = Duration::from_secs(10);
/// Longer than the patience that any client has with all that it tries, and with the start of a browser.
const DEADLINE: Duration = Duration::from_secs(90);
/// A node lets go of clients that do not answer its Close within a second.
const STOPPED: Duration = Duration::from_secs(5);
/// How a client begins the line of a thing that holds.
const HOLDS: &str = "✓ ";

/// Lets `client` talk to a node of its own, and gives the number of things that hold.
///
/// # Errors
///
/// Something does not hold, or one of the two did not come to its end: what they said.
pub fn talk(binary: &Path, client: &[OsString], options: &[OsString]) -> Result<usize> {
    let runtime = Builder::new_current_thread().enable_all().build().context("cannot start a runtime")?;
    let scratch = Scratch::new("clients")?;
    runtime.block_on(async {
        // From phase 4 on a node asks for a secret, or for leave to have none.
        let flags = ["--node", "n1", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--insecure"];
        let node = Process::start(binary, &flags).context("cannot start the node")?;
        let ready = timeout(READY, node.ready()).await.ok().flatten().and_then(|ready| ready.address("ws"));
        let Some(ws) = ready else { bail!("the node did not say where it serves\n{}", said(&node).join("\n")) };
        // By way of env(1), which becomes the client: what the client and its children write goes where it is removed.
        let mut args = vec![OsString::from("TMPDIR=")];
        args[0].push(scratch.path());
        args.extend_from_slice(client);
        args.extend([format!("ws://{ws}/ws").into(), node.id().to_string().into()]);
        args.extend_from_slice(options);
        let client = Process::start(Path::new("env"), &args).context("cannot start the client")?;
        let things = things(&client).await?;
        stopped(&node).await?;
        Ok(things)
    })
}

async fn things(client: &Process) -> Result<usize> {
    let in_time = timeout(DEADLINE, client.last_words()).await.is_ok();
    let (hold, rest): (Vec<_>, Vec<_>) = said(client).into_iter().partition(|line| line.starts_with(HOLDS));
    let rest = rest.join("\n");
    ensure!(in_time, "the client did not end within {} s\n{rest}", DEADLINE.as_secs());
    let status = client.exited().await;
    ensure!(status.success() && !hold.is_empty(), "{}\n{rest}", describe(status));
    Ok(hold.len())
}

/// The client has sent it SIGTERM.
async fn stopped(node: &Process) -> Result<()> {
    let Ok(status) = timeout(STOPPED, node.exited()).await else {
        bail!("the node did not stop within {} s of SIGTERM", STOPPED.as_secs())
    };
    ensure!(status.success(), "the node, asked to stop: {}\n{}", describe(status), said(node).join("\n"));
    Ok(())
}

fn said(process: &Process) -> Vec<String> {
    process.report("").last_lines
}
