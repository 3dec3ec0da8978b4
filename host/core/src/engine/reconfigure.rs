//! Going over to another configuration without forgetting a lease, an offer or a change that is
//! on its way to storage.
//!
//! Cost, in the caller's thread, during which the network's requests wait: if no subnet, pool or
//! reserved address changed (but options, lease times, names, owners), that of reading the
//! configuration. Otherwise the free sets are rebuilt, in time proportional to the records of
//! the network, about 0.2 s for a million. Records move to another engine, at some 2 s for a
//! million, only if subnets moved from one network to another.

use std::{net::Ipv4Addr, sync::Arc};

use crate::{Engine, Network, Topology};

use super::{
    bindings::Bindings,
    plan::{Plan, address_of},
    slot::{Claim, Slot},
};

/// What an engine remembers of one address, on its way to another engine.
#[derive(Debug)]
pub struct Remembered {
    pub(super) address: u32,
    pub(super) slot: Slot,
}

impl Remembered {
    /// The address.
    pub fn address(&self) -> Ipv4Addr {
        address_of(self.address)
    }
}

impl Engine {
    /// Makes the engines of a new configuration out of those of the old one: one for each network
    /// of `topology`, in its order. A network that goes on keeps its engine; what is remembered of
    /// an address goes to the engine of the network that spans it now. Addresses that no network
    /// spans are forgotten here; their records stay on storage.
    ///
    /// `hash_seed` is for networks that did not exist before.
    pub fn rebuild(old: Vec<Engine>, topology: &Topology, hash_seed: u64) -> Vec<Engine> {
        let networks = topology.networks();
        let own = old.first().map(|engine| engine.bindings.own.clone()).unwrap_or_default();
        let mut engines: Vec<Option<Engine>> = networks.iter().map(|_| None).collect();
        let mut moving = Vec::new();
        for mut engine in old {
            let home = engine.network().subnets.iter().find_map(|subnet| {
                let location = topology.locate_address(subnet.prefix.network())?;
                usize::try_from(location.network.0).ok()
            });
            let place = home.and_then(|home| engines.get_mut(home).zip(networks.get(home)));
            match place {
                Some((place @ None, network)) => {
                    moving.extend(engine.reconfigure(Arc::clone(network)));
                    *place = Some(engine);
                }
                _ => moving.extend(engine.into_remembered()),
            }
        }
        let make = |(engine, network): (Option<Engine>, &Arc<Network>)| {
            engine.unwrap_or_else(|| {
                let mut engine = Engine::new(Arc::clone(network), hash_seed);
                engine.bindings.set_own(own.clone());
                engine
            })
        };
        let mut engines: Vec<Engine> = engines.into_iter().zip(networks).map(make).collect();
        for remembered in moving {
            let location = topology.locate_address(remembered.address());
            let home = location.and_then(|location| usize::try_from(location.network.0).ok());
            if let Some(engine) = home.and_then(|home| engines.get_mut(home)) {
                engine.adopt(remembered);
            }
        }
        engines
    }

    /// Goes over to another configuration of its network. Returns what it remembered of addresses
    /// that no subnet of `network` spans.
    pub fn reconfigure(&mut self, network: Arc<Network>) -> Vec<Remembered> {
        let hasher = self.bindings.slots.hasher().clone();
        self.plan = Arc::new(Plan::new(network, &hasher));
        self.bindings.go_over_to(Arc::clone(&self.plan))
    }

    /// Everything that it remembers, in order of address.
    pub fn into_remembered(self) -> Vec<Remembered> {
        self.bindings.into_remembered()
    }

    /// Takes over what another engine remembers of an address, unless no subnet spans it. An offer
    /// is dropped if its client has another one here.
    pub fn adopt(&mut self, remembered: Remembered) {
        if self.plan.subnet_of(remembered.address).is_some() {
            self.bindings.put_back(remembered);
        }
    }
}

impl Bindings {
    pub(super) fn go_over_to(&mut self, plan: Arc<Plan>) -> Vec<Remembered> {
        let is_same_layout = self.plan.lays_out_like(&plan);
        self.plan = Arc::clone(&plan);
        if is_same_layout {
            return Vec::new();
        }
        let outside = self.take_all(|address| plan.subnet_of(address).is_none());
        self.lay_out_pools();
        outside
    }

    fn take_all(&mut self, condition: impl Fn(u32) -> bool) -> Vec<Remembered> {
        let known = self.slots.iter().map(|(address, _)| address);
        let addresses: Vec<u32> = known.filter(|address| condition(*address)).collect();
        addresses.into_iter().filter_map(|address| self.take(address)).collect()
    }

    fn into_remembered(self) -> Vec<Remembered> {
        let slots = self.slots.into_iter();
        slots.map(|(address, slot)| Remembered { address, slot }).collect()
    }

    fn take(&mut self, address: u32) -> Option<Remembered> {
        let slot = self.slot(address)?.clone();
        self.forget(address);
        Some(Remembered { address, slot })
    }

    fn put_back(&mut self, remembered: Remembered) {
        let Remembered { address, slot } = remembered;
        let has_other_offer =
            slot.offer().is_some_and(|offer| self.offer_of(&offer.client).is_some());
        self.edit(address, |place| {
            place.lease = slot.lease;
            place.lease_holds = slot.lease_holds;
            place.claim = if has_other_offer { Claim::None } else { slot.claim };
        });
    }
}
