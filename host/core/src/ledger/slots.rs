//! Slots by resource, in pages of a few neighbours, and a queue of pages ordered by their next end.
//!
//! Does not notice ends; the caller does. Resources are given out side by side, so pages are well
//! filled, and growth never moves all slots at once, which would cause a pause. The queue has one
//! entry per page and is lazy because most ends move: a lease that is renewed leaves the entry
//! where it is, and the entry is corrected when it becomes due. Invariant: a page with a slot that
//! can end has one entry, which is not later than the first end on the page unless a change is in
//! flight there; a page without a known slot does not exist.

use std::collections::BTreeSet;

use hashbrown::HashMap;
use smallvec::SmallVec;

use crate::{Timestamp, keyed_hash::KeyedState};

use super::{
    family::{Family, PAGE_SIZE, Resource},
    slot::{Slot, SlotView},
};

/// The delay before a page is examined again on which a change in flight kept something from
/// ending.
const IN_FLIGHT_RETRY_SECS: u32 = 1;

/// The page of a resource.
pub(crate) type PageOf<F> = <<F as Family>::Resource as Resource>::Page;

/// What has ended on a page.
pub(super) type Ended<F> = SmallVec<[(Timestamp, <F as Family>::Resource); 4]>;

/// The known slots.
#[derive(Clone, Debug)]
pub(super) struct Slots<F: Family> {
    pages: HashMap<PageOf<F>, Page<F>, KeyedState>,
    queue: BTreeSet<(Timestamp, PageOf<F>)>,
}

#[derive(Clone, Debug)]
struct Page<F: Family> {
    known: usize,
    /// The time of the page's entry in the queue; [`Timestamp::NEVER`] if it has no entry.
    queued_for: Timestamp,
    slots: Box<[Slot<F>]>,
}

impl<F: Family> Slots<F> {
    /// Creates an empty collection.
    pub(super) fn new(hasher: &KeyedState) -> Self {
        Self { pages: HashMap::with_hasher(hasher.clone()), queue: BTreeSet::new() }
    }

    /// The slot of `resource`, or `None` if nothing is known of it.
    pub(super) fn get(&self, resource: F::Resource) -> Option<SlotView<'_, F>> {
        let (page, place) = resource.page();
        let slot = self.pages.get(&page)?.slots.get(place).filter(|slot| slot.is_known())?;
        Some(slot.view(resource))
    }

    /// A copy of the slot of `resource`.
    pub(super) fn copy(&self, resource: F::Resource) -> Option<Slot<F>> {
        let (page, place) = resource.page();
        self.pages.get(&page)?.slots.get(place).filter(|slot| slot.is_known()).cloned()
    }

    /// Changes the slot of `resource`.
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

    /// The time at which the first page in the queue is due.
    pub(super) fn next_end(&self) -> Option<Timestamp> {
        self.queue.first().map(|(at, _)| *at)
    }

    /// The page that is due first and what has ended on it, in order; `None` if no page is due. The
    /// caller notices each end and then calls [`Slots::look_again`].
    pub(super) fn due(&self, now: Timestamp) -> Option<(PageOf<F>, Ended<F>)> {
        let (at, page) = self.queue.first()?;
        (*at <= now).then(|| (*page, self.ended_on(*page, now)))
    }

    /// Queues a page for its next end.
    pub(super) fn look_again(&mut self, now: Timestamp, number: PageOf<F>) {
        let Some(page) = self.pages.get_mut(&number) else { return };
        let next = page.views(number).map(|view| match view.end() {
            end if end <= now => now.after_secs(IN_FLIGHT_RETRY_SECS),
            end => end,
        });
        let next = next.min().unwrap_or(Timestamp::NEVER);
        page.requeue(number, next, &mut self.queue);
    }

    /// Every known resource of the pages that are due, up to the page with which `limit` ends were
    /// found. A page on which nothing has ended counts as one.
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

    /// All known slots, in order of resource.
    pub(super) fn iter(&self) -> impl Iterator<Item = SlotView<'_, F>> {
        self.pages().into_iter().flat_map(|number| self.on_page(number))
    }

    /// Every page that has a known slot, in order.
    pub(super) fn pages(&self) -> Vec<PageOf<F>> {
        let mut pages: Vec<_> = self.pages.keys().copied().collect();
        pages.sort_unstable();
        pages
    }

    /// All known slots of a page, in order.
    pub(super) fn on_page(&self, number: PageOf<F>) -> impl Iterator<Item = SlotView<'_, F>> {
        self.pages.get(&number).into_iter().flat_map(move |page| page.views(number))
    }

    /// All known slots by value, in order of resource.
    pub(super) fn into_iter(self) -> impl Iterator<Item = (F::Resource, Slot<F>)> {
        let mut pages: Vec<_> = self.pages.into_iter().collect();
        pages.sort_unstable_by_key(|(number, _)| *number);
        pages.into_iter().flat_map(|(number, page)| {
            let known = page.slots.into_iter().enumerate().filter(|(_, slot)| slot.is_known());
            known.filter_map(move |(place, slot)| Some((F::Resource::at(number, place)?, slot)))
        })
    }

    /// The hasher, for other tables that use the same seed.
    pub(super) fn hasher(&self) -> &KeyedState {
        self.pages.hasher()
    }

    /// Panics unless the queue satisfies the invariant of the module.
    #[cfg(test)]
    pub(super) fn check(&self) {
        for (number, page) in &self.pages {
            let ends = page.views(*number).filter(|view| !view.is_in_flight()).map(SlotView::end);
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

    fn views(&self, number: PageOf<F>) -> impl Iterator<Item = SlotView<'_, F>> {
        let known = self.slots.iter().enumerate().filter(|(_, slot)| slot.is_known());
        known.filter_map(move |(place, slot)| Some(slot.view(F::Resource::at(number, place)?)))
    }
}
