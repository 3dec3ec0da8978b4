//! Changes of the layout: which pools there are, and which resources they give out.
//!
//! Changes no record or claim, except those that move to other bindings or come from there.

use std::{collections::BTreeSet, sync::Arc};

use super::{
    super::{
        family::{Family, Layout},
        pool::{Pool, Standing},
        slot::{Claim, NextRecord, Slot, SlotView},
    },
    Bindings,
    change::{enter_lists, leave_lists},
};

impl<F: Family> Bindings<F> {
    /// Returns whether pools do not give out `resource` because it is the server's own.
    pub(crate) fn is_withheld(&self, resource: F::Resource) -> bool {
        self.withheld.contains(&resource)
    }

    /// Sets the resources that pools do not give out. Takes time in proportion to their number.
    pub(crate) fn withhold(&mut self, resources: BTreeSet<F::Resource>) {
        let former = std::mem::replace(&mut self.withheld, resources.clone());
        for resource in former.difference(&resources) {
            self.list_in_pool(*resource);
        }
        for resource in resources.difference(&former) {
            self.unlist_in_pool(*resource);
        }
    }

    /// Switches to another layout of the pools.
    pub(crate) fn lay_out(&mut self, layout: Arc<F::Layout>) {
        self.layout = layout;
        self.pools = fresh_pools::<F>(&self.layout);
        self.quarantines.lay_out(self.pools.len());
        self.open_offers.lay_out(self.pools.len());
        for view in self.slots.iter() {
            let resource = view.resource;
            if let Some(position) = self.layout.giving_pool_of(resource)
                && let Some(pool) = self.pools.get_mut(position)
            {
                pool.leave(resource, Standing::Fresh);
                pool.enter(resource, view.standing());
                enter_lists(&mut self.quarantines, &mut self.open_offers, position, view);
            }
        }
        for resource in self.withheld.clone() {
            self.unlist_in_pool(resource);
        }
    }

    /// Switches to another layout that has the same pools, except that they may or may not give the
    /// `differing` resources.
    pub(crate) fn keep_pools_of(
        &mut self,
        layout: Arc<F::Layout>,
        differing: impl IntoIterator<Item = F::Resource>,
    ) {
        let given = differing.into_iter().filter(|resource| !self.withheld.contains(resource));
        let given: Vec<F::Resource> = given.collect();
        given.iter().for_each(|resource| self.unlist_in_pool(*resource));
        self.layout = layout;
        given.iter().for_each(|resource| self.list_in_pool(*resource));
    }

    /// Removes and returns the slots of all resources for which `fits` returns `true`.
    pub(crate) fn take_all(
        &mut self,
        fits: impl Fn(F::Resource) -> bool,
    ) -> Vec<(F::Resource, Slot<F>)> {
        let known = self.slots.iter().map(|view| view.resource);
        let resources: Vec<F::Resource> = known.filter(|resource| fits(*resource)).collect();
        let taken = resources.into_iter().filter_map(|resource| {
            let slot = self.slots.copy(resource)?;
            self.put(resource, NextRecord::Record(None), None);
            Some((resource, slot))
        });
        taken.collect()
    }

    /// All known resources with their slots, in order of resource.
    pub(crate) fn into_slots(self) -> impl Iterator<Item = (F::Resource, Slot<F>)> {
        self.slots.into_iter()
    }

    /// Adopts the slot of a resource from other bindings. An offer is dropped if its holder already
    /// has another.
    pub(crate) fn take_in(&mut self, resource: F::Resource, slot: Slot<F>) {
        let Slot { record, claim } = slot;
        let claim = claim.map(|claim| *claim).filter(|claim| match claim {
            Claim::Offer(offer) => self.offered_to(&offer.holder).is_none(),
            Claim::Flight(_) => true,
        });
        self.put(resource, NextRecord::Record(record), claim);
    }

    /// Removes a resource from the lists of its pool, in any state.
    fn unlist_in_pool(&mut self, resource: F::Resource) {
        let Some(position) = self.layout.giving_pool_of(resource) else { return };
        let view = self.slots.get(resource);
        if let Some(pool) = self.pools.get_mut(position) {
            pool.withhold(resource, view.map_or(Standing::Fresh, SlotView::standing));
        }
        if let Some(view) = view {
            leave_lists(&mut self.quarantines, &mut self.open_offers, position, view);
        }
    }

    /// Puts a resource that was removed back on the lists of its pool.
    fn list_in_pool(&mut self, resource: F::Resource) {
        let Some(position) = self.layout.giving_pool_of(resource) else { return };
        let view = self.slots.get(resource);
        if let Some(pool) = self.pools.get_mut(position) {
            pool.give_again(resource, view.map_or(Standing::Fresh, SlotView::standing));
        }
        if let Some(view) = view {
            enter_lists(&mut self.quarantines, &mut self.open_offers, position, view);
        }
    }
}

pub(super) fn fresh_pools<F: Family>(layout: &F::Layout) -> Vec<Pool<F>> {
    layout.pools().into_iter().map(Pool::new).collect()
}
