//! What the tests against references share; each uses a part of it.
#![allow(dead_code)]

use std::path::{Path, PathBuf};
use std::process::Command;

use checks::Phase;
use checks::harness::Brokers;

/// The binary that `ROUTER_REFERENCE_N` names, or the reference of phase `N`, built.
pub fn reference(number: u8, name: &str) -> PathBuf {
    let named = std::env::var_os(format!("ROUTER_REFERENCE_{number}"));
    named.map_or_else(|| build(number, name), PathBuf::from)
}

/// The Kafka broker for checks, built, where the phase needs it.
pub fn brokers(phase: &Phase) -> Option<Brokers> {
    phase.kafka.then(|| Brokers { program: built("../Cargo.toml", "broker", "broker"), shared: Vec::new() })
}

fn build(number: u8, name: &str) -> PathBuf {
    built("../solutions/Cargo.toml", &format!("solution-{number}-{name}"), &format!("solution-{number}"))
}

fn built(manifest: &str, package: &str, binary: &str) -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join(manifest);
    let status = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--package", package, "--manifest-path"])
        .arg(manifest)
        .status()
        .expect("cargo runs: it runs this test");
    assert!(status.success(), "{package} does not build");
    // The test's own binary is in TARGET/PROFILE/deps; the references are always built in the dev profile.
    let own = std::env::current_exe().expect("a test knows its own path");
    let target = own.ancestors().nth(3).expect("TARGET/PROFILE/deps/test");
    target.join("debug").join(binary)
}
