//! Cuts starters, course variants and book listings out of the references.
//!
//! - [`marks`]: the grammar of the marks, and what a marked file looks like once parsed.
//! - [`cut`]: renders a parsed file as it stands after step `k`, without step `s`, or as a listing for the book.
//! - [`folder`]: does so for a whole `solutions/N-name` folder, manifest included.
//! - [`pristine`]: the hashes that tell a starter from what a learner made of it.

pub mod cut;
pub mod folder;
pub mod marks;
pub mod pristine;

pub use cut::Cut;
pub use folder::Generated;
