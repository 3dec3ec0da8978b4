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

mod list;
mod reconfigure;
mod shard;
mod strays;

use std::{
    net::Ipv4Addr,
    sync::{
        Arc, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
};

use lessor_core::{
    Binding, Changes, Engine, Network, NetworkId, StorageAnswer, Timestamp, Topology, VpnName,
};
use lessor_stages::Retired;

use crate::waiting::Waiting;

use self::{
    shard::{Contents, Made, Shard},
    strays::Strays,
};

pub(crate) use self::list::{TooManyReloads, each_binding_once};

/// The engines of one topology.
#[derive(Debug, Default)]
pub struct Shards {
    topology: Topology,
    hash_seed: u64,
    shards: Vec<Arc<Shard>>,
    /// For each shard, whether its engine was made, so that the others need not be visited.
    is_made: Vec<AtomicBool>,
    strays: Strays,
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
        Self { topology, hash_seed, shards, is_made, strays: Strays::default() }
    }

    /// Restores a binding from storage, before any request is decided.
    pub(crate) fn restore(&mut self, now: Timestamp, binding: Arc<Binding>) {
        let location = self.topology.locate_address(binding.vpn.as_ref(), binding.address);
        // No other thread has these shards yet, so nothing is retired.
        match location {
            Some(location) => {
                let _ = self.with_engine(location.network, |engine| engine.restore(now, binding));
            }
            None => {
                let _ = self.strays.add(binding);
            }
        }
    }

    /// Returns how many bindings on storage belong to no configured network.
    pub(crate) fn stray_leases(&self) -> usize {
        self.strays.len()
    }

    /// Remembers what storage answered to the changes of addresses that no network spans: after a
    /// reload has removed a network, answers to its changes may still come.
    ///
    /// # Errors
    /// If there is a newer set of shards, which must get the answer.
    pub(crate) fn settle_strays(
        &self,
        changes: &Changes,
        answer: &StorageAnswer,
    ) -> Result<(), Retired> {
        for (position, change) in changes.iter().enumerate() {
            let (vpn, address) = (change.binding.vpn.as_ref(), change.binding.address);
            if self.topology.locate_address(vpn, address).is_none() {
                self.strays.settle(position, change, answer)?;
            }
        }
        Ok(())
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
}

#[cfg(test)]
mod tests {
    use std::cell::OnceCell;

    use lessor_core::{BindingState, Change, ClientKey, HardwareAddress};

    use super::{list::RELOADS_MAX, *};
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
            relay_address: None,
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

    #[test]
    fn an_answer_that_comes_after_its_network_is_gone_counts_when_the_network_is_back() {
        let mut first = Shards::new(topology(&["10.0.0.0/24", "10.1.0.0/24"]), 7);
        let before = Arc::new(binding([10, 1, 0, 5]));
        first.restore(NOW, Arc::clone(&before));
        let renewed =
            Binding { expires_at: NOW.after_secs(7200), revision: 2, ..binding([10, 1, 0, 5]) };
        let change = |renewed| -> Changes {
            let renewed = Arc::new(renewed);
            [Change { binding: renewed, previous: Some(Arc::clone(&before)) }].into_iter().collect()
        };
        let (made, lost) = (change(renewed.clone()), change(Binding { revision: 3, ..renewed }));
        let second = reconfigured(&first, &["10.0.0.0/24"]);
        second.settle_strays(&made, &StorageAnswer::Made).unwrap();
        second.settle_strays(&lost, &StorageAnswer::NotMade).unwrap();
        let newer = [Some(Arc::new(Binding { revision: 9, ..binding([10, 1, 0, 6]) }))];
        let of_other = [Change { binding: binding([10, 1, 0, 6]).into(), previous: None }];
        let conflict = StorageAnswer::Conflict(newer.into_iter().collect());
        second.settle_strays(&of_other.into_iter().collect(), &conflict).unwrap();
        assert_eq!(second.stray_leases(), 2);

        let third = reconfigured(&second, &["10.0.0.0/24", "10.1.0.0/24"]);
        let revision = |address: [u8; 4]| {
            let found = third.with_owner_of(None, address.into(), |engine| {
                engine.binding_at(address.into()).map(|binding| binding.revision)
            });
            found.unwrap().flatten()
        };
        assert_eq!((revision([10, 1, 0, 5]), revision([10, 1, 0, 6])), (Some(2), Some(9)));
        // A set that was replaced sends the answer on to the newer one.
        assert_eq!(second.settle_strays(&made, &StorageAnswer::Made), Err(Retired));
        assert_eq!(third.settle_strays(&made, &StorageAnswer::Made), Ok(()));
        assert_eq!(third.stray_leases(), 0);
    }
}
