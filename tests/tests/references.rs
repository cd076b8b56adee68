//! The same checks that a learner meets, run against the references.
//!
//! `ROUTER_REFERENCE_1=path/to/binary cargo test -p checks` tests any other binary that speaks the wire contract.

mod common;

use checks::{Options, Outcome, PHASES, Subject};

#[test]
fn every_reference_passes_its_checks() {
    for phase in PHASES {
        let subject = Subject { binary: common::reference(phase.number, phase.name) };
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
