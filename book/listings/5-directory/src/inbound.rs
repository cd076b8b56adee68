//! What one peer says.
// ANCHOR: step-5-2-inbound
// Step 5.1: not needed yet; in 5.2: what becomes of each packet, and of the peer when the link ends
// ANCHOR_END: step-5-2-inbound
