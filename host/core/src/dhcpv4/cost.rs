//! What other clients give up so that a client gets a lease.
//!
//! Does not decide whether they do: `short` and `bootp` grant at once only what costs nothing.
//! Invariant: an extension of the client's own lease costs nothing, and neither does a lease of the
//! same device, such as that of its boot ROM.

use crate::ledger::Record;

use super::{
    decider::Decider,
    family::{Facts, Ipv4, SlotView},
};

/// What other clients give up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cost {
    /// Nothing.
    Nothing,
    /// An open offer of the address.
    Offer,
    /// A lease: that of the address, or one that the subscriber gives up.
    Lease,
}

impl Decider<'_, '_> {
    /// What a lease of `address` costs other clients; `None` if the subscriber of the client may
    /// not have that lease.
    pub(super) fn cost_of(&self, address: u32) -> Option<Cost> {
        let room = self.make_room(address)?;
        let lease_at = |address: u32| self.bindings.slot(address).and_then(SlotView::active);
        let is_others = |record: &Record<Ipv4>| !self.is_own(record) && !self.is_of_device(record);
        let lease = lease_at(address);
        let offer = self.bindings.slot(address).and_then(SlotView::offer);
        let is_offered_to_other = offer.is_some_and(|offer| !self.is_self(&offer.holder));
        if is_offered_to_other && !lease.is_some_and(|record| self.is_own(record)) {
            return Some(Cost::Offer);
        }
        let ended = room.into_iter().filter_map(lease_at);
        let costs_a_lease = lease.into_iter().chain(ended).any(is_others);
        Some(if costs_a_lease { Cost::Lease } else { Cost::Nothing })
    }

    /// Returns whether a record is of the device that sent the message, under any key.
    fn is_of_device(&self, record: &Record<Ipv4>) -> bool {
        let sender = self.request.hardware_address;
        sender.is_anybody() && Facts::of(record).hardware_address == sender
    }
}
