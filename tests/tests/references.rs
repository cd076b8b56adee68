//! The same checks that a learner meets, run against the references.
//!
//! `ROUTER_REFERENCE_1=path/to/binary cargo test -p checks` tests any other binary that speaks the wire contract.

use std::path::{Path, PathBuf};
use std::process::Command;

use checks::{Options, Outcome, PHASES, Phase, Subject};

#[test]
fn every_reference_passes_its_checks() {
    for phase in PHASES {
        let subject = Subject { binary: reference(phase) };
        let options = Options { seed: 1, all: true, ..Options::default() };
        let mut failures = Vec::new();
        checks::run(phase, &subject, &options, &mut |report| {
            if let Outcome::Failed(failed) = &report.outcome {
                failures.push(format!("{} {}: {failed:#?}", report.step, report.check));
            }
        });
        assert!(failures.is_empty(), "{}", failures.join("\n"));
    }
}

/// The binary that the environment names, or the reference, built.
fn reference(phase: &Phase) -> PathBuf {
    let named = std::env::var_os(format!("ROUTER_REFERENCE_{}", phase.number));
    named.map_or_else(|| build(phase), PathBuf::from)
}

fn build(phase: &Phase) -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../solutions/Cargo.toml");
    let package = format!("solution-{}-{}", phase.number, phase.name);
    let status = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--package", &package, "--manifest-path"])
        .arg(manifest)
        .status()
        .expect("cargo runs: it runs this test");
    assert!(status.success(), "{package} does not build");
    // The test's own binary is in TARGET/PROFILE/deps; the references are always built in the dev profile.
    let own = std::env::current_exe().expect("a test knows its own path");
    let target = own.ancestors().nth(3).expect("TARGET/PROFILE/deps/references");
    target.join("debug").join(format!("solution-{}", phase.number))
}
