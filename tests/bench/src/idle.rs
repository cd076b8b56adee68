//! Memory per idle socket.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};
use checks::run::raise_file_limit;
use futures_util::{SinkExt, StreamExt};

use crate::subject::Subject;

/// Opens the sockets one after another, has each echo a frame, and prints what they cost.
pub async fn run(binary: &Path, sockets: usize) -> Result<()> {
    // Where it cannot be raised, the socket that finds no descriptor says so.
    raise_file_limit();
    let node = Subject::start(binary, &["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]).await?;
    let before = node.memory().await?;
    let start = Instant::now();
    let mut clients = Vec::with_capacity(sockets);
    for number in 1..=sockets {
        let mut client = node.connect().await.with_context(|| format!("socket {number} of {sockets}"))?;
        client.send("hello".into()).await?;
        client.next().await.context("the node closed the connection")??;
        clients.push(client);
    }
    let seconds = start.elapsed().as_secs_f64();
    let after = node.memory().await?;
    println!("idle sockets                {sockets}");
    println!("memory before, after        {before:.0} KiB, {after:.0} KiB");
    println!("memory per socket           {:.1} KiB", (after - before) / sockets as f64);
    println!("connect + one echo          {:.0} a second, one at a time", sockets as f64 / seconds);
    Ok(())
}
