//! A copy of the slots and lists that one decision can read. It allows a decision to be tried
//! without consequences, in a time that does not depend on the number of bindings.
//!
//! Makes no decision itself. Invariant: a decision on the part has the same result as on the whole.

use std::{
    collections::{BTreeSet, VecDeque},
    iter,
    sync::Arc,
};

use crate::Timestamp;

use super::{
    super::{
        family::{Family, Holder},
        holders::Holders,
        open_offers::OpenOffers,
        pool::Pool,
        slot::SlotView,
        slots::Slots,
        subscribers::{SubscriberAccount, Subscribers},
    },
    Bindings, RETURNED_LOOKED_AT_MAX, WITHDRAWN_FOR_ONE_MAX,
};

/// What a decision can read, except resources that were never used.
#[derive(Clone, Debug)]
pub(crate) struct Scope<'d, F: Family> {
    /// The time of the decision.
    pub(crate) now: Timestamp,
    /// The holders that the request can belong to.
    pub(crate) holders: Vec<F::Holder>,
    /// Where the request came from.
    pub(crate) source: Arc<F::Source>,
    /// The subscriber whose account the decision counts on.
    pub(crate) subscriber: Option<&'d str>,
    /// The resources that the message, the terms and reservations name.
    pub(crate) named: Vec<F::Resource>,
    /// The accounts against which a declined resource would count.
    pub(crate) accounts: Vec<F::Account>,
    /// How many ends the decision notices before it reports that nothing is free.
    pub(crate) due_max: usize,
    /// How many quarantined resources of a pool the decision examines.
    pub(crate) looked_at_max: usize,
    /// How many other offers the decision can close.
    pub(crate) closed_max: usize,
    /// From where the decision searches each pool for a resource that was never used; empty if it
    /// starts at the lowest one everywhere.
    pub(crate) starts: Vec<Option<F::Resource>>,
}

impl<F: Family> Bindings<F> {
    /// Copies what a decision can read.
    pub(crate) fn part(&self, scope: &Scope<'_, F>) -> Self {
        let hasher = self.slots.hasher();
        let set_aside_max = scope.due_max + scope.looked_at_max;
        let mut part = Self {
            layout: Arc::clone(&self.layout),
            slots: Slots::new(hasher),
            holders: Holders::new(hasher),
            subscribers: Subscribers::new(hasher),
            quarantines: self.quarantines.head(&scope.accounts, set_aside_max, hasher),
            open_offers: OpenOffers::new(0, hasher),
            pools: heads(&self.pools, &scope.starts),
            unreported: VecDeque::new(),
            withheld: self.withheld.clone(),
        };
        let account = scope.subscriber.and_then(|name| self.account(name));
        if let Some(account) = account {
            part.subscribers.copy(account);
        }
        let due = self.slots.on_due_pages(scope.now, scope.due_max);
        let mut resources = self.looked_at(&part, scope);
        resources.extend(&due);
        let offers = resources.iter().filter_map(|resource| self.slot(*resource)?.offer());
        let sources = offers.map(|offer| Arc::clone(&offer.source));
        let sources: Vec<_> = sources.chain([Arc::clone(&scope.source)]).collect();
        let on_account = account.map_or(0, SubscriberAccount::offers_len);
        let closed_max = scope.due_max
            + super::super::PAGE_SIZE
            + WITHDRAWN_FOR_ONE_MAX
            + on_account
            + scope.closed_max;
        part.open_offers = self.open_offers.head(&sources, closed_max + 1);
        resources.extend(part.open_offers.resources());
        for resource in resources {
            part.copy_from(self, resource);
        }
        for resource in due {
            part.slots.queue_like(&self.slots, resource);
        }
        part
    }

    /// The resources that a decision can read, except those that were never used, those on pages
    /// that are due, and those of open offers.
    fn looked_at(&self, part: &Self, scope: &Scope<'_, F>) -> BTreeSet<F::Resource> {
        let holders = scope.holders.iter().map(Holder::octets);
        let known = holders.flat_map(|holder| self.holders.resources(&holder).collect::<Vec<_>>());
        let free = part.pools.iter().flat_map(Pool::returned).map(|(_, resource)| resource);
        let account = scope.subscriber.and_then(|name| part.account(name));
        let on_account = account.into_iter().flat_map(SubscriberAccount::resources);
        let set_aside = part.quarantines.resources(&scope.accounts);
        let named = scope.named.iter().copied();
        named.chain(known).chain(free).chain(on_account).chain(set_aside).collect()
    }

    fn copy_from(&mut self, whole: &Self, resource: F::Resource) {
        let Some(slot) = whole.slots.copy(resource) else { return };
        if let Some(concerned) = whole.slot(resource).map(SlotView::holders) {
            for holder in concerned.each() {
                let mut listed = whole.holders.resources(holder);
                if listed.any(|listed| listed == resource) {
                    self.holders.insert(holder, resource);
                }
            }
        }
        self.slots.change(resource, |place| *place = slot);
    }
}

/// Copies what one decision can read of each pool.
fn heads<F: Family>(pools: &[Pool<F>], starts: &[Option<F::Resource>]) -> Vec<Pool<F>> {
    let starts = starts.iter().copied().chain(iter::repeat(None));
    let pools = pools.iter().zip(starts);
    pools.map(|(pool, start)| pool.head(start, RETURNED_LOOKED_AT_MAX)).collect()
}
