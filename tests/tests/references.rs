//! The same checks that a learner meets, run against the references.
//!
//! `ROUTER_REFERENCE_1=path/to/binary cargo test -p checks` tests any other binary that speaks the wire contract.

mod common;

use checks::{Options, Outcome, PHASES, Subject};

#[test]
fn every_reference_passes_its_checks() {
    for phase in PHASES {
        let subject = Subject { binary: common::reference(phase.number, phase.name) };
        let options = Options { seed: 1, all: true, brokers: common::brokers(phase), ..Options::default() };
        let mut failures = Vec::new();
        checks::run(phase, &subject, &options, &mut |report| match &report.outcome {
            Outcome::Failed(failed) => failures.push(format!("{} {}: {failed:#?}", report.step, report.check)),
            Outcome::Skipped { why } if phase.kafka => failures.push(format!("{}: {why}", report.check)),
            _ => {}
        });
        assert!(failures.is_empty(), "{}", failures.join("\n"));
    }
}
