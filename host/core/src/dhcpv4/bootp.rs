//! BOOTP: one message asks for an address, and one reply grants it (RFC 951, RFC 1534 section 2).
//!
//! Such a client neither accepts an offer nor extends a lease, so its address is granted at once,
//! for as long as `bootp-lease-time` says. Invariant: the client gets only an address that costs no
//! other client a lease or an offer.

use crate::{BootpClients, Reason, Subnet};

use super::{
    Decision, decider::Decider, entitlement::Entitlement, obstacle::Obstacle, witness::Witness,
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
            Ok((address, reason)) if self.is_at_no_cost(address, reason) => {
                if !self.is_probed(address, reason) {
                    return self.silence(Reason::ProbePending);
                }
                self.acknowledge(address, Reason::AckBootp, witness)
            }
            Ok((address, _)) => {
                let has_room = self.make_room(address).is_some();
                let (reason, obstacle) = match has_room {
                    true => (Reason::NoFreeAddress, Obstacle::PoolExhausted),
                    false => (Reason::SubscriberLimit, Obstacle::SubscriberLimit),
                };
                witness.refuses(obstacle);
                self.silence(reason)
            }
            Err(reason) => self.silence(reason),
        }
    }

    /// Returns whether `address`, chosen for `reason`, can be granted without an offer before it:
    /// no other client gives it up, and the subscriber of the client may have it.
    pub(super) fn is_at_no_cost(&self, address: u32, reason: Reason) -> bool {
        let is_taken = matches!(reason, Reason::OfferedOldest | Reason::OfferedContested);
        !is_taken && self.make_room(address).is_some()
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
