//! Which links are up.
// Step 5.1: one link a node: what if a new one comes up before the old one is known to be gone?
