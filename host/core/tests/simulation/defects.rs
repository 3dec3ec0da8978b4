//! Deliberate defects of the server, to test the auditor.
//!
//! Each is a mistake that a server could make around the engine, or has the effect of a mistake in
//! the engine. Does not detect defects. Invariant: without a defect, nothing here has an effect.

use clap::ValueEnum;

/// One defect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Defect {
    /// The reply is sent before storage has answered.
    AckBeforeFlush,
    /// The engine does not get the limit of a client's subscriber.
    LimitNotChecked,
    /// The limit counts only leases that storage has confirmed: a grant that is in flight is
    /// checked too late to stop the next one.
    LimitCheckedTooLate,
    /// Quarantined addresses are forgotten at a restart.
    QuarantineForgotten,
    /// After a failed flush, the engine gets the result that the change was committed.
    FailedChangeTakenForMade,
    /// Storage commits changes without comparing the record on which they were built.
    BlindWrites,
    /// Leases of one client in four are forgotten at a restart.
    LeasesForgotten,
    /// Storage commits the changes of one of two servers without comparing, so that both servers
    /// give an address to a client.
    AddressGivenByBoth,
    /// One of two servers decides a RELEASE or DECLINE again after a conflict, although the client
    /// may have a new lease of the address from the other server.
    EndedAgainAfterConflict,
    /// Drained pools are forgotten at a restart.
    DrainForgotten,
}

impl Defect {
    /// Every defect.
    pub(super) const ALL: [Self; 10] = [
        Self::AckBeforeFlush,
        Self::LimitNotChecked,
        Self::LimitCheckedTooLate,
        Self::QuarantineForgotten,
        Self::FailedChangeTakenForMade,
        Self::BlindWrites,
        Self::LeasesForgotten,
        Self::AddressGivenByBoth,
        Self::EndedAgainAfterConflict,
        Self::DrainForgotten,
    ];
}
