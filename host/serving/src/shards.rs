//! Shards: the engines of all networks, each behind its own lock.
//!
//! Decides nothing itself: controls access to the engines and moves bindings from the engines of
//! one configuration to those of the next.
//!
//! An engine is made on first use: a network without any request costs no more than its
//! configuration does.
//!
//! Invariant: at any time at most one live engine owns an address. A retired shard stays empty; a
//! caller that finds one must use the newer set.

use std::{
    collections::{HashMap, HashSet},
    net::Ipv4Addr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use lessor_core::{
    Binding, Engine, Network, NetworkId, Prepared, Remembered, SharedReservations, Subnet,
    Timestamp, Topology, VpnName,
};
use lessor_stages::Retired;
use roaring::RoaringBitmap;

use crate::waiting::{Waiting, Wake};

/// The number of bindings that are read before other threads may take the lock of their network.
const LISTED_AT_ONCE: usize = 1024;

/// The engines of one topology.
#[derive(Debug, Default)]
pub struct Shards {
    topology: Topology,
    hash_seed: u64,
    shards: Vec<Arc<Shard>>,
    /// For each shard, whether its engine was made, so that the others need not be visited.
    is_made: Vec<AtomicBool>,
    /// Bindings on storage that no configured network spans, kept for a later configuration that
    /// does.
    strays: Vec<Arc<Binding>>,
}

/// The number of reloads that may interrupt a list of bindings before it fails.
const RELOADS_MAX: usize = 16;

/// The largest number of subnets, pools and reservations of a network whose engine is made while a
/// request waits: that takes some 50 microseconds.
const PARTS_MADE_LATER_MAX: usize = 1_000;

/// One network's engine.
#[derive(Debug)]
struct Shard(Mutex<Contents>);

/// The state of a shard.
#[derive(Debug)]
enum Contents {
    /// A network whose engine knows nothing yet and was not made.
    Idle(Arc<Network>),
    /// An engine.
    Made(Box<Made>),
    /// The engine has moved to a newer set.
    Retired,
}

/// An engine, and the exchanges that wait for it.
#[derive(Debug)]
struct Made {
    engine: Engine,
    waiting: Waiting,
}

/// A list of bindings was interrupted by this many reloads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooManyReloads(pub(crate) usize);

/// Visits every binding once, until `visit` returns that it has enough; returns whether it visited
/// all. A reload moves bindings to newer shards, so the rest is read from the newest.
///
/// # Errors
/// If too many reloads follow each other.
pub(crate) fn each_binding_once(
    newest: &mut dyn FnMut() -> Arc<Shards>,
    mut visit: impl FnMut(&Binding, &Topology) -> bool,
) -> Result<bool, TooManyReloads> {
    let mut visited: HashMap<Option<VpnName>, RoaringBitmap> = HashMap::new();
    for _ in 0..RELOADS_MAX {
        let shards = newest();
        let listed = shards.each_binding(|binding| {
            let of_vpn = match visited.get_mut(&binding.vpn) {
                Some(of_vpn) => of_vpn,
                None => visited.entry(binding.vpn.clone()).or_default(),
            };
            !of_vpn.insert(binding.address.into()) || visit(&binding, shards.topology())
        });
        if let Ok(is_complete) = listed {
            return Ok(is_complete);
        }
    }
    Err(TooManyReloads(RELOADS_MAX))
}

impl Shards {
    /// Creates empty shards for every network.
    pub fn new(topology: Topology, hash_seed: u64) -> Self {
        let networks = topology.networks().iter();
        let shared = topology.shared_reservations();
        let shard = |network| Arc::new(Shard::of_unknown(network, None, shared, hash_seed));
        let shards = networks.map(shard).collect();
        Self::of(topology, hash_seed, shards)
    }

    fn of(topology: Topology, hash_seed: u64, shards: Vec<Arc<Shard>>) -> Self {
        let is_made = shards.iter().map(|shard| shard.is_made().into()).collect();
        Self { topology, hash_seed, shards, is_made, strays: Vec::new() }
    }

    /// Restores a binding from storage, before any request is decided.
    pub(crate) fn restore(&mut self, now: Timestamp, binding: Arc<Binding>) {
        let location = self.topology.locate_address(binding.vpn.as_ref(), binding.address);
        match location {
            Some(location) => {
                // No other thread has these shards yet, so none is retired.
                let _ = self.with_engine(location.network, |engine| engine.restore(now, binding));
            }
            None => self.strays.push(binding),
        }
    }

    /// Returns how many bindings on storage belong to no configured network.
    pub(crate) fn stray_leases(&self) -> usize {
        self.strays.len()
    }

    /// Returns the networks and how requests are located in them.
    pub fn topology(&self) -> &Topology {
        &self.topology
    }

    /// Calls `work` with the engine of a network under its lock; `work` must be short.
    ///
    /// # Errors
    /// If the shard was retired.
    pub fn with_engine<T>(
        &self,
        id: NetworkId,
        work: impl FnOnce(&mut Engine) -> T,
    ) -> Result<T, Retired> {
        self.with_waiting(id, |engine, _| work(engine))
    }

    /// As [`Self::with_engine`], with the exchanges that wait for changes of its addresses.
    ///
    /// # Errors
    /// If the shard was retired.
    pub(crate) fn with_waiting<T>(
        &self,
        id: NetworkId,
        work: impl FnOnce(&mut Engine, &mut Waiting) -> T,
    ) -> Result<T, Retired> {
        let position = usize::try_from(id.0).map_err(|_| Retired)?;
        let mut contents = self.shards.get(position).ok_or(Retired)?.lock();
        let shared = self.topology.shared_reservations();
        let Made { engine, waiting } = contents.make(shared, self.hash_seed).ok_or(Retired)?;
        if let Some(is_made) = self.is_made.get(position) {
            is_made.store(true, Ordering::Release);
        }
        Ok(work(engine, waiting))
    }

    /// As [`Self::with_engine`], for the network that owns an address of a VPN, or of none; `None`
    /// if no network does.
    pub(crate) fn with_owner_of<T>(
        &self,
        vpn: Option<&VpnName>,
        address: Ipv4Addr,
        work: impl FnOnce(&mut Engine) -> T,
    ) -> Result<Option<T>, Retired> {
        match self.topology.locate_address(vpn, address) {
            Some(location) => self.with_engine(location.network, work).map(Some),
            None => Ok(None),
        }
    }

    /// Visits every live engine that was made, one lock at a time: the others know nothing.
    pub fn for_each(&self, mut visit: impl FnMut(&mut Engine)) {
        let shards = self.shards.iter().zip(&self.is_made);
        for (shard, _) in shards.filter(|(_, is_made)| is_made.load(Ordering::Acquire)) {
            if let Some(made) = shard.lock().made() {
                visit(&mut made.engine);
            }
        }
    }

    /// Visits the engines of the networks for which `wanted` returns true, and makes them if
    /// necessary.
    pub(crate) fn for_wanted(
        &self,
        wanted: impl Fn(&Network) -> bool,
        mut visit: impl FnMut(&mut Engine),
    ) {
        let networks = (0..).map(NetworkId).zip(self.topology.networks());
        for (id, _) in networks.filter(|(_, network)| wanted(network)) {
            let _ = self.with_engine(id, &mut visit);
        }
    }

    /// Passes the engine of every network to `look`. An engine that was not made is made for this
    /// call only.
    pub(crate) fn look_at_each(&self, mut look: impl FnMut(&Engine)) {
        for shard in &self.shards {
            match &*shard.lock() {
                Contents::Idle(network) => look(&Engine::new(Arc::clone(network), self.hash_seed)),
                Contents::Made(made) => look(&made.engine),
                Contents::Retired => {}
            }
        }
    }

    /// Calls `work` with all live engines that were made, while the locks of all networks are held,
    /// so that every decision comes before it or after it. Must not be called during a reload.
    pub(crate) fn with_all<T>(&self, work: impl FnOnce(&mut [&mut Engine]) -> T) -> T {
        let mut guards: Vec<MutexGuard<'_, Contents>> =
            self.shards.iter().map(|shard| shard.lock()).collect();
        let made = guards.iter_mut().filter_map(|guard| guard.made());
        let mut engines: Vec<&mut Engine> = made.map(|made| &mut made.engine).collect();
        work(&mut engines)
    }

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
                known.unwrap_or_else(|| Prepared::new(Arc::clone(network)))
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
        // The results of in-flight changes will not reach these engines, so storage decides what
        // they hold.
        let outside = outside.iter().filter_map(Remembered::binding).map(Arc::new);
        for binding in outside.chain(self.strays.iter().cloned()) {
            next.restore(now, binding);
        }
        publish(Arc::new(next));
        drop(retiring);
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
    ) -> HashMap<*const Network, Prepared> {
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
            is_wanted.then(|| (Arc::as_ptr(network), Prepared::new(Arc::clone(network))))
        });
        prepared.collect()
    }

    /// Visits every binding, network by network in order of address, until `visit` returns that it
    /// has enough; returns whether it visited all. A network is locked only while a few of its
    /// bindings are read.
    ///
    /// # Errors
    /// If a network was retired before its last lease; the newer shards have all of them.
    pub fn each_binding(&self, mut visit: impl FnMut(Binding) -> bool) -> Result<bool, Retired> {
        for shard in &self.shards {
            let Some(mut listing) = shard.lock().engine()?.map(Engine::listing) else { continue };
            loop {
                let listed =
                    shard.lock().engine()?.map(|engine| engine.list(&mut listing, LISTED_AT_ONCE));
                let bindings = listed.unwrap_or_default();
                if bindings.is_empty() {
                    break;
                }
                if !bindings.into_iter().all(&mut visit) {
                    return Ok(false);
                }
            }
        }
        Ok(true)
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

impl Shard {
    fn of(engine: Engine) -> Self {
        let made = Made { engine, waiting: Waiting::default() };
        Self(Mutex::new(Contents::Made(Box::new(made))))
    }

    /// Creates the shard of a network of which nothing is known, and which may be prepared.
    fn of_unknown(
        network: &Arc<Network>,
        prepared: Option<Prepared>,
        shared: &Arc<SharedReservations>,
        hash_seed: u64,
    ) -> Self {
        match is_large(network) {
            false => Self(Mutex::new(Contents::Idle(Arc::clone(network)))),
            true => {
                let prepared = prepared.unwrap_or_else(|| Prepared::new(Arc::clone(network)));
                Self::of(engine_of(prepared, shared, hash_seed))
            }
        }
    }

    fn set_shared_reservations(&self, shared: &Arc<SharedReservations>) {
        if let Some(made) = self.lock().made() {
            made.engine.set_shared_reservations(shared);
        }
    }

    fn is_made(&self) -> bool {
        matches!(&*self.lock(), Contents::Made(_))
    }

    /// A panic under the lock poisons it. The engine's own invariants hold between its calls, and
    /// to continue is better than to refuse a whole network.
    fn lock(&self) -> MutexGuard<'_, Contents> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn engine_of(prepared: Prepared, shared: &Arc<SharedReservations>, hash_seed: u64) -> Engine {
    let mut engine = Engine::prepared(prepared, hash_seed);
    engine.set_shared_reservations(shared);
    engine
}

/// Returns whether the engine of a network takes too long to make while a request waits.
fn is_large(network: &Network) -> bool {
    let parts = |found: &Subnet| 1 + found.pools.len() + found.reservations.len();
    network.subnets.iter().map(parts).sum::<usize>() > PARTS_MADE_LATER_MAX
}

impl Contents {
    /// Returns the engine, which is made if necessary, or `None` if it was retired.
    fn make(&mut self, shared: &Arc<SharedReservations>, hash_seed: u64) -> Option<&mut Made> {
        if let Self::Idle(network) = self {
            let engine = engine_of(Prepared::new(Arc::clone(network)), shared, hash_seed);
            *self = Self::Made(Box::new(Made { engine, waiting: Waiting::default() }));
        }
        self.made()
    }

    /// Returns the engine, or `None` if it was not made or was retired.
    fn made(&mut self) -> Option<&mut Made> {
        match self {
            Self::Made(made) => Some(made),
            Self::Idle(_) | Self::Retired => None,
        }
    }

    /// Returns the engine, or `None` if it was not made.
    fn engine(&self) -> Result<Option<&Engine>, Retired> {
        match self {
            Self::Made(made) => Ok(Some(&made.engine)),
            Self::Idle(_) => Ok(None),
            Self::Retired => Err(Retired),
        }
    }

    /// Retires the shard and returns its engine, if it was made.
    fn retire(&mut self) -> Option<Box<Made>> {
        match std::mem::replace(self, Self::Retired) {
            Self::Made(made) => Some(made),
            Self::Idle(_) | Self::Retired => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::OnceCell;

    use lessor_core::{BindingState, ClientKey, HardwareAddress};

    use super::*;
    use crate::testing::{NOW, topology};

    fn binding(address: [u8; 4]) -> Binding {
        let hardware_address = HardwareAddress::ethernet([2, 0, 0, 0, 0, address[3]]);
        Binding {
            address: address.into(),
            vpn: None,
            client: ClientKey::Hardware(hardware_address),
            hardware_address,
            state: BindingState::Leased,
            began_at: NOW,
            changed_at: NOW,
            expires_at: NOW.after_secs(3600),
            subscriber: None,
            relay_information: None,
            revision: 1,
            host_name: None,
            unknown_fields: Default::default(),
        }
    }

    fn reconfigured(shards: &Shards, prefixes: &[&str]) -> Arc<Shards> {
        let next = OnceCell::new();
        shards.reconfigure(NOW, topology(prefixes), 7, |shards| next.set(shards).unwrap());
        next.into_inner().unwrap()
    }

    fn knows(shards: &Shards, address: [u8; 4]) -> bool {
        let known = shards.with_owner_of(None, address.into(), |engine| {
            engine.binding_at(address.into()).is_some()
        });
        known == Ok(Some(true))
    }

    #[test]
    fn an_unchanged_network_goes_on_and_a_changed_one_is_retired() {
        let mut old = Shards::new(topology(&["10.0.0.0/24", "10.1.0.0/24"]), 7);
        old.restore(NOW, binding([10, 0, 0, 5]).into());
        old.restore(NOW, binding([10, 1, 0, 5]).into());
        let new = reconfigured(&old, &["10.1.0.0/23", "10.0.0.0/24"]);
        assert!(knows(&old, [10, 0, 0, 5]) && knows(&new, [10, 0, 0, 5]));
        assert!(knows(&new, [10, 1, 0, 5]));
        let retired = old.with_owner_of(None, [10, 1, 0, 5].into(), |_| ());
        assert_eq!(retired, Err(Retired));
    }

    #[test]
    fn a_list_of_leases_goes_on_after_a_reload_but_not_after_endless_ones() {
        let mut first = Shards::new(topology(&["10.0.0.0/24", "10.1.0.0/24"]), 7);
        first.restore(NOW, binding([10, 0, 0, 5]).into());
        first.restore(NOW, binding([10, 1, 0, 5]).into());
        let first = Arc::new(first);
        // The network of one binding is retired when the list reaches it.
        let newer = reconfigured(&first, &["10.1.0.0/23", "10.0.0.0/24"]);
        let mut sets = [Arc::clone(&first), newer].into_iter();
        let mut listed = Vec::new();
        let complete = each_binding_once(&mut || sets.next().unwrap(), |binding, _| {
            listed.push(binding.address.octets());
            true
        });
        assert_eq!((complete, listed), (Ok(true), vec![[10, 0, 0, 5], [10, 1, 0, 5]]));
        // The newest set is always retired already.
        let mut asked = 0;
        let given_up = each_binding_once(
            &mut || {
                asked += 1;
                Arc::clone(&first)
            },
            |_, _| true,
        );
        assert_eq!((given_up, asked), (Err(TooManyReloads(RELOADS_MAX)), RELOADS_MAX));
    }

    #[test]
    fn an_engine_is_made_once_it_is_asked_for() {
        let made = |shards: &Shards| {
            let mut networks = Vec::new();
            shards.for_each(|engine| networks.push(engine.network().name.to_string()));
            networks
        };
        let mut shards = Shards::new(topology(&["10.0.0.0/23", "10.1.0.0/24", "10.2.0.0/24"]), 7);
        let mut looked_at = 0;
        shards.look_at_each(|_| looked_at += 1);
        assert_eq!((looked_at, made(&shards).len()), (3, 0));
        shards.restore(NOW, binding([10, 0, 1, 5]).into());
        shards.for_wanted(|network| &*network.name == "10.2.0.0/24", |_| ());
        assert_eq!(made(&shards), ["10.0.0.0/23", "10.2.0.0/24"]);
        // An address that an engine knows may belong to a network that had no request yet.
        let shards = reconfigured(&shards, &["10.1.0.0/24", "10.2.0.0/24", "10.0.1.0/24"]);
        assert_eq!(made(&shards), ["10.2.0.0/24", "10.0.1.0/24"]);
        assert!(knows(&shards, [10, 0, 1, 5]));
    }

    #[test]
    fn leases_of_a_network_that_is_gone_serve_again_when_it_is_back() {
        let mut first = Shards::new(topology(&["10.0.0.0/24", "10.1.0.0/24"]), 7);
        first.restore(NOW, binding([10, 1, 0, 5]).into());
        let second = reconfigured(&first, &["10.0.0.0/24"]);
        assert_eq!(second.stray_leases(), 1);
        let third = reconfigured(&second, &["10.0.0.0/24"]);
        assert_eq!(third.stray_leases(), 1);
        let fourth = reconfigured(&third, &["10.0.0.0/24", "10.1.0.0/24"]);
        assert_eq!(fourth.stray_leases(), 0);
        assert!(knows(&fourth, [10, 1, 0, 5]));
    }
}
