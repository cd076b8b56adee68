//! Payloads that fill what is between a node and a client who does not read.

/// Large, so that the kernel's own buffers are soon full; within the default `--max-message`.
pub const LARGE_BYTES: usize = 60_000;
/// A mailbox with room for two of these in messages, and not for a third.
pub const ROOM_FOR_TWO: [&str; 2] = ["--mailbox-bytes", "131072"];

/// A large payload, which begins with its number.
pub fn large(number: usize) -> String {
    let number = number.to_string();
    format!("\"{number} {}\"", "x".repeat(LARGE_BYTES - number.len()))
}
