//! What only makes sense on a terminal.

use std::env;
use std::io::{self, IsTerminal, Write};

/// Erases the two lines that `cargo run` prints before it starts the tutor, if there is a terminal that shows them.
pub fn erase_cargo_lines() {
    let by_cargo = env::var("CARGO_PKG_NAME").as_deref() == Ok("tutor");
    let quiet = env::var_os("CARGO_TERM_QUIET").is_some();
    if by_cargo && !quiet && io::stderr().is_terminal() && io::stdout().is_terminal() {
        eprint!("\x1b[1A\x1b[2K\x1b[1A\x1b[2K");
    }
}

/// Clears the screen, if there is one.
pub fn clear() {
    if io::stdout().is_terminal() {
        print!("\x1b[2J\x1b[3J\x1b[H");
        flush();
    }
}

/// Prints a whole screen at once.
pub fn show(screen: &str) {
    let mut stdout = io::stdout().lock();
    // A reader that went away (`| head`) wants no more: nothing is left to be told to anybody.
    let _ = stdout.write_all(screen.as_bytes());
    let _ = stdout.flush();
}

/// Makes what was printed so far visible.
pub fn flush() {
    // As above.
    let _ = io::stdout().flush();
}
