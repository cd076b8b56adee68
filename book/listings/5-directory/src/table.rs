//! The rows of all other nodes, as each of them has told.
// ANCHOR: step-5-2-table
// Step 5.1: not needed yet; in 5.2: what each node has said of itself, and by user where a message has to go
// ANCHOR_END: step-5-2-table
