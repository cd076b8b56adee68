//! What waits for a link, and what is on its way.
// ANCHOR: step-5-1-outbox
// Step 5.1: packets of many callers go into one batch, which the writer takes as a whole; what is not confirmed still counts
// ANCHOR_END: step-5-1-outbox
