//! Apache Kafka, through the real binary: `cargo test -p broker --test real -- --ignored`. It takes seconds, needs Java 17 and, the
//! first time, Maven.

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use checks::harness::broker::Broker;
use checks::harness::eventually;
use common::start;

#[tokio::test]
#[ignore = "needs Java 17 and Maven: where they are, `cargo tutor test` runs it"]
async fn is_a_broker_like_the_mock_cluster() {
    let broker = start_real().await;
    common::reads_back(&broker).await.expect("what was written");
    common::partitions_as_java(&broker).await.expect("where it belongs");
    common::tells_what_is_committed(&broker).await.expect("what was committed");
    common::tells_what_is_wrong(&broker).await.expect("what is wrong");
    common::goes_and_comes_back(&broker).await.expect("it comes back");
    assert!(broker.delay(Duration::ZERO).await.is_err(), "only the mock cluster does that");

    let process = broker.process().expect("it was started here");
    let folder = folder(process.id());
    assert!(folder.is_dir());
    process.terminate();
    assert_eq!(process.exited().await.code(), Some(0));
    assert_eq!(left(&folder), Ok(()));
}

#[tokio::test]
#[ignore = "needs Java 17 and Maven: where they are, `cargo tutor test` runs it"]
async fn nothing_is_left_when_it_is_killed() {
    let broker = start_real().await;
    let process = broker.process().expect("it was started here");
    let folder = folder(process.id());
    process.kill();
    process.exited().await;
    eventually(Duration::from_secs(10), || async { left(&folder) }).await.expect("all is gone");
}

async fn start_real() -> Broker {
    // Where the tutor has it too, so that it is fetched once.
    let cache = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tools");
    start(&["--real", "--cache", &cache.display().to_string()]).await
}

fn folder(process: i32) -> PathBuf {
    std::env::temp_dir().join(format!("kafka-{process}"))
}

/// The folder is gone, and so is each process that speaks of it.
fn left(folder: &Path) -> Result<(), String> {
    let output = Command::new("ps").args(["-A", "-o", "args="]).output().expect("every Unix has ps");
    let name = folder.display().to_string();
    let processes = String::from_utf8_lossy(&output.stdout).lines().filter(|line| line.contains(&name)).count();
    if processes == 0 && !folder.exists() { Ok(()) } else { Err(format!("{processes} processes, or {name}")) }
}
