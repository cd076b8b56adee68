//! The rows of all other nodes, as each of them has told.
// Step 5.1: not needed yet; in 5.2: what each node has said of itself, and by user where a message has to go
