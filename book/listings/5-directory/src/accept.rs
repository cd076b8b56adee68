//! Who knocks, and who is let in.
// ANCHOR: step-5-1-accept
// Step 5.1: upgrade, know the peer by its headers, wait until the view agrees, ask for a proof, run the link
// ANCHOR_END: step-5-1-accept
