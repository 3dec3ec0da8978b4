//! Mistakes that the server makes on purpose, to test the auditor.
//!
//! Each is a mistake that a server could make around the engine, or that has the effect of one in it.
//! Not here: how they are found. Invariant: without a defect, nothing of this has an effect.

use clap::ValueEnum;

/// One mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Defect {
    /// The reply leaves before storage has answered.
    AckBeforeFlush,
    /// The engine is not told of a subscriber's limit that holds for the client.
    LimitNotChecked,
    /// Quarantined addresses are forgotten at a restart.
    QuarantineForgotten,
    /// After a flush that failed, the engine is told that the change was made.
    FailedChangeTakenForMade,
    /// Storage makes changes without a look at the record that they were built on.
    BlindWrites,
    /// Leases of one client in four are forgotten at a restart.
    LeasesForgotten,
    /// Storage makes the changes of one of two servers without such a look, so that both give an
    /// address to a client.
    AddressGivenByBoth,
    /// One of two servers decides a RELEASE or DECLINE again after a conflict, although the client may
    /// have a new lease of the address from the other.
    EndedAgainAfterConflict,
}

impl Defect {
    /// Every defect.
    pub(super) const ALL: [Self; 8] = [
        Self::AckBeforeFlush,
        Self::LimitNotChecked,
        Self::QuarantineForgotten,
        Self::FailedChangeTakenForMade,
        Self::BlindWrites,
        Self::LeasesForgotten,
        Self::AddressGivenByBoth,
        Self::EndedAgainAfterConflict,
    ];
}
