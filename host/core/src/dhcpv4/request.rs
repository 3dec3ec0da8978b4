//! REQUEST: grants an address, refuses it or stays silent, depending on the state of the client
//! (RFC 2131 section 4.3.2).
//!
//! Does not choose addresses; `discover` does. Invariant: an address is granted only if it belongs
//! to this client by lease, offer, reservation or policy, if it is free, or if what holds it gives
//! way.

use crate::{BeyondLimit, ClientState, Reason, UnknownClients};

use super::{
    Decision,
    decider::Decider,
    entitlement::Entitlement,
    family::SlotView,
    obstacle::Obstacle,
    witness::{Rule, Witness},
};

impl Decider<'_, '_> {
    /// Decides a REQUEST.
    pub(super) fn request(&mut self, witness: &mut impl Witness) -> Decision {
        if self.names_other_server() {
            return self.other_server_selected();
        }
        let entitlement = match self.entitlement(witness) {
            Ok(entitlement) => entitlement,
            Err(_) if self.has_lost_its_address() => return self.nak(Reason::NakAddressTaken),
            Err(reason) => return self.silence(reason),
        };
        let state = self.request.client_state();
        let requested = self.request.requested_address.map(u32::from);
        match (state, requested) {
            (ClientState::Selecting, Some(address)) => {
                self.selecting(entitlement, address, witness)
            }
            (ClientState::InitReboot, Some(address)) => {
                self.remembering(entitlement, address, Reason::AckInitReboot, witness)
            }
            (ClientState::Renewing, _) => {
                let address = u32::from(self.request.client_address);
                self.remembering(entitlement, address, Reason::AckRenewing, witness)
            }
            (ClientState::Rebinding, _) => {
                let address = u32::from(self.request.client_address);
                self.remembering(entitlement, address, Reason::AckRebinding, witness)
            }
            (ClientState::Unknown | ClientState::Selecting | ClientState::InitReboot, _) => {
                self.in_no_state(entitlement, witness)
            }
        }
    }

    /// Decides a REQUEST of a client that a policy refuses.
    pub(super) fn refused_request(&mut self, text: &str) -> Decision {
        if self.names_other_server() {
            return self.other_server_selected();
        }
        if !self.may_nak() {
            return self.silence(Reason::RefusedWithoutNak);
        }
        self.bindings.withdraw_offer_to(&self.client.key);
        self.nak_saying(Reason::NakByPolicy, text)
    }

    fn other_server_selected(&mut self) -> Decision {
        self.bindings.withdraw_offer_to(&self.client.key);
        self.silence(Reason::OtherServerSelected)
    }

    /// Decides a REQUEST that accepts an offer of this server. The offer may no longer be known,
    /// because the server was restarted or the client was slow. If the client can still have the
    /// address, it gets it.
    fn selecting(
        &mut self,
        entitlement: Entitlement<'_>,
        address: u32,
        witness: &mut impl Witness,
    ) -> Decision {
        let obstacle = self.obstacle(entitlement, address);
        self.takes(witness, Rule::Asked, address, obstacle);
        if self.plan.subnet_of(address).is_none() {
            return self.nak(Reason::NakWrongNetwork);
        }
        let offered = self.bindings.offer_of(&self.client.key).map(|offer| offer.resource);
        let is_open = offered == Some(address) || entitlement.only_address() == Some(address);
        match obstacle.map(Obstacle::objection) {
            None if !is_open && self.is_held_back(address) => self.nak(Reason::NakOfferExpired),
            Some(Reason::NakAddressTaken)
                if offered.is_none() && self.is_held_by_other(address) =>
            {
                self.nak(Reason::NakOfferExpired)
            }
            Some(reason) => self.nak(reason),
            None if offered.is_some_and(|offered| offered != address)
                && entitlement.only_address() != Some(address)
                && !self.had_leased(address) =>
            {
                self.nak(Reason::NakOtherAddress)
            }
            None => self.acknowledge(address, Reason::AckSelecting, witness),
        }
    }

    /// Decides a REQUEST of a client that already has `address` according to its own memory: it
    /// verifies the address after a restart (INIT-REBOOT) or extends its lease (RENEWING,
    /// REBINDING).
    fn remembering(
        &mut self,
        entitlement: Entitlement<'_>,
        address: u32,
        acknowledged: Reason,
        witness: &mut impl Witness,
    ) -> Decision {
        let obstacle = self.obstacle(entitlement, address);
        self.takes(witness, Rule::Asked, address, obstacle);
        if self.plan.subnet_of(address).is_none() {
            return self.nak_if_sure(Reason::NakWrongNetwork);
        }
        let objection = obstacle.map(Obstacle::objection);
        let record = self.bindings.current_of(self.client.on_record());
        // A client is also known if configuration or a policy assigns an address to it.
        let is_known = record.is_some() || entitlement.only_address().is_some();
        if !is_known {
            return self.unknown_client(address, objection, witness);
        }
        if let Some(reason) = objection {
            return self.nak_if_sure(reason);
        }
        if self.was_ended_by_hand(address) {
            return self.nak_if_sure(Reason::NakEndedByHand);
        }
        let has_moved =
            record.is_some_and(|record| record.resource() != address && record.active().is_some());
        let is_assigned = entitlement.only_address() == Some(address);
        if is_assigned || (self.had_leased(address) && !has_moved) {
            self.acknowledge(address, acknowledged, witness)
        } else {
            self.nak_if_sure(Reason::NakOtherAddress)
        }
    }

