//! A new topology: the engines of its networks continue those of the old one.
//!
//! Invariant: whatever an engine knew, exactly one engine of the new set knows afterwards, or the
//! new set keeps it as a stray.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, MutexGuard, atomic::Ordering},
};

use lessor_core::{Engine, Network, NetworkId, PreparedNetwork, Remembered, Timestamp, Topology};

use crate::waiting::{Waiting, Wake};

use super::{
    Shards,
    shard::{Contents, Shard, is_large},
};

impl Shards {
    /// Creates shards for a new topology. Engines of networks that did not change are carried over,
    /// and continue to work meanwhile. The others are stopped, their bindings are moved to new
    /// engines, and they are retired. `publish` is called with the new set before any shard can be
    /// seen as retired, so that a caller that sees one also finds the new set.
    ///
    /// Takes time proportional to the bindings of the networks whose subnets or pools changed; only
    /// their clients wait. What follows from the configuration alone is prepared before they wait.
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
            // A shard without an engine is retired, too: nobody may make an engine that the new set
            // does not have.
            (*old_network == network && shard.is_made()).then(|| Arc::clone(shard))
        };
        let kept: Vec<Option<Arc<Shard>>> = topology.networks().iter().map(carried).collect();
        let kept_pointers: HashSet<*const Shard> = kept.iter().flatten().map(Arc::as_ptr).collect();
        let is_kept = |shard: &Arc<Shard>| kept_pointers.contains(&Arc::as_ptr(shard));

        let mut prepared = self.prepare(&topology, &kept);

        // All locks are held until the new set is published. No other thread takes two of them at a
        // time, so there is no lock order to violate.
        let mut retiring: Vec<MutexGuard<'_, Contents>> =
            self.shards.iter().filter(|shard| !is_kept(shard)).map(|shard| shard.lock()).collect();
        let retired = retiring.iter_mut().filter_map(|guard| guard.retire());
        let (old_engines, mut waiting): (Vec<Engine>, Vec<Waiting>) =
            retired.map(|made| (made.engine, made.waiting)).unzip();

        let concerned = concerned(&old_engines, &topology);
        let is_rebuilt = |id: NetworkId| {
            matches!(kept.get(id.0 as usize), Some(None)) && concerned.contains(&id)
        };
        let (rebuilt, outside) =
            Engine::rebuild_with(old_engines, &topology.only(is_rebuilt), hash_seed, |network| {
                let known = prepared.remove(&Arc::as_ptr(network));
                known.unwrap_or_else(|| PreparedNetwork::new(Arc::clone(network)))
            });
        let mut rebuilt = rebuilt.into_iter();
        let shared = Arc::clone(topology.shared_reservations());
        let mut unknown = |network| {
            let prepared = prepared.remove(&Arc::as_ptr(network));
            Shard::of_unknown(network, prepared, &shared, hash_seed)
        };
        let shards = (0..).map(NetworkId).zip(topology.networks()).zip(&kept);
        let shards = shards.map(|((id, network), kept)| match kept {
            Some(kept) => Arc::clone(kept),
            None if is_rebuilt(id) => Arc::new(match rebuilt.next() {
                Some(engine) => Shard::of(engine),
                None => unknown(network),
            }),
            None => Arc::new(unknown(network)),
        });
        let shards = shards.collect();
        let mut next = Self::of(topology, hash_seed, shards);
        // No engine waits for the changes of these addresses that are in flight. Their records stay
        // as they are until storage has answered (`settle_strays`).
        let outside = outside.iter().filter_map(Remembered::binding).map(Arc::new);
        let (guard, strays) = self.strays.leave();
        for binding in outside.chain(strays) {
            next.restore(now, binding);
        }
        publish(Arc::new(next));
        drop((retiring, guard));
        if !Arc::ptr_eq(&shared, self.topology.shared_reservations()) {
            let goes_on = |shard: &Arc<Shard>| shard.set_shared_reservations(&shared);
            kept.iter().flatten().for_each(goes_on);
        }
        // The exchanges that waited are decided with the new engines, and wait there if necessary.
        let waiting: Vec<Wake> = waiting.iter_mut().flat_map(Waiting::take_all).collect();
        waiting.into_iter().for_each(|wake| wake());
    }

    /// Prepares the networks of `topology` that are not kept and get an engine at once, because
    /// they continue one with an engine or are large. Returns them by the pointer to the network.
    fn prepare(
        &self,
        topology: &Topology,
        kept: &[Option<Arc<Shard>>],
    ) -> HashMap<*const Network, PreparedNetwork> {
        let made = self.topology.networks().iter().zip(&self.is_made);
        let made = made.filter(|(_, is_made)| is_made.load(Ordering::Acquire));
        let homes = made.flat_map(|(network, _)| {
            let locate = |address| topology.locate_address(network.vpn_name(), address);
            network.subnets.iter().filter_map(move |subnet| locate(subnet.prefix.network()))
        });
        let homes: HashSet<NetworkId> = homes.map(|home| home.network).collect();
        let networks = (0..).map(NetworkId).zip(topology.networks()).zip(kept);
        let prepared = networks.filter_map(|((id, network), kept)| {
            let is_wanted = kept.is_none() && (homes.contains(&id) || is_large(network));
            is_wanted.then(|| (Arc::as_ptr(network), PreparedNetwork::new(Arc::clone(network))))
        });
        prepared.collect()
    }
}

/// Returns the networks of `topology` that continue one of `engines`, or own an address that one of
/// them knows.
fn concerned(engines: &[Engine], topology: &Topology) -> HashSet<NetworkId> {
    let mut concerned = HashSet::new();
    for engine in engines {
        let vpn = engine.network().vpn_name();
        let locate = |address| topology.locate_address(vpn, address);
        let network_of = |address| Some(locate(address)?.network);
        let subnets = || engine.network().subnets.iter().map(|subnet| subnet.prefix);
        concerned.extend(subnets().filter_map(|prefix| network_of(prefix.network())));
        // The addresses of a subnet that is in one subnet as before are where its first one is.
        let is_split = subnets().any(|prefix| {
            let [first, last] = [prefix.network(), prefix.broadcast()].map(locate);
            first.is_none() || first != last
        });
        if is_split {
            concerned.extend(engine.known_addresses().filter_map(network_of));
        }
    }
    concerned
}
