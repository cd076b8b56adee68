//! A peer: the way to it, and what it was asked and has not answered.
// ANCHOR: step-5-6-pending
// Step 5.1: not needed yet; in 5.6: a number for each message, and under it the sender who waits
// ANCHOR_END: step-5-6-pending
