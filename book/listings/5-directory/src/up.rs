//! Which links are up.
// ANCHOR: step-5-1-which
// Step 5.1: one link a node: what if a new one comes up before the old one is known to be gone?
// ANCHOR_END: step-5-1-which
