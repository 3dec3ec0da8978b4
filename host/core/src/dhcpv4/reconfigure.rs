//! Going over to another configuration without forgetting a lease, an offer or a change that is
//! on its way to storage.
//!
//! Cost, in the caller's thread, during which the network's requests wait: if no subnet, pool or
//! reserved address changed (but options, lease times, names, owners), that of reading the
//! configuration. Otherwise the free sets are rebuilt, in time proportional to the records of
//! the network, about 0.2 s for a million. Records move to another engine, at some 2 s for a
//! million, only if subnets moved from one network to another.

use std::{net::Ipv4Addr, sync::Arc};

use crate::{
    Engine, Lease, Network, Topology,
    ledger::{Layout, Slot},
};

use super::{
    family::Ipv4,
    plan::{Plan, address_of},
};

/// What an engine remembers of one address, on its way to another engine.
#[derive(Debug)]
pub struct Remembered {
    address: u32,
    slot: Slot<Ipv4>,
}

impl Remembered {
    /// The address.
    pub fn address(&self) -> Ipv4Addr {
        address_of(self.address)
    }

    /// Its record, if it has one.
    pub fn lease(&self) -> Option<Lease> {
        self.slot.lease(self.address)
    }
}

impl Engine {
    /// Makes the engines of a new configuration out of those of the old one: one for each network
    /// of `topology`, in its order. A network that goes on keeps its engine; what is remembered of
    /// an address goes to the engine of the network that spans it now. What is remembered of addresses
    /// that no network spans is returned beside them.
    ///
    /// `hash_seed` is for networks that did not exist before.
    pub fn rebuild(
        old: Vec<Engine>,
        topology: &Topology,
        hash_seed: u64,
    ) -> (Vec<Engine>, Vec<Remembered>) {
        let networks = topology.networks();
        let own = old.first().map(|engine| engine.own.clone()).unwrap_or_default();
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
                engine.set_own_addresses(&own);
                engine
            })
        };
        let mut engines: Vec<Engine> = engines.into_iter().zip(networks).map(make).collect();
        let mut outside = Vec::new();
        for remembered in moving {
            let location = topology.locate_address(remembered.address());
            let home = location.and_then(|location| usize::try_from(location.network.0).ok());
            match home.and_then(|home| engines.get_mut(home)) {
                Some(engine) => engine.adopt(remembered),
                None => outside.push(remembered),
            }
        }
        (engines, outside)
    }

    /// Goes over to another configuration of its network. Returns what it remembered of addresses
    /// that no subnet of `network` spans.
    pub fn reconfigure(&mut self, network: Arc<Network>) -> Vec<Remembered> {
        let plan = Arc::new(Plan::new(network, self.bindings.hasher()));
        let former = std::mem::replace(&mut self.plan, Arc::clone(&plan));
        if former.lays_out_like(&plan) {
            self.bindings.keep_pools_of(plan);
            return Vec::new();
        }
        let outside = self.bindings.take_all(|address| !plan.spans(address));
        self.bindings.lay_out(plan);
        outside.into_iter().map(|(address, slot)| Remembered { address, slot }).collect()
    }

    /// Everything that it remembers, in order of address.
    pub fn into_remembered(self) -> Vec<Remembered> {
        let slots = self.bindings.into_slots();
        slots.map(|(address, slot)| Remembered { address, slot }).collect()
    }

    /// Takes over what another engine remembers of an address, unless no subnet spans it. An offer
    /// is dropped if its client has another one here.
    pub fn adopt(&mut self, remembered: Remembered) {
        let Remembered { address, slot } = remembered;
        if self.plan.spans(address) {
            self.bindings.take_in(address, slot);
        }
    }
}
