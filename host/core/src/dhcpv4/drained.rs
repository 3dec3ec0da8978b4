//! Drained pools: clients that have an address of such a pool keep and renew it, and no other
//! client gets one.
//!
//! Does not decide; `entitlement` and `discover` skip these pools. Invariant: a drain belongs to
//! the name of a pool, so it outlives a configuration that does not have the pool.

use std::{borrow::Cow, collections::BTreeSet, sync::Arc};

use super::{Engine, plan::Plan};

/// The drained pools of a network.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Drained {
    names: BTreeSet<Arc<str>>,
    /// The positions of these pools in the plan, in order.
    positions: Vec<usize>,
}

/// No drained pool.
pub(super) static NONE: Drained = Drained { names: BTreeSet::new(), positions: Vec::new() };

impl Drained {
    /// The pools of `plan` with one of these names.
    pub(super) fn new(names: BTreeSet<Arc<str>>, plan: &Plan) -> Self {
        let pools = names.iter().filter_map(|name| plan.pools_named(name)).flatten();
        let mut positions: Vec<usize> = pools.copied().collect();
        positions.sort_unstable();
        Self { names, positions }
    }

    /// The same pools by name in another plan.
    pub(super) fn within(&mut self, plan: &Plan) {
        if !self.names.is_empty() {
            *self = Self::new(std::mem::take(&mut self.names), plan);
        }
    }

    /// The positions of the drained pools, in order.
    pub(super) fn positions(&self) -> &[usize] {
        &self.positions
    }

    /// Returns whether the pool at `position` is drained.
    pub(super) fn has(&self, position: usize) -> bool {
        self.positions.binary_search(&position).is_ok()
    }

    /// Those of `pools` that are not drained.
    pub(super) fn others<'p>(&self, pools: &'p [usize]) -> Cow<'p, [usize]> {
        if self.positions.is_empty() || !pools.iter().any(|pool| self.has(*pool)) {
            return Cow::Borrowed(pools);
        }
        pools.iter().copied().filter(|pool| !self.has(*pool)).collect()
    }
}

impl Engine {
    /// Sets the pools that are drained, by name. A name that the network does not have takes effect
    /// with a configuration that has it.
    pub fn set_drained(&mut self, names: impl IntoIterator<Item = Arc<str>>) {
        self.drained = Drained::new(names.into_iter().collect(), &self.plan);
    }

    /// The names of the pools that are drained, in order.
    pub fn drained(&self) -> impl Iterator<Item = &Arc<str>> {
        self.drained.names.iter()
    }
}