    /// Decides a REQUEST of a client that wants to keep `address` and of which nothing is known.
    fn unknown_client(
        &mut self,
        address: u32,
        objection: Option<Reason>,
        witness: &mut impl Witness,
    ) -> Decision {
        let subnet = self.plan.subnet_of(address).and_then(|subnet| self.plan.subnet(subnet));
        let wanted = subnet.map(|subnet| subnet.unknown_clients).unwrap_or_default();
        match (wanted, objection) {
            (UnknownClients::Refuse, objection) => {
                self.nak(objection.unwrap_or(Reason::NakUnknownClient))
            }
            (UnknownClients::Adopt, None) => self.acknowledge(address, Reason::AckAdopted, witness),
            // The address certainly belongs to another client.
            (_, Some(Reason::NakAddressTaken)) => self.nak_if_sure(Reason::NakAddressTaken),
            (UnknownClients::Adopt | UnknownClients::Ignore, _) => {
                self.silence(Reason::UnknownClient)
            }
        }
    }

    /// Decides a request that fits no state. If it names this server, it means the address that the
    /// client was offered or, without an open offer, the one that it has.
    fn in_no_state(
        &mut self,
        entitlement: Entitlement<'_>,
        witness: &mut impl Witness,
    ) -> Decision {
        if !self.names_this_server() {
            return self.silence(Reason::UnknownState);
        }
        let offered = self.bindings.offer_of(&self.client.key).map(|offer| offer.resource);
        let current = self.bindings.current_of(self.client.on_record());
        let leased = current.filter(|current| current.active().is_some()).map(SlotView::resource);
        let (rule, address) = match (offered, leased) {
            (Some(address), _) => (Rule::Offered, address),
            (None, Some(address)) => (Rule::Current, address),
            (None, None) => {
                let in_use = self.request.address_in_use().map(u32::from);
                let is_lost = in_use.is_some_and(|address| self.is_leased_to_other(address));
                return match is_lost {
                    true => self.nak(Reason::NakAddressTaken),
                    false => self.silence(Reason::UnknownState),
                };
            }
        };
        let obstacle = self.obstacle(entitlement, address);
        self.takes(witness, rule, address, obstacle);
        match obstacle {
            Some(obstacle) => self.nak(obstacle.objection()),
            None => self.acknowledge(address, Reason::AckTolerant, witness),
        }
    }

    /// Returns a NAK, or silence if the server is not certain enough to send one (RFC 2131 section
    /// 3.2).
    fn nak_if_sure(&mut self, reason: Reason) -> Decision {
        if self.may_nak() { self.nak(reason) } else { self.silence(Reason::UnknownClient) }
    }

    /// Returns whether the server may send this client a NAK: it is the only authority in the
    /// network, it has a record of the client, the client addressed this server, or the server has
    /// leased the client's address to another one.
    pub(super) fn may_nak(&self) -> bool {
        self.plan.network().authoritative
            || self.bindings.current_of(self.client.on_record()).is_some()
            || self.names_this_server()
            || self.has_lost_its_address()
    }

    /// Returns whether the client means to keep an address that is leased to another client. An
    /// address has one record, so the server may have granted the address to both in turn and know
    /// only the later one. If the earlier one got no answer, both would use the address.
    ///
    /// A client that starts again may remember an address from another place, where another server
    /// leases the same addresses (RFC 2131 section 4.3.2). Its memory counts only if the address is
    /// meant for the client here.
    fn has_lost_its_address(&self) -> bool {
        let requested = self.request.requested_address.map(u32::from);
        let kept = match self.request.client_state() {
            ClientState::Renewing | ClientState::Rebinding => {
                Some(u32::from(self.request.client_address))
            }
            ClientState::InitReboot => requested.filter(|it| self.is_meant_for_client(*it)),
            ClientState::Selecting | ClientState::Unknown => None,
        };
        kept.is_some_and(|address| self.is_leased_to_other(address))
    }

    /// Returns whether a policy or the configuration gives `address` to the client, or to the
    /// latest device of its subscriber.
    fn is_meant_for_client(&self, address: u32) -> bool {
        let named = [self.terms.address, self.reserved_address()];
        let is_named = named.into_iter().flatten().any(|named| u32::from(named) == address);
        let limit = self.subscriber.as_ref();
        let replacing = limit.filter(|limit| limit.beyond == BeyondLimit::ReplaceOldest);
        let active = self.bindings.slot(address).and_then(SlotView::active);
        let is_on_account = replacing.is_some_and(|limit| {
            active.is_some_and(|record| record.subscriber() == Some(&limit.name))
        });
        is_named || is_on_account
    }
}
