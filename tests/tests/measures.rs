//! Every reference can be measured, and quickly: a learner waits for both programs, five rounds each.

mod common;

use std::time::{Duration, Instant};

use checks::{PHASES, measure};

/// For one program and one round, with other things going on; a tenth of it is usual.
const IN_TIME: Duration = Duration::from_secs(10);

#[test]
fn every_reference_has_figures() {
    for phase in PHASES {
        let binary = common::reference(phase.number, phase.name);
        let began = Instant::now();
        let figures = measure::run(phase.measures, [&binary], 1, common::brokers(phase).as_ref())
            .expect("a reference does what is measured");
        assert!(began.elapsed() < IN_TIME, "phase {} took {:?}", phase.number, began.elapsed());
        for (measure, [figures]) in phase.measures.iter().zip(figures) {
            let figure = figures.median();
            assert!(figure > 0.0, "phase {}, {}: {figure}", phase.number, measure.id);
        }
    }
}
