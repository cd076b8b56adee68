//! Whom this node dials, again and again.
// ANCHOR: step-5-1-dial
// Step 5.1: a task for each live member with a greater name: dial, prove, run the link, wait a little longer each time
// ANCHOR_END: step-5-1-dial
