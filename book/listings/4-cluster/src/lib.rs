//! Phase 4: failure detection is a guess with a dial.
//!
//! - [`gossiper`]: a node among others, one life after the other. [`life`]: one of them, from the first word to the goodbye.
//! - [`identity`]: which life this is, and whether somebody else lives it. [`strangers`]: who may speak with this node at all.
//! - [`members`]: what chitchat knows, as rows. [`dials`]: how soon a silent node is given up, and forgotten.
//! - [`seeds`]: where the others are found, and found again.

pub mod dials;
pub mod gossiper;
pub mod identity;
pub mod life;
pub mod members;
pub mod seeds;
pub mod strangers;

pub use gossiper::Gossiper;
