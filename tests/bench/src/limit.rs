//! How many sockets this process may have.

use rustix::process::{Resource, getrlimit, setrlimit};

/// What a process needs besides its sockets.
const OTHERS: u64 = 100;

/// Raises the limit of open files as far as it goes: each socket costs a descriptor here as well. Gives how many sockets fit, here
/// and in a node, which does the same.
pub fn raise_file_limit() -> usize {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // A limit that cannot be raised stays as it is.
    let _ = setrlimit(Resource::Nofile, limit);
    let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    usize::try_from(files.saturating_sub(OTHERS)).unwrap_or(usize::MAX)
}
