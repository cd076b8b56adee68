//! A node of phase 3.

use std::process::ExitCode;
use std::sync::Arc;

use contract::{Parts, Seams, Speaks};
use ingest::Consumer;
use registry::Registry;

// What a record needs is allocated by the task that reads and freed by those that write: dear with glibc's allocator. It starts faster, though,
// and the checks start many nodes.
#[cfg(not(debug_assertions))]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    contract::run_with_ingest(Consumer, |_config| {
        let registry = Arc::new(Registry::default());
        let seams = Seams { presence: registry.clone(), deliver: registry };
        Parts { serve: Arc::new(socket::Sockets), speaks: Speaks::Gateway(seams) }
    })
}
