//! How long a lease lasts: as scopes and terms say, shorter while few addresses of its pool are
//! left, and within the cache threshold only for the rest of the lease on record.
//!
//! Does not write the reply or the record. Invariant: a client never gets a longer time than its
//! record has, or will have before the reply leaves.

use crate::{
    Binding, INFINITE_SECS, RelayInformation, RequestKind, ShorteningStep, Timestamp, relay,
};

use super::{decider::Decider, decision::LeaseTimeRule, family::SlotView, plan::address_of};

/// The lease time that a client gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LeaseGrant {
    pub(super) secs: u32,
    pub(super) rule: Option<LeaseTimeRule>,
}

impl Decider<'_, '_> {
    /// The lease time of a client that gets `address`: the rest of its lease if that need not be
    /// extended yet, otherwise the time of [`Decider::full_lease_time`].
    pub(super) fn lease_time(&self, address: u32) -> LeaseGrant {
        let full = self.full_lease_time(address);
        match self.rest_of_kept(address, full.secs) {
            Some(rest) => LeaseGrant { secs: rest.min(full.secs), rule: Some(LeaseTimeRule::Kept) },
            None => full,
        }
    }

    /// The lease time of a client whose lease of `address` begins or is extended now.
    pub(super) fn full_lease_time(&self, address: u32) -> LeaseGrant {
        let secs = self.parameters(address).lease_time_secs();
        match self.shortening_step(address) {
            Some(step) if step.lease_time_secs < secs => {
                let secs = step.lease_time_secs;
                LeaseGrant { secs, rule: Some(LeaseTimeRule::Shortened) }
            }
            _ => LeaseGrant { secs, rule: None },
        }
    }

    /// The step of the pool of `address`, whose fill level includes this client. A BOOTP client
    /// never extends its lease, so that it gets no shorter one.
    fn shortening_step(&self, address: u32) -> Option<ShorteningStep> {
        if self.request.kind == RequestKind::Bootp {
            return None;
        }
        let pool = self.plan.giving_pool_of(address)?;
        let shortening = &self.plan.configured_pool(pool)?.rules.shortening;
        if shortening.is_empty() {
            return None;
        }
        let usage = self.bindings.usage_of(pool)?;
        let is_free = self.bindings.standing(address).is_free();
        shortening.step(usage.used() + u64::from(is_free), usage.size)
    }

    /// The rest of the client's lease of `address` in whole seconds, if the lease need not be
    /// extended for a client that would get `secs` now: less than the threshold of its time has
    /// passed, it was not granted for less than `secs`, and its record would change in nothing but
    /// its times.
    fn rest_of_kept(&self, address: u32, secs: u32) -> Option<u32> {
        let threshold = self.parameters(address).cache_threshold()?;
        let record = self.bindings.slot(address).and_then(SlotView::active)?;
        let (changed_at, expires_at) = (record.changed_at(), record.expires_at());
        let rest = if expires_at == Timestamp::NEVER {
            (secs == INFINITE_SECS).then_some(INFINITE_SECS)?
        } else {
            let lasts_ms = positive(changed_at.ms_until(expires_at))?;
            let passed_ms = u64::try_from(changed_at.ms_until(self.now)).unwrap_or(0);
            let is_early = threshold.is_more_than(passed_ms, lasts_ms);
            let is_enough = u64::from(secs) * 1000 <= lasts_ms;
            let rest_ms = positive(self.now.ms_until(expires_at))?;
            (is_early && is_enough).then(|| u32::try_from(rest_ms / 1000).ok())??
        };
        let on_record = record.binding(address);
        let extended = self.leased(address, secs);
        let is_same =
            is_same_way(extended.relay_information.as_ref(), on_record.relay_information.as_ref());
        let relay_information = on_record.relay_information.clone().filter(|_| is_same);
        let revision = on_record.revision;
        let extended = Binding { changed_at, expires_at, revision, relay_information, ..extended };
        debug_assert_eq!(extended.address, address_of(address));
        (rest > 0 && is_same && extended == on_record).then_some(rest)
    }
}

/// Returns whether two messages came the same way. The flags of a relay differ between a client's
/// first messages, which it broadcasts, and its extensions (RFC 5010), so they do not count.
fn is_same_way(one: Option<&RelayInformation>, other: Option<&RelayInformation>) -> bool {
    let without_flags = |found: &RelayInformation| found.octets_without(relay::RELAY_FLAGS);
    one == other || one.map(without_flags) == other.map(without_flags)
}

fn positive(ms: i64) -> Option<u64> {
    u64::try_from(ms).ok().filter(|ms| *ms > 0)
}
