//! BOOTP: one message asks for an address, and one reply grants it (RFC 951, RFC 1534 section 2).
//!
//! Such a client neither accepts an offer nor extends a lease, so its address is granted at once,
//! for as long as `bootp-lease-time` says. If another client would lose a lease by that, the first
//! message only holds the address, as a DISCOVER does, and the client gets the address when it
//! repeats its message, which clients do without an answer (RFC 951 section 7.2). Otherwise no
//! device could ever take the place of one with an infinite lease. Invariant: no single message
//! ends a lease of another device, and none ends an offer to another client.

use crate::{BootpClients, Reason, Subnet};

use super::{
    Decision, cost::Cost, decider::Decider, entitlement::Entitlement, obstacle::Obstacle,
    witness::Witness,
};

impl Decider<'_, '_> {
    /// Decides a message of a BOOTP client.
    pub(super) fn bootp(&mut self, witness: &mut impl Witness) -> Decision {
        let subnet = self.plan.subnet(self.subnet);
        let clients = subnet.map_or(BootpClients::Off, Subnet::bootp_clients);
        if !clients.serves() {
            return self.silence(Reason::BootpNotServed);
        }
        if !self.request.client_address.is_unspecified() {
            return self.bootp_parameters(clients);
        }
        if let Err(reason) = self.make_room_for_offer() {
            return self.silence(reason);
        }
        let chosen = match clients {
            BootpClients::Dynamic => self.choose(witness),
            BootpClients::Off | BootpClients::Reserved => self.address_of_its_own(witness),
        };
        match chosen {
            Ok((address, reason)) => self.give(address, reason, witness),
            Err(reason) => self.silence(reason),
        }
    }

    /// Grants `address`, chosen for `reason`, or holds it until the client asks again.
    fn give(&mut self, address: u32, reason: Reason, witness: &mut impl Witness) -> Decision {
        let is_its_own = self.terms.address.or(self.reserved_address()).map(u32::from);
        let (reason, obstacle) = match self.cost_of(address) {
            Some(Cost::Lease) if !self.has_asked_before(address) => {
                if self.offered_address() != Some(address) {
                    self.hold_for_client(address);
                }
                return self.silence(Reason::BootpAskedOnce);
            }
            Some(Cost::Nothing | Cost::Lease) => {
                if !self.is_probed(address, reason) {
                    return self.silence(Reason::ProbePending);
                }
                return self.acknowledge(address, Reason::AckBootp, witness);
            }
            Some(Cost::Offer) if is_its_own == Some(address) => {
                (Reason::BootpAddressUnavailable, Obstacle::HeldByOther)
            }
            Some(Cost::Offer) => (Reason::NoFreeAddress, Obstacle::PoolExhausted),
            None => (Reason::SubscriberLimit, Obstacle::SubscriberLimit),
        };
        witness.refuses(obstacle);
        self.silence(reason)
    }

    /// Returns whether `address` is held for the client since an earlier message. What arrives
    /// within a second of that is another copy of the same message, from a second relay.
    fn has_asked_before(&self, address: u32) -> bool {
        let offer = self.bindings.offer_of(&self.client.key);
        offer
            .is_some_and(|offer| offer.resource == address && offer.expires_at <= self.ripe_until())
    }

    fn offered_address(&self) -> Option<u32> {
        self.bindings.offer_of(&self.client.key).map(|offer| offer.resource)
    }

    /// The address that is reserved for the client, or that a policy gives to it.
    fn address_of_its_own(&self, witness: &mut impl Witness) -> Result<(u32, Reason), Reason> {
        match self.entitlement(witness)? {
            Entitlement::Policy(address) => Ok((address, Reason::OfferedByPolicy)),
            Entitlement::Reservation(address) => Ok((address, Reason::OfferedReserved)),
            Entitlement::OpenPools | Entitlement::NamedPools(_) => {
                let meant = self.terms.address.or(self.reserved_address());
                Err(meant.map_or(Reason::BootpNotReserved, |_| Reason::BootpAddressUnavailable))
            }
        }
    }

    /// The parameters for a client that knows its address (RFC 1542 section 5.3).
    fn bootp_parameters(&self, clients: BootpClients) -> Decision {
        let has_address_of_its_own = self.reservation.is_some() || self.terms.address.is_some();
        if clients == BootpClients::Reserved && !has_address_of_its_own {
            return self.silence(Reason::BootpNotReserved);
        }
        let reply = Some(self.information());
        Decision { reply, ..Decision::of(Reason::AckBootpParameters) }
    }
}
