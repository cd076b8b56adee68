//! Whom this node dials, again and again.
// Step 5.1: a task for each live member with a greater name: dial, prove, run the link, wait a little longer each time
