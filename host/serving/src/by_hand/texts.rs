//! What the server says to operators about a change by hand.
//!
//! Decides nothing. Invariant: a refusal says what was found and what to do.

use lessor_core::{Obstacle, RefusalByHand, Timestamp};

use super::{Deed, NothingChanged};
use crate::clock::{self, written};

/// Why the engine refuses a change.
pub(super) fn refusal(refusal: &RefusalByHand) -> NothingChanged {
    match refusal {
        RefusalByHand::Obstacle { address, obstacle, holder, until } => {
            let until = until.map_or_else(String::new, |until| format!(" until {}", shown(until)));
            let holder = holder.as_ref().map_or_else(|| "a client".to_owned(), ToString::to_string);
            let (cause, text) = match obstacle {
                Obstacle::HeldByOther => (
                    "held",
                    format!(
                        "{address} is leased or offered to {holder}{until}; end that lease with \
                         `lessor leases end {address}`, or name another address"
                    ),
                ),
                Obstacle::Quarantined => (
                    "quarantined",
                    format!(
                        "{holder} declined {address}, which is quarantined{until}: another host \
                         seems to use it; find that host, then `lessor leases end {address}`"
                    ),
                ),
                Obstacle::Reserved => (
                    "reserved",
                    format!(
                        "{address} is reserved; its reservation gives it to its client without a \
                         lease by hand, so change the reservation instead"
                    ),
                ),
                Obstacle::PoolDrained => (
                    "pool-drained",
                    format!(
                        "the pool of {address} is drained; open it with `lessor pool open`, or \
                         name an address of another pool"
                    ),
                ),
                Obstacle::OutsidePools => (
                    "outside-pools",
                    format!(
                        "{address} is in no pool, so its client could not extend the lease; add it \
                         to a pool or reserve it, and reload"
                    ),
                ),
                other => {
                    ("unusable", format!("{address}: {}; name another address", other.meaning()))
                }
            };
            NothingChanged::new(cause, text)
        }
        RefusalByHand::LeasesOther(address) => NothingChanged::new(
            "leases-other",
            format!(
                "the client leases {address}; give it the other address with \
                 `lessor leases move {address} --to`, or end that lease first"
            ),
        ),
        RefusalByHand::NotLeased(address) => NothingChanged::new(
            "not-leased",
            format!(
                "{address} is neither leased nor quarantined; `lessor leases` lists what is; an \
                 open offer ends by itself"
            ),
        ),
        RefusalByHand::OfOther { address, holder } => NothingChanged::new(
            "held",
            format!("{address} has passed to {holder} meanwhile; look again with `lessor leases`"),
        ),
        RefusalByHand::MovesAlready(address) => NothingChanged::new(
            "moves-already",
            format!(
                "the client moves to {address} already and has not taken it yet; end that with \
                 `lessor leases end {address}` first"
            ),
        ),
        RefusalByHand::SameAddress(address) => NothingChanged::new(
            "same-address",
            format!("the client has {address}; name another address with --to"),
        ),
    }
}

/// What happens after a change.
pub(super) const fn then(what: Deed, changed: bool) -> &'static str {
    match (what, changed) {
        (Deed::AddedByHand, true) => {
            "the client gets this address when it asks, and must ask before the lease ends"
        }
        (Deed::AddedByHand, false) => "the client had this lease already; its end is unchanged",
        (Deed::EndedByHand, _) => {
            "the address is free; a client that uses it gets a NAK at its next renewal, and asks \
             for an address as a new client does"
        }
        (Deed::MovedByHand, true) => {
            "both addresses are kept for the client: at its next renewal it gets a NAK, then the \
             new address, and the lease of the former one ends"
        }
        (Deed::MovedByHand, false) => "the client moves there already, at its next renewal",
        (Deed::DrainedPool, true) => {
            "leases of the pool are renewed, and no new client gets one; `lessor pool open` ends \
             this"
        }
        (Deed::DrainedPool, false) => "the pool was drained already",
        (Deed::OpenedPool, true) => "the pool gives addresses to new clients again",
        (Deed::OpenedPool, false) => "the pool was not drained",
    }
}

fn shown(time: Timestamp) -> String {
    written(clock::shown(time))
}
