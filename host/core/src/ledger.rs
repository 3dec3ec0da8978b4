//! The ledger: who holds which resource, as far as storage is known to have it.
//!
//! It knows no protocol. A [`Family`] says what the resources are (IPv4 addresses; IPv6 addresses and
//! delegated prefixes in tests), what holds one and what a record keeps beside the binding. Decisions
//! are made elsewhere: `dhcpv4` asks the ledger who holds what, and tells it what shall become of it.
//!
//! Invariants: a record in memory is one that storage is known to hold, or to have held; what is wanted
//! of a resource stands beside its record as a claim; no resource has two claims.
//!
//! - `family`: what differs between kinds of resources.
//! - `record`: a record as memory keeps it, in one allocation; `slot`: a record and a claim.
//! - `bindings`: all of them, and the one function that changes one; `slots`, `holders`, `pool`,
//!   `subscribers`, `quarantines` and `open_offers` are the lists that it keeps in step.
//! - `settle`: changes on their way to storage, and its answers.
//! - `ordered`, `table` and `spread`: small and large collections.

mod bindings;
mod family;
mod holders;
mod open_offers;
mod ordered;
mod pool;
mod quarantines;
mod record;
mod settle;
mod slot;
mod slots;
mod spread;
mod subscribers;
mod table;

#[cfg(test)]
mod families;

pub(crate) use self::{
    bindings::{Bindings, KnownHolder, Records, Scope},
    family::{Family, FreeSet, Holder, Layout, LeaseRecord, PAGE_SIZE, Place, Source, Tenure},
    open_offers::Contested,
    pool::Standing,
    record::{OctetReader, Octets, Record, put_part},
    slot::{Offer, Slot, View},
    subscribers::Account,
};
