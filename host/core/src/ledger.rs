//! The ledger: which holder has which resource, according to the records that storage has
//! confirmed.
//!
//! It knows no protocol. A [`Family`] describes the resources (IPv4 addresses; in tests also IPv6
//! addresses and delegated prefixes), their holders, and what a record keeps in addition to the
//! binding. It makes no decisions: `dhcpv4` asks the ledger who holds a resource, decides, and
//! passes the resulting change to the ledger.
//!
//! Invariants: a record in memory is one that storage is known to hold, or to have held; an offer
//! or a pending change of a resource is kept next to its record as a claim; a resource has at most
//! one claim.
//!
//! - `family`: what differs between kinds of resources.
//! - `octets`: the encoding of records.
//! - `record`: a record in its in-memory form, in one allocation; `slot`: a record and a claim.
//! - `bindings`: all slots, and the one function that changes a slot; it keeps `slots`, `holders`,
//!   `pool`, `subscribers`, `quarantines` and `open_offers` consistent.
//! - `settle`: changes in flight to storage, and the results of those changes.
//! - `ordered`, `table` and `spread`: small and large collections.

mod bindings;
mod family;
mod holders;
mod octets;
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
    bindings::{Bindings, KnownHolder, ResourcesOfHolder, Scope},
    family::{
        BindingRecord, Family, FreeSet, Holder, Layout, MessageSource, PAGE_SIZE, Resource, Tenure,
    },
    octets::{OctetReader, Octets, put_part},
    open_offers::Contested,
    pool::Standing,
    record::Record,
    slot::{Offer, Slot, SlotView},
    subscribers::SubscriberAccount,
};
