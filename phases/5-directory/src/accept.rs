//! Who knocks, and who is let in.
// Step 5.1: upgrade, know the peer by its headers, wait until the view agrees, ask for a proof, run the link
