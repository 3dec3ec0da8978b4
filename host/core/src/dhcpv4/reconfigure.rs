//! Switches to another configuration without losing a binding, an offer or a change in flight to
//! storage.
//!
//! Does not check the configuration. Invariant: every slot is in the engine of the network that
//! spans its address, or is returned to the caller.
//!
//! What can be derived from the configuration alone is prepared before ([`PreparedNetwork`]). The
//! rest runs in the caller's thread while the requests of the network wait. If no subnet or pool
//! changed (but options, lease times, names, reservations), it takes the time to compare the
//! reserved addresses, and to move those that differ into their pools or out of them. Otherwise the
//! free sets are rebuilt, in time proportional to the records of the network, about 0.2 s for a
//! million. Records move to another engine, which takes about 2 s for a million, only if subnets
//! moved from one network to another.

use std::{net::Ipv4Addr, sync::Arc};

use crate::{Binding, Engine, Network, Topology, VpnName, ledger::Slot};

use super::{
    family::Ipv4,
    plan::{Plan, address_of},
};

/// A network, prepared for its engine. This takes longer than anything else that an engine does
/// when there are many reservations, so it is done while another configuration still serves.
#[derive(Clone, Debug)]
pub struct PreparedNetwork(Arc<Plan>);

impl PreparedNetwork {
    /// Prepares `network`.
    pub fn new(network: Arc<Network>) -> Self {
        Self(Arc::new(Plan::new(network)))
    }

    /// The network.
    pub fn network(&self) -> &Arc<Network> {
        self.0.network()
    }

    pub(super) fn into_plan(self) -> Arc<Plan> {
        self.0
    }
}

/// What an engine knows of one address, to be moved to another engine.
#[derive(Debug)]
pub struct Remembered {
    vpn: Option<VpnName>,
    address: u32,
    slot: Slot<Ipv4>,
}

impl Remembered {
    /// The address.
    pub fn address(&self) -> Ipv4Addr {
        address_of(self.address)
    }

    /// Where the address is in `topology`.
    fn locate_in(&self, topology: &Topology) -> Option<usize> {
        let location = topology.locate_address(self.vpn.as_ref(), self.address())?;
        usize::try_from(location.network.0).ok()
    }

    /// The record of the address, if it has one.
    pub fn binding(&self) -> Option<Binding> {
        self.slot.binding(self.address)
    }
}

impl Engine {
    /// Turns the engines of an old configuration into those of a new one: one for each network of
    /// `topology`, in its order. A network that continues keeps its engine; what is known of an
    /// address moves to the engine of the network that spans it now. Also returns what was known of
    /// addresses that no network spans.
    ///
    /// `hash_seed` is used for networks that did not exist before.
    pub fn rebuild(
        old: Vec<Engine>,
        topology: &Topology,
        hash_seed: u64,
    ) -> (Vec<Engine>, Vec<Remembered>) {
        Self::rebuild_with(old, topology, hash_seed, |network| {
            PreparedNetwork::new(Arc::clone(network))
        })
    }

    /// Does the same with networks that `prepare` returns, prepared before.
    pub fn rebuild_with(
        old: Vec<Engine>,
        topology: &Topology,
        hash_seed: u64,
        mut prepare: impl FnMut(&Arc<Network>) -> PreparedNetwork,
    ) -> (Vec<Engine>, Vec<Remembered>) {
        let networks = topology.networks();
        let own = old.first().map(|engine| engine.own.clone()).unwrap_or_default();
        let mut engines: Vec<Option<Engine>> = networks.iter().map(|_| None).collect();
        let mut moving = Vec::new();
        for mut engine in old {
            let home = engine.network().subnets.iter().find_map(|subnet| {
                let vpn = engine.network().vpn_name();
                let location = topology.locate_address(vpn, subnet.prefix.network())?;
                usize::try_from(location.network.0).ok()
            });
            let place = home.and_then(|home| engines.get_mut(home).zip(networks.get(home)));
            match place {
                Some((place @ None, network)) => {
                    moving.extend(engine.reconfigure_to(prepare(network)));
                    *place = Some(engine);
                }
                _ => moving.extend(engine.into_remembered()),
            }
        }
        let make = |(engine, network): (Option<Engine>, &Arc<Network>)| {
            engine.unwrap_or_else(|| {
                let mut engine = Engine::prepared(prepare(network), hash_seed);
                engine.set_own_addresses(&own);
                engine
            })
        };
        let mut engines: Vec<Engine> = engines.into_iter().zip(networks).map(make).collect();
        for engine in &mut engines {
            engine.set_server_identifiers(topology);
            engine.set_shared_reservations(topology.shared_reservations());
        }
        let mut outside = Vec::new();
        for remembered in moving {
            let home = remembered.locate_in(topology);
            match home.and_then(|home| engines.get_mut(home)) {
                Some(engine) => engine.adopt(remembered),
                None => outside.push(remembered),
            }
        }
        (engines, outside)
    }

    /// Replaces the identifiers of another configuration among the server's own addresses.
    fn set_server_identifiers(&mut self, topology: &Topology) {
        let mut own = self.own.clone();
        own.set_configured(topology.server_identifiers());
        self.switch_own_addresses(&own);
    }

    /// Switches to another configuration of the same network, in the same VPN. Returns what was
    /// known of addresses that no subnet of `network` spans.
    pub fn reconfigure(&mut self, network: Arc<Network>) -> Vec<Remembered> {
        self.reconfigure_to(PreparedNetwork::new(network))
    }

    fn reconfigure_to(&mut self, prepared: PreparedNetwork) -> Vec<Remembered> {
        let plan = prepared.into_plan();
        let former = std::mem::replace(&mut self.plan, Arc::clone(&plan));
        self.drained.within(&plan);
        if former.has_pools_of(&plan) {
            let differing = former.reserved() ^ plan.reserved();
            self.bindings.keep_pools_of(plan, differing);
            return Vec::new();
        }
        let outside = self.bindings.take_all(|address| !plan.spans(address));
        self.bindings.lay_out(plan);
        self.withhold_own();
        let vpn = self.network().vpn_name();
        let remembered = |(address, slot)| Remembered { vpn: vpn.cloned(), address, slot };
        outside.into_iter().map(remembered).collect()
    }

    /// Everything that the engine knows, in order of address.
    pub fn into_remembered(self) -> Vec<Remembered> {
        let vpn = self.network().vpn_name().cloned();
        let slots = self.bindings.into_slots();
        slots.map(|(address, slot)| Remembered { vpn: vpn.clone(), address, slot }).collect()
    }

    /// Adopts what another engine knew of an address, unless no subnet spans it. An offer is
    /// dropped if its client has another one here.
    pub fn adopt(&mut self, remembered: Remembered) {
        let Remembered { address, slot, .. } = remembered;
        if self.plan.spans(address) {
            self.bindings.take_in(address, slot);
        }
    }
}
