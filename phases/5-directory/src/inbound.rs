//! What one peer says.
// Step 5.1: not needed yet; in 5.2: what becomes of each packet, and of the peer when the link ends
