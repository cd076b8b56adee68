//! How two nodes prove to each other that they know the cookie.
// ANCHOR: step-5-1-handshake
// Step 5.1: both challenge, both answer, both look at the answer: `contract::link` has the challenge and its answer
// ANCHOR_END: step-5-1-handshake
