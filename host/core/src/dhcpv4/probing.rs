//! Probes before an offer: which addresses are probed, and what follows from the result.
//!
//! Sends nothing: the caller of [`Engine::decide`] does, and reports the result to
//! [`Engine::probed`]. While a probe is under way, its address is held for the client as an offer
//! is. Invariant: no other client gets an address that is probed, and none waits for it.

use std::{net::Ipv4Addr, sync::Arc};

use crate::{
    AfterDataLoss, Binding, BindingState, Change, Origin, Probe, ProbeMessage, ProbeMethod,
    ProbeResult, Probing, Reason, Timestamp,
};

use super::{
    Engine,
    decider::Decider,
    family::{Cause, Offer, SlotView},
    plan::address_of,
    probes::{NO_HARDWARE_ADDRESS, NOBODY, Probed},
};

impl Decider<'_, '_> {
    /// Returns whether `address`, chosen for `reason`, can be given to the client now. Otherwise it
    /// is held for the client, and has to be probed first.
    pub(super) fn is_probed(&mut self, address: u32, reason: Reason) -> bool {
        let Some(probe) = self.probe_of(address, reason) else {
            if self.probes.chosen_for(address).is_some() {
                self.probed = Probed::Before(address);
            }
            return true;
        };
        self.probed = Probed::First(probe, reason);
        if self.is_rehearsal {
            return true;
        }
        self.hold_for_client(address);
        false
    }

    /// The reason for which an offer of `address` is made: the first offer after a probe is made
    /// for the reason for which the address was probed.
    pub(super) fn reason_of_offer(&self, address: u32, reason: Reason) -> Reason {
        match reason {
            Reason::OfferedAgain => self.probes.chosen_for(address).unwrap_or(reason),
            _ => reason,
        }
    }

    /// Holds an address for the client until it requests it, or until the offer ends.
    pub(super) fn hold_for_client(&mut self, address: u32) {
        let source = Arc::new(Origin::of(self.request));
        let offer = Offer {
            resource: address,
            holder: self.client.key.holder().clone(),
            subscriber: self.subscriber.as_ref().map(|limit| Arc::clone(&limit.name)),
            source: Arc::clone(&source),
            expires_at: self.now.after_secs(self.plan.network().offer_hold_secs),
        };
        self.bindings.hold_for(&self.client.key, offer);
        self.bindings.hold_to_offers_max(address, &source, Some(address));
    }

    /// How `address` must be probed before the client gets it; `None` if that is not necessary. An
    /// address with an active lease is in use by the client, or by one that gives way to it. One
    /// that is quarantined is given only if no other is left.
    fn probe_of(&self, address: u32, reason: Reason) -> Option<Probe> {
        // The addresses of a VPN are not those that the server could reach.
        let is_in_vpn = self.plan.network().vpn.is_some();
        let is_in_use = self.bindings.slot(address).and_then(SlotView::active).is_some();
        let is_last_resort = reason == Reason::OfferedQuarantined
            || self.bindings.slot(address).and_then(SlotView::quarantine).is_some();
        if is_in_vpn || is_in_use || is_last_resort || self.probes.is_probed(self.now, address) {
            return None;
        }
        let parameters = self.parameters(address);
        let method = parameters.first(|settings| settings.probing.method);
        let method = method.map_or(ProbeMethod::Off, |(method, _)| method);
        let method = match method {
            ProbeMethod::Off if self.may_be_held_unknown(address) => ProbeMethod::Auto,
            method => method,
        };
        let by = self.message_of(method)?;
        let timeout_ms = parameters.first(|settings| settings.probing.timeout_ms);
        Some(Probe {
            address: address_of(address),
            by,
            timeout_ms: timeout_ms.map_or(Probing::TIMEOUT_MS, |(timeout_ms, _)| timeout_ms),
            client: self.request.hardware_address,
        })
    }

    /// The message with which this method probes an address for the client, if it does.
    fn message_of(&self, method: ProbeMethod) -> Option<ProbeMessage> {
        let interface = self.request.arrival.interface.as_ref();
        let interface = interface.filter(|_| !self.request.is_relayed());
        let arp = || interface.map(|name| ProbeMessage::Arp(Arc::clone(name)));
        match method {
            ProbeMethod::Off => None,
            ProbeMethod::Arp => arp(),
            ProbeMethod::Icmp => Some(ProbeMessage::Icmp),
            ProbeMethod::Auto => Some(arp().unwrap_or(ProbeMessage::Icmp)),
        }
    }

    /// Returns whether a client without a record may hold `address`, and its network probes such
    /// addresses.
    fn may_be_held_unknown(&self, address: u32) -> bool {
        self.plan.network().after_data_loss == AfterDataLoss::Probe
            && self.may_have_been_leased(address)
    }
}

impl Engine {
    /// Takes the result of a probe. If a host answered, the address is quarantined: the change must
    /// be made durable and settled as that of a decision. Nothing is quarantined if a client has
    /// got the address in the meantime. The quarantine counts against no client, line or
    /// subscriber.
    pub fn probed(
        &mut self,
        now: Timestamp,
        address: Ipv4Addr,
        result: ProbeResult,
    ) -> Option<Change> {
        let resource = u32::from(address);
        if !self.plan.spans(resource) {
            return None;
        }
        self.probes.end(now, resource, result);
        let ProbeResult::Answered(by) = result else { return None };
        self.bindings.notice(now, resource);
        let view = self.bindings.slot(resource);
        if view.is_some_and(|view| view.is_in_flight() || view.active().is_some()) {
            return None;
        }
        self.bindings.withdraw_offer_of(resource);
        let quarantine = Binding {
            address,
            vpn: self.plan.network().vpn_name().cloned(),
            client: NOBODY,
            hardware_address: by.unwrap_or(NO_HARDWARE_ADDRESS),
            state: BindingState::Quarantined,
            began_at: now,
            changed_at: now,
            expires_at: now.after_secs(self.plan.network().quarantine_secs),
            subscriber: None,
            relay_information: None,
            relay_address: None,
            host_name: None,
            revision: 0,
            unknown_fields: Default::default(),
        };
        Some(self.bindings.depart(quarantine, Cause::NO_MESSAGE))
    }
}
