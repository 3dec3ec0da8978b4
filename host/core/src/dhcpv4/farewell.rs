//! DECLINE and RELEASE: the client does not want its address, and gets no reply (RFC 2131 sections
//! 4.3.3 and 4.3.4).
//!
//! Does not decide which client gets the address next. A DECLINE quarantines no more addresses than
//! the limits of its client, line and subscriber allow, so that no client can exhaust a pool. The
//! lease ends in any case. Beyond a limit the address is free immediately, but at the end of the
//! queue, and the client that declined it does not get it again for the length of a quarantine
//! ([`Decider::is_set_aside`]).
//!
//! Invariant: a message that names another line than the lease or offer came over changes nothing,
//! and neither does one that names a line if that came over none. Any host can send another
//! client's key, but not the line that a relay adds. So a DECLINE, which the client broadcasts and
//! its relay forwards, must name the line, and without any line come over a link or a relay. A
//! RELEASE, which the client sends past the relay, may name no line: then it must come from the
//! address that it releases, or from the relay that it names.

use crate::{Binding, BindingState, Line, Reason};

use super::{
    Decision,
    decider::Decider,
    family::SlotView,
    quarantine::{Account, accounts_of},
};

impl Decider<'_, '_> {
    /// Decides a DECLINE: another host seems to use the address, so no client gets it for a time.
    pub(super) fn decline(&mut self) -> Decision {
        if self.names_other_server() {
            return self.silence(Reason::OtherServerAddressed);
        }
        let Some(address) = self.request.requested_address else {
            return self.silence(Reason::NotOwnerDecline);
        };
        let view = self.bindings.slot(u32::from(address));
        let offer = view.and_then(SlotView::offer);
        let lease = view.and_then(active_lease);
        let lease = lease.as_ref();
        let is_own = match lease {
            Some(lease) => lease.client == *self.client.on_record().holder(),
            None => offer.is_some_and(|offer| self.is_self(&offer.holder)),
        };
        if !is_own {
            return self.silence(Reason::NotOwnerDecline);
        }
        let known = match (lease, offer) {
            (Some(lease), _) => line_of(lease),
            (None, Some(offer)) => offer.source.line(),
            (None, None) => None,
        };
        let named = self.own_line();
        if named != known {
            return self.silence(Reason::OtherLineDecline);
        }
        if named.is_none() && self.request.is_direct() {
            return self.silence(Reason::DeclineFromElsewhere);
        }
        let began_at = lease.map_or(self.now, |lease| lease.began_at);
        let subscriber = match (lease, offer) {
            (Some(lease), _) => lease.subscriber.clone(),
            (None, offer) => offer.and_then(|offer| offer.subscriber.clone()),
        };
        // A message without option 82 removes nothing from the record.
        let relay_information = self.relay_information.as_deref();
        let relay_information =
            relay_information.or_else(|| lease.and_then(|lease| lease.relay_information.as_ref()));
        let mut declined = Binding {
            address,
            vpn: self.plan.network().vpn_name().cloned(),
            client: self.client.key.holder().clone(),
            hardware_address: self.request.hardware_address,
            state: BindingState::Quarantined,
            began_at,
            changed_at: self.now,
            expires_at: self.now.after_secs(self.plan.network().quarantine_secs),
            subscriber,
            relay_information: relay_information.cloned(),
            relay_address: lease.and_then(|lease| lease.relay_address),
            host_name: lease.and_then(|lease| lease.host_name.clone()),
            revision: 0,
            unknown_fields: lease.map(|lease| lease.unknown_fields.clone()).unwrap_or_default(),
        };
        let is_beyond_bound = self.is_beyond_quarantine_max(&declined);
        if is_beyond_bound {
            declined.expires_at = self.now;
        }
        self.bindings.withdraw_other_offer_to(&self.client.key, u32::from(address));
        let change = self.depart(declined);
        let reason = match is_beyond_bound {
            true => Reason::DeclinedBeyondLimit,
            false => Reason::QuarantinedDeclined,
        };
        self.record(reason, change)
    }

    /// Returns whether one of the accounts of a declined address has reached its maximum of
    /// quarantined addresses, not counting this address.
    fn is_beyond_quarantine_max(&mut self, declined: &Binding) -> bool {
        let accounts = accounts_of(declined);
        for account in &accounts {
            self.bindings.notice_quarantines(self.now, account);
        }
        let view = self.bindings.slot(u32::from(declined.address));
        let replaced = view.filter(|view| view.quarantine().is_some()).and_then(SlotView::binding);
        let replaced = replaced.map(|record| accounts_of(&record)).unwrap_or_default();
        let limits = &self.plan.network().bounds.quarantine_max;
        accounts.iter().any(|account: &Account| {
            let own = usize::from(replaced.contains(account));
            self.bindings.quarantines().count(account).saturating_sub(own) >= account.max(limits)
        })
    }

    /// Decides a RELEASE: the address becomes free, and its record stays with the client.
    pub(super) fn release(&mut self) -> Decision {
        if self.names_other_server() {
            return self.silence(Reason::OtherServerAddressed);
        }
        let view = self.bindings.slot(u32::from(self.request.client_address));
        let lease = view.and_then(active_lease);
        let Some(lease) = lease.filter(|lease| lease.client == *self.client.on_record().holder())
        else {
            return self.silence(Reason::NotOwnerRelease);
        };
        match (line_of(&lease), self.own_line()) {
            (known, named @ Some(_)) if known != named => {
                return self.silence(Reason::OtherLineRelease);
            }
            (known, None) if !self.is_from_client_of(known.as_ref()) => {
                return self.silence(Reason::ReleaseFromElsewhere);
            }
            _ => {}
        }
        let released = self.released(lease);
        self.bindings.withdraw_other_offer_to(&self.client.key, u32::from(released.address));
        let change = self.depart(released);
        self.record(Reason::ReleasedLease, change)
    }

    /// The line in the message itself.
    fn own_line(&self) -> Option<Line> {
        self.request.relay_information.as_ref().and_then(Line::of)
    }

    /// Returns whether the datagram was sent from the address that it releases or, if it was
    /// forwarded and the lease came over no line, from the relay. Any host can write another
    /// address into ciaddr or giaddr.
    fn is_from_client_of(&self, known: Option<&Line>) -> bool {
        let request = self.request;
        let is_from = |address| *request.arrival.source.ip() == address;
        match request.is_relayed() {
            false => is_from(request.client_address),
            true => known.is_none() && is_from(request.relay_address),
        }
    }

    /// The binding as it is after its release.
    pub(super) fn released(&self, binding: Binding) -> Binding {
        Binding {
            state: BindingState::Released,
            changed_at: self.now,
            expires_at: self.now,
            ..binding
        }
    }
}

/// The active lease of an address, if it has one.
pub(super) fn active_lease(view: SlotView<'_>) -> Option<Binding> {
    view.binding().filter(|_| view.active().is_some())
}

/// The line of the client's last relayed message in the record `lease`.
fn line_of(lease: &Binding) -> Option<Line> {
    lease.relay_information.as_ref().and_then(Line::of)
}
