//! The kinds of worlds, and the deliberate mistakes in them.

use clap::ValueEnum;
use lessor_core::{BeyondLimit, Terms};

use crate::support::limited;

/// The kinds of worlds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// One server.
    OneServer,
    /// Two servers on one store.
    TwoServers,
    /// One server, and both clients belong to one subscriber, which may have one lease.
    OneLeaseForBoth,
    /// Like `OneLeaseForBoth`, but a new lease replaces the other.
    TheNewerOfBoth,
}

/// A deliberate mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mistake {
    /// The reply is sent before storage has answered.
    AckBeforeFlush,
    /// The engine does not know the limit.
    LimitNotChecked,
    /// Quarantined addresses are forgotten at a restart.
    QuarantineForgotten,
    /// The engine treats a change that storage could not commit as committed.
    FailedChangeTakenForMade,
    /// Storage does not compare.
    BlindWrites,
}

impl Kind {
    pub(crate) const ALL: [Self; 4] =
        [Self::OneServer, Self::TwoServers, Self::OneLeaseForBoth, Self::TheNewerOfBoth];

    pub(super) const fn servers(self) -> usize {
        if matches!(self, Self::TwoServers) { 2 } else { 1 }
    }

    pub(super) fn terms(self) -> Terms {
        match self {
            Self::OneServer | Self::TwoServers => Terms::default(),
            Self::OneLeaseForBoth => limited("s", 1, BeyondLimit::Refuse),
            Self::TheNewerOfBoth => limited("s", 1, BeyondLimit::ReplaceOldest),
        }
    }
}

impl Mistake {
    pub(crate) const ALL: [Self; 5] = [
        Self::AckBeforeFlush,
        Self::LimitNotChecked,
        Self::QuarantineForgotten,
        Self::FailedChangeTakenForMade,
        Self::BlindWrites,
    ];
}
