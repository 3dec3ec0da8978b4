//! The ACK of an address: the changes that it requires.
//!
//! Does not decide whether the client may have the address. Invariant: the first change is that of
//! the granted address.

use std::{net::Ipv4Addr, sync::Arc};

use smallvec::SmallVec;

use crate::{Binding, BindingState, Change, Changes, Reason, ReplyKind, Timestamp, ledger::Record};

use super::{
    Decision, LeaseTimeRule,
    decider::Decider,
    family::{Cause, Facts, SlotView},
    farewell::active_lease,
    identity,
    obstacle::Obstacle,
    plan::address_of,
    witness::Witness,
};

impl Decider<'_, '_> {
    /// Leases `address` to the client, in place of any lease that gives way there. This ends the
    /// client's lease of another address and the leases that its subscriber gives up for it. A
    /// lease that need not be extended yet stays as it is.
    pub(super) fn acknowledge(
        &mut self,
        address: u32,
        reason: Reason,
        witness: &mut impl Witness,
    ) -> Decision {
        let Some(room) = self.make_room(address) else {
            witness.refuses(Obstacle::SubscriberLimit);
            return self.beyond_limit();
        };
        let is_instead = self.is_instead_of_another(address);
        let reason = if is_instead { Reason::AckInsteadOfReserved } else { reason };
        let lease_time = match room.is_empty() {
            true => self.lease_time(address),
            false => self.full_lease_time(address),
        };
        let rule = lease_time.rule;
        if rule == Some(LeaseTimeRule::Kept) {
            self.bindings.withdraw_offer_to(&self.client.key);
            let reply = Some(self.grant(ReplyKind::Ack, address, lease_time));
            return Decision { reply, lease_time_rule: rule, ..Decision::of(reason) };
        }
        self.bindings.withdraw_other_offer_to(&self.client.key, address);
        let lease = self.leased(address, lease_time.secs);
        let mut changes: Changes = SmallVec::from_iter([self.depart(lease)]);
        for ended in room {
            let active = self.bindings.slot(ended).and_then(active_lease);
            let released = active.map(|lease| self.released(lease));
            changes.extend(released.map(|lease| self.depart(lease)));
        }
        let reply = Some(self.grant(ReplyKind::Ack, address, lease_time));
        Decision { reply, changes, lease_time_rule: rule, ..Decision::of(reason) }
    }

    /// Sends a change of a record to storage.
    pub(super) fn depart(&mut self, binding: Binding) -> Change {
        self.bindings.depart(binding, Cause::of(self.request))
    }

    /// The record of a lease of `address` that the client gets for `secs` from now on.
    pub(super) fn leased(&self, address: u32, secs: u32) -> Binding {
        let record = self.bindings.slot(address).and_then(SlotView::record);
        let last = record.filter(|record| self.client.on_record().is_holder_of(record));
        let own =
            last.filter(|own| own.state() == BindingState::Leased && self.now < own.expires_at());
        let parameters = self.parameters(address);
        let ends_at = self.now.after_secs(secs);
        // The client may not receive the ACK that shortens its lease. What it was promised before
        // stays valid, unless that is forever.
        let promised = own.map(Record::expires_at);
        let promised = promised.filter(|promised| *promised != Timestamp::NEVER);
        Binding {
            address: address_of(address),
            vpn: self.plan.network().vpn_name().cloned(),
            client: self.client.key.holder().clone(),
            hardware_address: self.request.hardware_address,
            state: BindingState::Leased,
            began_at: own.map_or(self.now, Record::began_at),
            changed_at: self.now,
            expires_at: promised.map_or(ends_at, |promised| promised.max(ends_at)),
            subscriber: self.subscriber.as_ref().map(|limit| Arc::clone(&limit.name)),
            relay_information: self.relay_information.as_deref().cloned(),
            relay_address: self.relay_to_remember(),
            host_name: parameters.naming().name.map(|(name, _)| name),
            revision: 0,
            unknown_fields: last.map(|last| Facts::of(last).unknown_fields()).unwrap_or_default(),
        }
    }

    /// The relay through which the client was heard, if a class may ask for it later. Without such
    /// a class, records are smaller.
    fn relay_to_remember(&self) -> Option<Ipv4Addr> {
        let is_wanted = self.plan.network().classes.read_relay;
        let relay = || identity::relay_address_of(self.plan, self.bindings, self.request);
        is_wanted.then(relay).flatten()
    }
}
