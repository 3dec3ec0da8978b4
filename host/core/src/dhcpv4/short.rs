//! Other answers to a DISCOVER than an offer of an address: an ACK for a client that takes one
//! (RFC 4039), and an offer without an address for a client that can do without one (RFC 8925).
//!
//! Does not choose addresses; `discover` does. Invariant: an ACK answers a DISCOVER only if client,
//! scope and policy allow that, and ends no lease of another device and no other lease of the
//! client; an offer without an address holds none.

use crate::{Reason, ReplyKind, option::code};

use super::{Decision, cost::Cost, decider::Decider, plan::address_of, witness::Witness};

impl Decider<'_, '_> {
    /// The ACK of an address that was chosen for `reason`; `None` if the client gets an offer. No
    /// address is committed for a client that would take it from another one: this client may not
    /// want it. And no ACK ends a lease of the client itself: a DISCOVER that is repeated does not
    /// say whether the client has received the ACK of that lease and uses it.
    pub(super) fn rapid_commit(
        &mut self,
        address: u32,
        reason: Reason,
        witness: &mut impl Witness,
    ) -> Option<Decision> {
        let is_allowed = self.request.wants_rapid_commit()
            && self.parameters(address).allows_rapid_commit()
            && reason != Reason::OfferedQuarantined
            && self.other_leases_than(address).next().is_none()
            && self.cost_of(address) == Some(Cost::Nothing);
        is_allowed.then(|| self.acknowledge(address, Reason::AckRapidCommit, witness))
    }

    /// An offer without an address for a client that asks for option 108, if that option has a
    /// value for it (RFC 8925 section 3.3). `chosen` is the address that the client would be
    /// offered otherwise, or why it gets none.
    ///
    /// An earlier offer to the client is withdrawn. If the client requests an address nevertheless,
    /// the REQUEST is decided like any other.
    pub(super) fn offer_without_address(
        &mut self,
        chosen: Result<u32, Reason>,
    ) -> Option<Decision> {
        // Without an address, what the subnet sets applies.
        let address = match chosen {
            Ok(address) => address,
            Err(
                Reason::NoFreeAddress
                | Reason::HeldAfterDataLoss
                | Reason::PoolDrained
                | Reason::SubscriberLimit,
            ) => 0,
            Err(_) => return None,
        };
        let is_preferred = self.request.prefers_ipv6_only()
            && self.parameters(address).value_and_origin(code::IPV6_ONLY_PREFERRED).is_some();
        if !is_preferred {
            return None;
        }
        self.bindings.withdraw_offer_to(&self.client.key);
        let lease_time = self.full_lease_time(address);
        let reply = Some(self.grant_as(ReplyKind::Offer, address, address_of(0), lease_time));
        Some(Decision { reply, ..Decision::of(Reason::OfferedIpv6Only) })
    }
}
