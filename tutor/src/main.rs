//! `cargo tutor …`: everything is in the library, so that tests can reach it.

use std::process::ExitCode;

fn main() -> ExitCode {
    tutor::run(std::env::args_os())
}
