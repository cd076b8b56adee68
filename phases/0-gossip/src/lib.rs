//! chitchat's transport, so that only those who know the cluster's cookie are heard, and everybody else is counted.
//!
//! A crate of its own, since chitchat compiles C: phases 1 to 3 never do.
//!
//! - [`seal`]: what travels, and who may have sent it. [`window`]: what has travelled before.
//! - [`socket`]: the socket that chitchat sends and receives on. [`books`]: who was heard, and who was turned away.
//! - [`metadata`]: how much a node may say of itself.

pub mod books;
pub mod metadata;
pub mod seal;
pub mod socket;
pub mod window;

mod bounded;

pub use books::{Peer, Rejected, Totals};
pub use chitchat;
pub use metadata::{TooMuch, within_limit};
pub use seal::{Reason, Seal};
pub use socket::{Gossip, Keyed};
