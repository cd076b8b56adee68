//! A node of phase 1.

use std::process::ExitCode;
use std::sync::Arc;

use contract::{Parts, Speaks};

fn main() -> ExitCode {
    contract::run(|_config| Parts { serve: Arc::new(socket::Sockets), speaks: Speaks::Own(Arc::new(socket::Echo)) })
}
