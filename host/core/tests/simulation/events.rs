//! Events that a simulation must reach, counted to show how much its seeds cover.
//!
//! Does not judge the events. Invariant: a run with many seeds has seen each event.

use std::ops::AddAssign;

/// Declares the events once: variant and words.
macro_rules! events {
    ($($variant:ident $words:literal,)*) => {
        /// An event that a simulation has to reach.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Event {
            $(#[doc = $words] $variant,)*
        }

        impl Event {
            /// Every event, in the order of the table.
            pub(super) const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// A description of the event.
            pub(super) const fn words(self) -> &'static str {
                match self { $(Self::$variant => $words,)* }
            }
        }
    };
}

events! {
    Acknowledged "leases acknowledged",
    AcknowledgedAtOnce "DISCOVERs answered with an ACK",
    Refused "NAKs",
    LimitRefused "refusals for a subscriber's limit",
    LimitChanged "limits that a policy changed",
    GaveWay "leases that gave way within their subscriber's limit",
    PassedOn "leases passed on to another device of their line",
    Kept "leases kept as they were for a while",
    Shortened "leases shortened in a pool with few addresses",
    Quarantined "addresses quarantined after a DECLINE",
    NotQuarantined "DECLINEs beyond the limit",
    QuarantinedOffered "quarantined addresses offered, for want of others",
    Released "leases released",
    Expired "leases whose end was noticed",
    Probed "decisions that waited for a probe",
    FoundInUse "addresses quarantined after a probe",
    Repeated "messages sent again",
    Lost "messages and replies lost",
    Late "messages that one server got later than another",
    Unserved "messages to a server that was down",
    Waited "decisions that waited for storage",
    WaitedAgain "repeated messages that storage had not answered yet",
    WaitedTooLong "waiting messages whose client had gone on",
    FailedUnwritten "batches that failed and were not written",
    FailedWritten "batches that failed and were written all the same",
    RefusedInDoubt "changes refused while storage was in doubt",
    Conflict "conflicts",
    DecidedAgain "decisions made again after a conflict",
    AnsweredOutOfOrder "answers heard out of order",
    AnsweredTwice "answers heard twice",
    NeverAnswered "changes that storage never answered",
    LandedAfterCrash "changes made after the server that wanted them had crashed",
    WrittenByStranger "records written by a server outside the simulation",
    Learnt "records learnt from the feed",
    LearntInFlight "records learnt of an address in flight",
    LearntTooLate "records on the feed that were known or superseded",
    NotFed "records that the feed lost",
    Crashed "crashes",
    CrashedAlone "crashes of one server while another served",
    ForgotRecords "starts without all records",
    StoodStill "starts at which the clock was not believed",
    Reloaded "reloads",
    PoolsMoved "reloads that moved leases out of their pools",
    ReservationsMoved "reloads that moved a reservation onto a lease of another client",
    Differed "decisions while two servers had different configurations",
    OffersOfBoth "clients with offers of two servers",
    AcksOfBoth "clients with ACKs of two servers to one message",
    AckAndNak "clients with an ACK and a NAK of two servers to one message",
    OtherSelected "REQUESTs that take another server's offer",
    AddedByHand "leases that an operator added",
    EndedByHand "leases and quarantines that an operator ended",
    MovedByHand "leases that an operator moved to another address",
    TookMoved "clients that took the address to which an operator moved them",
    RefusedByHand "changes of an operator that were refused",
    WaitedByHand "changes of an operator that waited for storage",
    ConflictByHand "changes of an operator that found a conflict",
    MadeBefore "changes of an operator that were made before",
    PoolsDrained "pools drained or opened",
    RenewedInDrained "leases extended in drained pools",
    ClocksDiffered "worlds in which the clocks of two servers differ",
}

/// How often each event occurred.
#[derive(Clone)]
pub(super) struct Counts([u64; Event::ALL.len()]);

impl Default for Counts {
    fn default() -> Self {
        Self([0; Event::ALL.len()])
    }
}

impl Counts {
    /// Counts an event.
    pub(super) fn note(&mut self, event: Event) {
        self.0[event as usize] += 1;
    }

    /// How often an event occurred.
    pub(super) const fn of(&self, event: Event) -> u64 {
        self.0[event as usize]
    }
}

impl AddAssign<&Self> for Counts {
    fn add_assign(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0).for_each(|(count, more)| *count += more);
    }
}
