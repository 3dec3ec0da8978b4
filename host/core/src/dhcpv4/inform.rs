//! INFORM: parameters for a client that has an address by other means (RFC 2131 section 4.3.5).
//!
//! Neither reads nor changes leases. Invariant: an INFORM has no changes.

use crate::Reason;

use super::{Decision, decider::Decider};

impl Decider<'_, '_> {
    /// Decides an INFORM.
    pub(super) fn inform(&self) -> Decision {
        let reply = Some(self.information());
        Decision { reply, ..Decision::of(Reason::AckInform) }
    }
}
