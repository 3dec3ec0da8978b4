//! The ACK of an address: the changes that it takes, and for how long.

use std::sync::Arc;

use smallvec::SmallVec;

use crate::{Lease, LeaseState, LeaseTime, Reason, ReplyKind, Request, Terms, Timestamp};

use super::{Decision, case::Case, plan::address_of};

impl Case<'_, '_> {
    /// Leases `address` to the client. A lease of another address ends with that, and so does
    /// that of the device that the address's line had before.
    pub(super) fn acknowledge(&mut self, address: u32, reason: Reason) -> Decision {
        let left = self.bindings.lease_of(&self.client).map(Arc::clone).filter(|left| {
            let number = u32::from(left.address);
            let slot = self.bindings.slot(number);
            number != address && slot.is_some_and(|slot| slot.active_lease().is_some())
        });
        self.bindings.withdraw_offer_to(&self.client);
        let mut changes = SmallVec::new();
        if let Some(left) = left {
            let released = self.released(&left);
            changes.push(self.bindings.change(self.now, released));
        }
        let lease = self.leased(address);
        changes.insert(0, self.bindings.change(self.now, lease));
        Decision { reason, reply: Some(self.grant(ReplyKind::Ack, address)), changes }
    }

    /// How long an address is leased: what the terms say, else what the client asks for, else the
    /// default, within the limits of the address's subnet. An OFFER and its ACK are computed
    /// alike, so that they agree.
    pub(super) fn lease_time_secs(&self, address: u32) -> u32 {
        let position = self.plan.subnet_of(address).unwrap_or(self.subnet);
        let limits = self.plan.subnet(position).map(|subnet| subnet.lease_time);
        limits.map_or(1, |limits| lease_time_secs(limits, self.terms, self.request))
    }

    fn leased(&self, address: u32) -> Lease {
        let record = self.bindings.slot(address).and_then(|slot| slot.lease());
        let own = record.filter(|record| record.client == self.client);
        let ends_at = self.now.after_secs(self.lease_time_secs(address));
        // The client may never hear that its lease is shorter from now on. What it was promised
        // before stays its own until then, unless that is for ever.
        let promised = own.filter(|own| own.is_active(self.now)).map(|own| own.expires_at);
        let promised = promised.filter(|promised| *promised != Timestamp::NEVER);
        Lease {
            address: address_of(address),
            client: self.client.clone(),
            hardware_address: self.request.hardware_address,
            state: LeaseState::Leased,
            began_at: own.map_or(self.now, |own| own.began_at),
            changed_at: self.now,
            expires_at: promised.map_or(ends_at, |promised| promised.max(ends_at)),
            relay_information: self.relay_information.as_deref().cloned(),
            revision: 0,
        }
    }
}

fn lease_time_secs(limits: LeaseTime, terms: &Terms, request: &Request) -> u32 {
    let secs = match terms.lease_time_secs {
        Some(secs) => secs,
        None => request.lease_time_secs.unwrap_or(limits.default_secs).max(limits.min_secs),
    };
    secs.min(limits.max_secs).max(1)
}
