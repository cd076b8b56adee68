//! Faults while traffic goes on, and an account of every message.
//!
//! - [`records`]: records stream from Kafka to users while the node is killed (phase 3).
//! - [`cluster`]: users talk while nodes are killed, paused and cut off (phase 5).

pub mod cluster;
pub mod records;
