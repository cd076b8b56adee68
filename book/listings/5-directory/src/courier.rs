//! Brings the rows of this node to one peer.
// ANCHOR: step-5-2-courier
// Step 5.1: not needed yet; in 5.2: a task for each link, which waits for that link only
// ANCHOR_END: step-5-2-courier
