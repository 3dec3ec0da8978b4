//! How full pools are, and how full they look to the client of one request.
//!
//! Invariant: what the client of the request has or is offered counts as free. So a policy sees the
//! same numbers when the client asks for an offer, takes it and extends its lease, and does not
//! count an address that it gave to this client against this client. A drained pool has no other
//! free address.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{Request, ledger::Standing};

use super::{Engine, family::SlotView, identity};

/// The number of addresses of a pool in each state. A lease, offer or quarantine that has ended is
/// counted until its end is noticed, by a request for the address or by [`Engine::reclaim`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct PoolUsage {
    /// The pool.
    pub pool: Arc<str>,
    /// All addresses that the pool may give out: its range without reserved and skipped addresses.
    pub size: u64,
    /// Leased and not expired.
    pub leased: u64,
    /// Held for an open offer.
    pub offered: u64,
    /// Not given out for a time after a DECLINE.
    pub quarantined: u64,
}

impl PoolUsage {
    /// The addresses that are neither leased, nor offered, nor quarantined.
    pub const fn free(&self) -> u64 {
        let taken = self.leased.saturating_add(self.offered).saturating_add(self.quarantined);
        self.size.saturating_sub(taken)
    }
}

impl Engine {
    /// How full the pools are, in order of configuration.
    pub fn usage(&self) -> Vec<PoolUsage> {
        let pools = self.bindings.usage().enumerate().filter_map(|(position, usage)| {
            Some(PoolUsage {
                pool: Arc::clone(&self.plan.configured_pool(position)?.name),
                size: usage.size,
                leased: usage.leased,
                offered: usage.offered,
                quarantined: usage.quarantined,
            })
        });
        pools.collect()
    }

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
            let active = self.bindings.slot(*address).and_then(SlotView::active);
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
