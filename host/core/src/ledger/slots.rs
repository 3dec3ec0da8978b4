//! Slots by resource, in pages of a few neighbours, and the queue of the pages by what ends first.
//!
//! Resources are given out side by side, so pages are small for what they hold, and no growth ever
//! moves all slots at once, which would be a pause. The queue has one entry for a page and is lazy,
//! because most ends move: a lease that is renewed leaves the entry where it is, and the entry is put
//! right when it comes up. Invariant: a page with a slot that ends at all has one entry, which is not
//! later than the first end on the page unless a change is in flight there; a page of which nothing is
//! known does not exist.

use std::collections::BTreeSet;

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use smallvec::SmallVec;

use crate::Timestamp;

use super::{
    family::{Family, PAGE_SIZE, Place},
    slot::{Slot, View},
};

/// When a page is looked at again on which something would have ended that is in flight.
const IN_FLIGHT_RETRY_SECS: u32 = 1;

/// The page of a resource.
pub(crate) type PageOf<F> = <<F as Family>::Resource as Place>::Page;

/// What has ended on a page.
pub(super) type Ended<F> = SmallVec<[(Timestamp, <F as Family>::Resource); 4]>;

/// What is known of resources.
#[derive(Clone, Debug)]
pub(super) struct Slots<F: Family> {
    pages: HashMap<PageOf<F>, Page<F>, FixedState>,
    queue: BTreeSet<(Timestamp, PageOf<F>)>,
}

#[derive(Clone, Debug)]
struct Page<F: Family> {
    known: usize,
    /// Where its entry in the queue stands; [`Timestamp::NEVER`] if there is none.
    queued_for: Timestamp,
    slots: Box<[Slot<F>]>,
}

impl<F: Family> Slots<F> {
    /// Nothing is known.
    pub(super) fn new(hasher: &FixedState) -> Self {
        Self { pages: HashMap::with_hasher(hasher.clone()), queue: BTreeSet::new() }
    }

