//! A node of phase 5.

use std::process::ExitCode;
use std::sync::Arc;

use cluster::Gossiper;
use contract::{Linked, Parts, Seams, Speaks};
use directory::{DirectLinks, Router};
use ingest::Consumer;
use registry::Registry;

fn main() -> ExitCode {
    contract::run_linked(Gossiper, Consumer, DirectLinks::default(), |config, stats| {
        let registry = Arc::new(Registry::default());
        let router = Arc::new(Router::new(config, stats, registry.clone(), registry));
        let seams = Seams { presence: router.clone(), deliver: router.clone() };
        let parts = Parts { serve: Arc::new(socket::Sockets), speaks: Speaks::Gateway(seams) };
        Linked { parts, directory: router }
    })
}
