//! How much a node may say of itself.

/// Bytes of a node's keys and values together. chitchat fills datagrams up to what UDP can carry and knows nothing of the seal; as
/// long as everything that all nodes say fits into one, there is room. With this limit that is so for well over 100 nodes.
pub const LIMIT: usize = 320;

/// What a node wants to say of itself is more than [`LIMIT`] bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooMuch {
    /// Bytes that it would take.
    pub bytes: usize,
}

impl std::fmt::Display for TooMuch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "a node may say {LIMIT} bytes of itself, and these are {}", self.bytes)
    }
}

impl std::error::Error for TooMuch {}

/// The same, if it is short enough.
///
/// # Errors
///
/// [`TooMuch`]; the same again will not do.
pub fn within_limit(key_values: Vec<(String, String)>) -> Result<Vec<(String, String)>, TooMuch> {
    let bytes = key_values.iter().map(|(key, value)| key.len() + value.len()).sum();
    if bytes > LIMIT { Err(TooMuch { bytes }) } else { Ok(key_values) }
}
