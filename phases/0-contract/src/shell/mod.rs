//! The shell around a node, written once for all phases: arguments, listeners, admin routes, signals, drain.
//!
//! - [`run`] is a phase's `main`; `running` has the parts that it starts and stops. `public` and `admin` (with `users` and `cluster`) are the two listeners, `http` what both serve on.
//! - `sockets` is the table of open connections, `upgrade` turns a request into one.
//! - `panics` ends the process at a `todo!("step …")`, and logs every other panic.

mod admin;
mod cluster;
mod error;
mod http;
mod panics;
mod public;
mod running;
mod sockets;
mod start;
mod stop;
mod upgrade;
mod users;

pub use start::{Linked, Parts, Speaks, run, run_in_cluster, run_linked, run_with_ingest};
