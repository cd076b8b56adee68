//! What nodes say to each other: packets, in batches, after both have proved that they know the cookie.
//!
//! - [`packet`]: what can be said. [`codec`]: in which bytes. [`batch`]: how packets travel. [`proof`]: how a node shows that it belongs to the cluster.
//!
//! Whoever carries packets, by a link of its own or by somebody else's broker, implements [`Forward`](crate::Forward).

pub mod batch;
pub mod codec;
pub mod packet;
pub mod proof;

pub use batch::{Batch, Packets};
pub use codec::Malformed;
pub use packet::{Packet, Row, Snapshot};
pub use proof::{Challenge, Proof};

/// The version of all this, as the header `X-Protocol` says it.
pub const PROTOCOL: &str = "1";
/// The header that names the node which dials.
pub const NODE_HEADER: &str = "x-node-id";
/// The header that says which of its lives it is.
pub const INCARNATION_HEADER: &str = "x-incarnation";
/// The header that says which version it speaks.
pub const PROTOCOL_HEADER: &str = "x-protocol";
/// Where a node takes links.
pub const PATH: &str = "/link";
/// A batch has at most so many bytes more than `--max-message`: besides a message, other packets that were waiting, or a part of
/// a snapshot. Whoever gets a larger one ends the link.
pub const BATCH_BESIDES: usize = 256 * 1024;
