//! One link, from the proof to its end.
// Step 5.1: read and write side by side, until the peer goes, the view disagrees, or a newer link takes over
