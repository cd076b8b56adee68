//! One outcome of several: a message that goes to more than one place.
// ANCHOR: step-5-6-shares
// Step 5.1: not needed yet; in 5.6: written anywhere is written; else the sender hears the worst that may have happened
// ANCHOR_END: step-5-6-shares
