//! What a client may send, what a connection costs while it is idle, and what a client is told when it breaks a rule.

use contract::{CloseCode, Config};
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use crate::closing::Ended;

/// Bytes read at once. The library clears the whole buffer before each read, so its default of 128 KiB costs every idle
/// connection that much memory, and every frame that much work.
const READ_BUFFER: usize = 4 * 1024;

/// Bytes gathered before they are handed to the kernel: several small frames in one system call, and not much to keep.
const WRITE_BUFFER: usize = 16 * 1024;

/// Sizes for the WebSocket library.
pub fn config(config: &Config) -> WebSocketConfig {
    // Step 1.3: the defaults allow messages of 64 MiB, and keep buffers of 128 KiB for each connection
    let _ = config;
    WebSocketConfig::default()
}

/// What an error of the library means for the connection; the library itself does not tell the client.
pub fn ended_by(error: &Error) -> Ended {
    // Step 1.3: too big, not WebSocket, not UTF-8: the client deserves to know which
    let _ = error;
    Ended::Lost
}