    /// What is known of `resource`, if anything is.
    pub(super) fn get(&self, resource: F::Resource) -> Option<View<'_, F>> {
        let (page, place) = resource.page();
        let slot = self.pages.get(&page)?.slots.get(place).filter(|slot| slot.is_known())?;
        Some(slot.view(resource))
    }

    /// A copy of what is known of `resource`.
    pub(super) fn copy(&self, resource: F::Resource) -> Option<Slot<F>> {
        let (page, place) = resource.page();
        self.pages.get(&page)?.slots.get(place).filter(|slot| slot.is_known()).cloned()
    }

    /// Changes what is known of `resource`.
    pub(super) fn change(&mut self, resource: F::Resource, change: impl FnOnce(&mut Slot<F>)) {
        let (number, place) = resource.page();
        let page = self.pages.entry(number).or_insert_with(Page::new);
        let Some(slot) = page.slots.get_mut(place) else { return };
        let was_known = slot.is_known();
        change(slot);
        match (was_known, slot.is_known()) {
            (false, true) => page.known += 1,
            (true, false) => page.known -= 1,
            _ => {}
        }
        let end = slot.view(resource).end();
        if page.known == 0 {
            self.queue.remove(&(page.queued_for, number));
            self.pages.remove(&number);
        } else if end < page.queued_for {
            page.requeue(number, end, &mut self.queue);
        }
    }

    /// When to look for what has ended.
    pub(super) fn next_end(&self) -> Option<Timestamp> {
        self.queue.first().map(|(at, _)| *at)
    }

    /// What has ended on the page that is due first, in order; none if none is due. The caller notices
    /// each, and then says [`Slots::look_again`].
    pub(super) fn due(&self, now: Timestamp) -> Option<(PageOf<F>, Ended<F>)> {
        let (at, page) = self.queue.first()?;
        (*at <= now).then(|| (*page, self.ended_on(*page, now)))
    }

    /// Queues a page for what ends next there.
    pub(super) fn look_again(&mut self, now: Timestamp, number: PageOf<F>) {
        let Some(page) = self.pages.get_mut(&number) else { return };
        let next = page.views(number).map(|view| match view.end() {
            end if end <= now => now.after_secs(IN_FLIGHT_RETRY_SECS),
            end => end,
        });
        let next = next.min().unwrap_or(Timestamp::NEVER);
        page.requeue(number, next, &mut self.queue);
    }

    /// Every resource of the pages that are due, up to the page with which `limit` things have ended or
    /// been looked at for nothing.
    pub(super) fn on_due_pages(&self, now: Timestamp, limit: usize) -> Vec<F::Resource> {
        let mut found = Vec::new();
        let mut looked_at = 0;
        for (_, number) in self.queue.iter().take_while(|(at, _)| *at <= now) {
            if looked_at >= limit {
                break;
            }
            looked_at += self.ended_on(*number, now).len().max(1);
            found.extend(self.on_page(*number).map(|view| view.resource));
        }
        found
    }

    /// Queues the page of `resource` as in `whole`, of which this is a part.
    pub(super) fn queue_like(&mut self, whole: &Self, resource: F::Resource) {
        let (number, _) = resource.page();
        let Some(queued_for) = whole.pages.get(&number).map(|page| page.queued_for) else { return };
        if let Some(page) = self.pages.get_mut(&number) {
            page.requeue(number, queued_for, &mut self.queue);
        }
    }

    fn ended_on(&self, number: PageOf<F>, now: Timestamp) -> Ended<F> {
        let ended = self.on_page(number).filter(|view| view.end() <= now && !view.is_in_flight());
        let mut ended: Ended<F> = ended.map(|view| (view.end(), view.resource)).collect();
        ended.sort_unstable();
        ended
    }

    /// Everything that is known, in order of resource.
    pub(super) fn iter(&self) -> impl Iterator<Item = View<'_, F>> {
        self.pages().into_iter().flat_map(|number| self.on_page(number))
    }

    /// Every page of which something is known, in order.
    pub(super) fn pages(&self) -> Vec<PageOf<F>> {
        let mut pages: Vec<_> = self.pages.keys().copied().collect();
        pages.sort_unstable();
        pages
    }

    /// Everything that is known of the resources of a page, in order.
    pub(super) fn on_page(&self, number: PageOf<F>) -> impl Iterator<Item = View<'_, F>> {
        self.pages.get(&number).into_iter().flat_map(move |page| page.views(number))
    }

    /// The same, with the slots themselves.
    pub(super) fn into_iter(self) -> impl Iterator<Item = (F::Resource, Slot<F>)> {
        let mut pages: Vec<_> = self.pages.into_iter().collect();
        pages.sort_unstable_by_key(|(number, _)| *number);
        pages.into_iter().flat_map(|(number, page)| {
            let known = page.slots.into_iter().enumerate().filter(|(_, slot)| slot.is_known());
            known.filter_map(move |(place, slot)| Some((F::Resource::at(number, place)?, slot)))
        })
    }

    /// The hasher, for tables that take part in the same seed.
    pub(super) fn hasher(&self) -> &FixedState {
        self.pages.hasher()
    }

    /// Panics unless the queue is as the module says.
    #[cfg(test)]
    pub(super) fn check(&self) {
        for (number, page) in &self.pages {
            let ends = page.views(*number).filter(|view| !view.is_in_flight()).map(View::end);
            assert!(page.queued_for <= ends.min().unwrap_or(Timestamp::NEVER));
            let is_queued = self.queue.contains(&(page.queued_for, *number));
            assert_eq!(is_queued, page.queued_for != Timestamp::NEVER);
            assert!(page.known > 0 && page.known == page.views(*number).count());
        }
        let queued = |page: &&Page<F>| page.queued_for != Timestamp::NEVER;
        assert_eq!(self.queue.len(), self.pages.values().filter(queued).count());
    }
}

impl<F: Family> Page<F> {
    fn new() -> Self {
        let slots = (0..PAGE_SIZE).map(|_| Slot::UNKNOWN).collect();
        Self { known: 0, queued_for: Timestamp::NEVER, slots }
    }

    fn requeue(
        &mut self,
        number: PageOf<F>,
        at: Timestamp,
        queue: &mut BTreeSet<(Timestamp, PageOf<F>)>,
    ) {
        if self.queued_for != Timestamp::NEVER {
            queue.remove(&(self.queued_for, number));
        }
        if at != Timestamp::NEVER {
            queue.insert((at, number));
        }
        self.queued_for = at;
    }

    fn views(&self, number: PageOf<F>) -> impl Iterator<Item = View<'_, F>> {
        let known = self.slots.iter().enumerate().filter(|(_, slot)| slot.is_known());
        known.filter_map(move |(place, slot)| Some(slot.view(F::Resource::at(number, place)?)))
    }
}
