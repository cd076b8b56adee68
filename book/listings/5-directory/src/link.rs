//! One link, from the proof to its end.
// ANCHOR: step-5-1-link
// Step 5.1: read and write side by side, until the peer goes, the view disagrees, or a newer link takes over
// ANCHOR_END: step-5-1-link
