//! Addresses that answered a probe: the quarantine of each, and what is reported of it.
//!
//! Does not send probes; [`crate::prober`] does. Invariant: each is reported once, in the order of
//! the decisions about its address, with the reason that its probe ended with.

use std::{
    net::{Ipv4Addr, SocketAddrV4},
    sync::Arc,
};

use lessor_core::{Change, Changes, Engine, Network, Probe, ProbeMessage, Reason, StorageAnswer};
use smallvec::SmallVec;

use crate::{
    alarms,
    event::Event,
    observer::{Message, Observer},
    order::Turn,
    shared::Shared,
};

/// An address that answered, with the change that quarantines it.
pub(crate) struct InUse {
    changes: Changes,
    network: Arc<Network>,
    by: ProbeMessage,
    /// Its place in the order of events.
    place: Option<Turn<Message>>,
}

impl InUse {
    /// Notes that an address answered. Must be called under the lock of the engine.
    pub(crate) fn found(
        observer: &Observer,
        engine: &mut Engine,
        probe: &Probe,
        change: Change,
    ) -> Self {
        let place = observer.place_of(engine, [change.binding.address]);
        let network = Arc::clone(engine.network());
        Self { changes: SmallVec::from_iter([change]), network, by: probe.by.clone(), place }
    }

    /// The address.
    pub(crate) fn address(&self) -> Ipv4Addr {
        let first = self.changes.first();
        first.map_or(Ipv4Addr::UNSPECIFIED, |change| change.binding.address)
    }

    /// The change that quarantines it.
    pub(crate) const fn changes(&self) -> &Changes {
        &self.changes
    }

    /// Counts and reports it, once storage has answered.
    pub(crate) fn finish(self, shared: &Shared, answer: &StorageAnswer) {
        let reason = match answer {
            StorageAnswer::Made => Reason::QuarantinedInUse,
            StorageAnswer::NotMade => Reason::StoreFailed,
            StorageAnswer::Conflict(_) => Reason::StoreConflict,
        };
        shared.counters.count(reason);
        let (address, detail) = (self.address(), self.detail());
        let Self { changes, network, place, .. } = self;
        alarms::in_use(&network.name, &changes, &detail);
        let is_made = *answer == StorageAnswer::Made;
        let changes = if is_made { changes } else { Changes::new() };
        shared.hosts.note(&changes);
        if !shared.observer.wants(reason, &changes) {
            return;
        }
        let event = Event {
            reason,
            detail: Some(detail),
            client: None,
            source: SocketAddrV4::new(address, 0),
            interface: None,
            request: None,
            header: None,
            subscriber: None,
            reserved_by: None,
            network: Some(network),
            selected: None,
            address: Some(address),
            lease_time_secs: None,
            lease_time_rule: None,
            written: None,
            trace: Vec::new(),
            changes,
            catalogue: None,
            stand_in: None,
        };
        shared.observer.input(event, place);
    }

    /// Which host answered, as far as it is known.
    fn detail(&self) -> String {
        let by = self.changes.first().map(|change| change.binding.hardware_address);
        match (&self.by, by) {
            (ProbeMessage::Arp(interface), Some(by)) => {
                format!("{by} answered an ARP request on {interface}")
            }
            (ProbeMessage::Arp(interface), None) => {
                format!("a host answered an ARP request on {interface}")
            }
            (ProbeMessage::Icmp, _) => "a host answered an ICMP echo request".to_owned(),
        }
    }
}
