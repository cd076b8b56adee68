//! Phase 3: at-least-once is a decision about when you commit.
//!
//! - [`consumer`]: the loop that reads, and everything it waits for.
//! - [`record`]: what a record says, and what is wrong with it. [`dead`]: where the latter goes.
//! - [`lanes`]: a user's records, in order. [`answers`]: what becomes of them.
//! - [`ledger`]: what is decided, and how far that may be committed. [`commit`]: how far it is. [`room`]: how much may be undecided.
//! - [`pause`]: reading waits, when there is too much or when it is told to.
//! - [`settle`]: partitions come and go. [`trouble`]: Kafka does, too.
//! - [`client`]: how librdkafka is told all this.

pub mod answers;
pub mod client;
pub mod commit;
pub mod consumer;
pub mod dead;
pub mod lanes;
pub mod ledger;
pub mod pause;
pub mod record;
pub mod room;
pub mod settle;
pub mod trouble;

pub use consumer::Consumer;
