//! A user's hold on a name, which ends by itself.

use contract::{ConnId, UserId};

use crate::Registry;

// ANCHOR: registration
/// One connection's registration. The connection owns it; however the connection ends — closed, lost, panicked, shut down — it is
/// dropped, and so nobody has to remember to unregister.
pub struct Registration {
    pub(crate) registry: Registry,
    pub(crate) user: UserId,
    pub(crate) conn: ConnId,
}

impl Drop for Registration {
    fn drop(&mut self) {
        // ANCHOR: step-2-3-drop
        // Step 2.3: leave nothing behind
        // ANCHOR_END: step-2-3-drop
    }
}
// ANCHOR_END: registration
