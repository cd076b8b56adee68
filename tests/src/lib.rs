//! The hidden tests: what the tutor runs against a learner's binary, and `cargo test` against the references.
//!
//! - [`check`]: what a phase and a check are.
//! - [`report`]: what a run says.
//! - [`observed`]: what a failed check has seen.
//! - [`run`]: runs a phase's checks side by side.
//! - [`measure`]: measures two nodes in turn. [`median`]: of several figures.
//! - [`client`]: a client that reconnects by itself.
//! - [`harness`]: nodes, clients, faults and the story of a check.
//! - [`phase1`] …: the checks, a module per phase; [`PHASES`] lists them.

pub mod check;
pub mod client;
pub mod harness;
pub mod measure;
pub mod median;
pub mod observed;
pub mod phase1;
pub mod phase2;
pub mod phase3;
pub mod phase4;
pub mod phase5;
pub mod report;
pub mod run;

pub use check::{Check, Phase, Step};
pub use harness::{Failure, World, kill_all};
pub use measure::Measure;
pub use observed::Observed;
pub use report::{CheckReport, Event, Failed, NodeReport, Outcome, Panic, Todo};
pub use run::{Options, Subject, run};

/// The phases that have checks, in order.
pub const PHASES: &[&Phase] = &[&phase1::PHASE, &phase2::PHASE, &phase3::PHASE, &phase4::PHASE, &phase5::PHASE];
