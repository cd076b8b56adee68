//! Every reference can be measured.

mod common;

use checks::{PHASES, measure};

#[test]
fn every_reference_has_figures() {
    for phase in PHASES {
        let binary = common::reference(phase.number, phase.name);
        let figures = measure::run(phase.measures, [&binary], 1, common::brokers(phase).as_ref())
            .expect("a reference does what is measured");
        for (measure, [figures]) in phase.measures.iter().zip(figures) {
            let figure = figures.median();
            assert!(figure > 0.0, "phase {}, {}: {figure}", phase.number, measure.id);
        }
    }
}
