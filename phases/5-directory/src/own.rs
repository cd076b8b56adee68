//! The rows of this node: a user and a connection each. Nobody else writes them.
// Step 5.1: not needed yet; in 5.2: number each change, and keep the last ones for those who have not been told
