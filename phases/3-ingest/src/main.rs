//! A node of phase 3.

use std::process::ExitCode;
use std::sync::Arc;

use contract::{Parts, Seams, Speaks};
use ingest::Consumer;
use registry::Registry;

fn main() -> ExitCode {
    contract::run_with_ingest(Consumer, |_config| {
        let registry = Arc::new(Registry::default());
        let seams = Seams { presence: registry.clone(), deliver: registry };
        Parts { serve: Arc::new(socket::Sockets), speaks: Speaks::Gateway(seams) }
    })
}
