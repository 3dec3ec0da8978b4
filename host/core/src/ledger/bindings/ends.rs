//! The ends of leases, quarantines and offers.
//!
//! An end is noticed when a decision looks at the resource, or when the caller asks for what is
//! due. Invariant: no end is noticed while a change of the resource is in flight.

use smallvec::SmallVec;

use crate::{BindingState, Timestamp};

use super::{
    super::{
        family::{BindingRecord as _, Family},
        slot::{NextClaim, NextRecord},
    },
    Bindings,
};

/// The maximum number of leases that wait for [`Bindings::take_unreported`] after a decision
/// noticed their end; beyond it, the oldest are dropped.
pub(crate) const UNREPORTED_MAX: usize = 65_536;

impl<F: Family> Bindings<F> {
    /// Ends the lease, quarantine or offer that holds `resource` if its time is over.
    pub(crate) fn notice(&mut self, now: Timestamp, resource: F::Resource) {
        let Some(view) = self.slots.get(resource) else { return };
        if view.end() > now || view.is_in_flight() {
            return;
        }
        let has_lapsed = view.offer().is_some_and(|offer| offer.expires_at <= now);
        let ended = view.record().filter(|record| view.holds() && record.expires_at() <= now);
        let has_ended = ended.is_some();
        let ended_lease = ended
            .filter(|record| record.state() == BindingState::Leased)
            .map(|record| record.binding(resource));
        if has_lapsed {
            self.withdraw_offer_of(resource);
        }
        if has_ended {
            self.change(resource, NextRecord::Ended, NextClaim::Same);
        }
        if let Some(lease) = ended_lease {
            if self.unreported.len() >= UNREPORTED_MAX {
                self.unreported.pop_front();
            }
            self.unreported.push_back(lease);
        }
    }

    /// Ends everything on the account of a subscriber whose time is over.
    pub(crate) fn notice_account(&mut self, now: Timestamp, subscriber: &str) {
        while let Some(resource) = self.account(subscriber).and_then(|found| found.ended(now)) {
            self.notice(now, resource);
        }
    }

    /// Ends every quarantine on an account whose time is over.
    pub(crate) fn notice_quarantines(&mut self, now: Timestamp, account: &F::Account) {
        let ended: SmallVec<[F::Resource; 4]> = self.quarantines.ended(account, now).collect();
        for resource in ended {
            self.notice(now, resource);
        }
    }

    /// Ends what is due, page by page, and stops after the page with which at least `limit` ends
    /// were noticed. A page on which nothing has ended counts as one.
    pub(crate) fn notice_due(&mut self, now: Timestamp, limit: usize) {
        let mut looked_at = 0;
        while looked_at < limit
            && let Some((page, ended)) = self.slots.due(now)
        {
            looked_at += ended.len().max(1);
            for (_, resource) in ended {
                self.notice(now, resource);
            }
            self.slots.look_again(now, page);
        }
    }

    /// Removes and returns at most `limit` leases whose end was noticed, in the order in which it
    /// was noticed.
    pub(crate) fn take_unreported(&mut self, limit: usize) -> Vec<F::Binding> {
        let count = limit.min(self.unreported.len());
        self.unreported.drain(..count).collect()
    }

    /// The time at which to call [`Bindings::notice_due`] next.
    pub(crate) fn next_deadline(&self) -> Option<Timestamp> {
        let unreported = self.unreported.front().map(|lease| lease.tenure().expires_at);
        unreported.or_else(|| self.slots.next_end())
    }
}
