//! How full pools are, as a policy sees it that decides about a request.
//!
//! Invariant: what the client of the request has or is offered counts as free. So a policy sees the
//! same numbers when the client asks for an offer, takes it and extends its lease, and does not
//! take back by its own count what it has given. A drained pool has no other free address.

use crate::{Request, ledger::Standing};

use super::{Engine, PoolUsage, family::View, identity};

impl Engine {
    /// How full the pools are for the client of a request, in order of configuration.
    pub fn usage_for(&self, request: &Request) -> Vec<PoolUsage> {
        let mut usage = self.usage();
        for position in self.drained.positions() {
            let Some(usage) = usage.get_mut(*position) else { continue };
            usage.size = usage.leased + usage.offered + usage.quarantined;
        }
        let Some(client) = identity::client_of(&self.plan, &self.bindings, request) else {
            return usage;
        };
        let offered = self.bindings.offer_of(&client.key).map(|offer| offer.resource);
        let known = self.bindings.records_of(client.on_record()).into_iter();
        let is_own = |address: &u32| {
            let active = self.bindings.slot(*address).and_then(View::active);
            active.is_some_and(|record| client.on_record().is_holder_of(record))
        };
        let leased = known.filter(|address| is_own(address) && Some(*address) != offered);
        for address in leased.chain(offered) {
            let pool = self.plan.giving_pool_of(address);
            let Some(usage) = pool.and_then(|pool| usage.get_mut(pool)) else { continue };
            let count = match self.bindings.standing(address) {
                Standing::Leased => &mut usage.leased,
                Standing::Offered => &mut usage.offered,
                Standing::Fresh | Standing::Returned(_) | Standing::Quarantined => continue,
            };
            *count = count.saturating_sub(1);
        }
        usage
    }
}
