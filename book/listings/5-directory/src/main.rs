//! A node of phase 5.

use std::process::ExitCode;
use std::sync::Arc;

use cluster::Gossiper;
use contract::{Linked, Parts, Seams, Speaks};
use directory::{DirectLinks, Router};
use ingest::Consumer;
use registry::Registry;

// What a record needs is allocated by the task that reads and freed by those that write: dear with glibc's allocator. It starts faster, though,
// and the checks start many nodes.
#[cfg(not(debug_assertions))]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    contract::run_linked(Gossiper, Consumer, DirectLinks::default(), |config, stats| {
        let registry = Arc::new(Registry::default());
        let router = Arc::new(Router::new(config, stats, registry.clone(), registry));
        let seams = Seams { presence: router.clone(), deliver: router.clone() };
        let parts = Parts { serve: Arc::new(socket::Sockets), speaks: Speaks::Gateway(seams) };
        Linked { parts, directory: router }
    })
}
