//! A node of phase 1.

use std::process::ExitCode;
use std::sync::Arc;

use contract::Parts;

fn main() -> ExitCode {
    contract::run(|_config| Parts { serve: Arc::new(socket::Sockets), protocol: Arc::new(socket::Echo) })
}
