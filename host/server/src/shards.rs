//! Shards: the engines of all networks, each behind a lock of its own.
//!
//! Not a decision maker: who decides is the engine. Here stands only who may reach it when, and
//! how leases pass from the engines of one configuration to those of the next.
//!
//! Invariant: at any time at most one live engine owns an address. A shard that was retired is
//! empty for ever; a finder must use the newer set.

use std::{
    collections::{HashMap, HashSet},
    net::Ipv4Addr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use lessor_core::{
    Engine, Lease, Location, Network, NetworkId, Remembered, Request, Timestamp, Topology,
};

use crate::waiting::{Waiting, Wake};

/// How many leases are looked up before others may have the lock of their network.
const LISTED_AT_ONCE: usize = 1024;

/// The engines of one topology.
#[derive(Debug, Default)]
pub(crate) struct Shards {
    topology: Topology,
    shards: Vec<Arc<Shard>>,
    /// Leases on storage that no configured network spans; kept for the day one does again.
    strays: Vec<Arc<Lease>>,
}

/// One network's engine and who waits for it; `None` once it was retired.
#[derive(Debug)]
struct Shard(Mutex<Option<Contents>>);

/// What a shard holds.
#[derive(Debug)]
struct Contents {
    engine: Engine,
    waiting: Waiting,
}

/// The shard was retired by a reload: a newer set of shards is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Retired;

impl Shards {
    /// Empty engines for every network.
    pub(crate) fn new(topology: Topology, hash_seed: u64) -> Self {
        let shards = topology
            .networks()
            .iter()
            .map(|network| Arc::new(Shard::new(Engine::new(Arc::clone(network), hash_seed))))
            .collect();
        Self { topology, shards, strays: Vec::new() }
    }

    /// Takes in a lease from storage, before any request is decided.
    pub(crate) fn restore(&mut self, now: Timestamp, lease: Arc<Lease>) {
        let location = self.topology.locate_address(lease.address);
        let Some(shard) = location.and_then(|location| self.shard(location.network)) else {
            self.strays.push(lease);
            return;
        };
        if let Some(contents) = shard.lock().as_mut() {
            contents.engine.restore(now, lease);
        }
    }

    /// How many leases on storage belong to no configured network.
    pub(crate) fn stray_leases(&self) -> usize {
        self.strays.len()
    }

    /// The networks and the way to them.
    pub(crate) fn topology(&self) -> &Topology {
        &self.topology
    }

    /// Where a request belongs.
    pub(crate) fn locate(&self, request: &Request) -> Option<Location> {
        self.topology.locate(request)
    }

    /// The network of a location.
    pub(crate) fn network(&self, id: NetworkId) -> Option<&Arc<Network>> {
        self.topology.networks().get(id.0 as usize)
    }

    /// Works on the engine of a network under its lock; keep it short.
    ///
    /// # Errors
    /// If the shard was retired.
    pub(crate) fn with_engine<T>(
        &self,
        id: NetworkId,
        work: impl FnOnce(&mut Engine) -> T,
    ) -> Result<T, Retired> {
        self.with_waiting(id, |engine, _| work(engine))
    }

    /// The same, with those who wait for changes of its addresses.
    ///
    /// # Errors
    /// If the shard was retired.
    pub(crate) fn with_waiting<T>(
        &self,
        id: NetworkId,
        work: impl FnOnce(&mut Engine, &mut Waiting) -> T,
    ) -> Result<T, Retired> {
        let shard = self.shard(id).ok_or(Retired)?;
        let mut contents = shard.lock();
        let Contents { engine, waiting } = contents.as_mut().ok_or(Retired)?;
        Ok(work(engine, waiting))
    }

    /// The same for the network that owns an address; `None` if no network does.
    pub(crate) fn with_owner_of<T>(
        &self,
        address: Ipv4Addr,
        work: impl FnOnce(&mut Engine) -> T,
    ) -> Result<Option<T>, Retired> {
        match self.topology.locate_address(address) {
            Some(location) => self.with_engine(location.network, work).map(Some),
            None => Ok(None),
        }
    }

    /// Visits every live engine, one lock at a time.
    pub(crate) fn for_each(&self, mut visit: impl FnMut(&mut Engine)) {
        for shard in &self.shards {
            if let Some(contents) = shard.lock().as_mut() {
                visit(&mut contents.engine);
            }
        }
    }

    /// Works on all live engines together, while all of their locks are held: every decision comes
    /// before it or after it. Not while a reload is under way.
    pub(crate) fn with_all<T>(&self, work: impl FnOnce(&mut [&mut Engine]) -> T) -> T {
        let mut guards: Vec<MutexGuard<'_, Option<Contents>>> =
            self.shards.iter().map(|shard| shard.lock()).collect();
        let contents = guards.iter_mut().filter_map(|guard| guard.as_mut());
        let mut engines: Vec<&mut Engine> = contents.map(|contents| &mut contents.engine).collect();
        work(&mut engines)
    }

    /// Shards for a new topology. Engines of networks that did not change are carried over as they
    /// are, and go on working meanwhile; the others are stopped, emptied into new engines and
    /// retired. `publish` is called with the new set before any retired shard can be seen as
    /// retired, so that a finder finds the new set as well.
    ///
    /// Takes time proportional to the leases of the networks that changed; only their clients wait.
    pub(crate) fn reconfigure(
        &self,
        now: Timestamp,
        topology: Topology,
        hash_seed: u64,
        publish: impl FnOnce(Arc<Self>),
    ) {
        let old: HashMap<&str, (&Arc<Network>, &Arc<Shard>)> = (self.topology.networks().iter())
            .zip(&self.shards)
            .map(|(network, shard)| (&*network.name, (network, shard)))
            .collect();
        let carried = |network: &Arc<Network>| {
            let (old_network, shard) = old.get(&*network.name)?;
            (*old_network == network).then(|| Arc::clone(shard))
        };
        let kept: Vec<Option<Arc<Shard>>> = topology.networks().iter().map(carried).collect();
        let kept_pointers: HashSet<*const Shard> = kept.iter().flatten().map(Arc::as_ptr).collect();
        let is_kept = |shard: &Arc<Shard>| kept_pointers.contains(&Arc::as_ptr(shard));

        // All locks are held until the new set is published. Nobody else takes two at a time, so
        // there is no order to get wrong.
        let mut retiring: Vec<MutexGuard<'_, Option<Contents>>> =
            self.shards.iter().filter(|shard| !is_kept(shard)).map(|shard| shard.lock()).collect();
        let retired = retiring.iter_mut().filter_map(|guard| guard.take());
        let (old_engines, mut waiting): (Vec<Engine>, Vec<Waiting>) =
            retired.map(|contents| (contents.engine, contents.waiting)).unzip();

        let changed = topology.only(|id| matches!(kept.get(id.0 as usize), Some(None)));
        let (rebuilt, outside) = Engine::rebuild(old_engines, &changed, hash_seed);
        let mut rebuilt = rebuilt.into_iter();
        let shards = kept.into_iter().filter_map(|kept| {
            kept.or_else(|| rebuilt.next().map(|engine| Arc::new(Shard::new(engine))))
        });
        let mut next = Self { shards: shards.collect(), topology, strays: Vec::new() };
        // Nobody hears any more what became of changes that are on their way.
        let outside = outside.iter().filter_map(Remembered::lease).map(Arc::new);
        for lease in outside.chain(self.strays.iter().cloned()) {
            next.restore(now, lease);
        }
        publish(Arc::new(next));
        drop(retiring);
        // Their requests are decided with the new engines, and wait there if they must.
        let waiting: Vec<Wake> = waiting.iter_mut().flat_map(Waiting::take_all).collect();
        waiting.into_iter().for_each(|wake| wake());
    }

    /// Every lease, network by network in order of address, until `visit` says that it has enough;
    /// whether it never said so. A network waits only while a few of its leases are looked up.
    ///
    /// # Errors
    /// If a network was retired before its last lease: newer shards have them all.
    pub(crate) fn each_lease(&self, mut visit: impl FnMut(Lease) -> bool) -> Result<bool, Retired> {
        for shard in &self.shards {
            let listing = shard.lock().as_ref().map(|contents| contents.engine.listing());
            let mut listing = listing.ok_or(Retired)?;
            loop {
                let contents = shard.lock();
                let engine = contents.as_ref().map(|contents| &contents.engine);
                let leases = engine.ok_or(Retired)?.list(&mut listing, LISTED_AT_ONCE);
                drop(contents);
                if leases.is_empty() {
                    break;
                }
                if !leases.into_iter().all(&mut visit) {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    fn shard(&self, id: NetworkId) -> Option<&Arc<Shard>> {
        self.shards.get(id.0 as usize)
    }
}

impl Shard {
    fn new(engine: Engine) -> Self {
        Self(Mutex::new(Some(Contents { engine, waiting: Waiting::default() })))
    }

    /// A panic under the lock poisons it; the engine's own invariants hold between its calls, and
    /// serving on is better than refusing a whole network.
    fn lock(&self) -> MutexGuard<'_, Option<Contents>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::OnceCell;

    use lessor_core::{ClientKey, HardwareAddress, LeaseState};

    use super::*;
    use crate::testing::{NOW, topology};

    fn lease(address: [u8; 4]) -> Lease {
        let hardware_address = HardwareAddress::ethernet([2, 0, 0, 0, 0, address[3]]);
        Lease {
            address: address.into(),
            client: ClientKey::Hardware(hardware_address),
            hardware_address,
            state: LeaseState::Leased,
            began_at: NOW,
            changed_at: NOW,
            expires_at: NOW.after_secs(3600),
            subscriber: None,
            relay_information: None,
            revision: 1,
        }
    }

    fn reconfigured(shards: &Shards, prefixes: &[&str]) -> Arc<Shards> {
        let next = OnceCell::new();
        shards.reconfigure(NOW, topology(prefixes), 7, |shards| next.set(shards).unwrap());
        next.into_inner().unwrap()
    }

    fn knows(shards: &Shards, address: [u8; 4]) -> bool {
        let known = shards
            .with_owner_of(address.into(), |engine| engine.lease_at(address.into()).is_some());
        known == Ok(Some(true))
    }

    #[test]
    fn an_unchanged_network_goes_on_and_a_changed_one_is_retired() {
        let mut old = Shards::new(topology(&["10.0.0.0/24", "10.1.0.0/24"]), 7);
        old.restore(NOW, lease([10, 0, 0, 5]).into());
        old.restore(NOW, lease([10, 1, 0, 5]).into());
        let new = reconfigured(&old, &["10.1.0.0/23", "10.0.0.0/24"]);
        assert!(knows(&old, [10, 0, 0, 5]) && knows(&new, [10, 0, 0, 5]));
        assert!(knows(&new, [10, 1, 0, 5]));
        let retired = old.with_owner_of([10, 1, 0, 5].into(), |_| ());
        assert_eq!(retired, Err(Retired));
    }

    #[test]
    fn leases_of_a_network_that_is_gone_serve_again_when_it_is_back() {
        let mut first = Shards::new(topology(&["10.0.0.0/24", "10.1.0.0/24"]), 7);
        first.restore(NOW, lease([10, 1, 0, 5]).into());
        let second = reconfigured(&first, &["10.0.0.0/24"]);
        assert_eq!(second.stray_leases(), 1);
        let third = reconfigured(&second, &["10.0.0.0/24"]);
        assert_eq!(third.stray_leases(), 1);
        let fourth = reconfigured(&third, &["10.0.0.0/24", "10.1.0.0/24"]);
        assert_eq!(fourth.stray_leases(), 0);
        assert!(knows(&fourth, [10, 1, 0, 5]));
    }
}
