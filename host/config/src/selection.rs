//! Reads what selects a subnet besides its addresses: `relay-addresses` and `interfaces`.
//!
//! Does not know networks but for what they say in common. Invariant: in an address space a relay
//! address selects one subnet, and an interface selects one network.

use std::{collections::HashMap, net::Ipv4Addr, ops::Range, sync::Arc};

use lessor_core::{SubnetSelection, VpnName, is_host_address};

use crate::{
    collector::Collector,
    mistake::Draft,
    reader::{Placed, Table, Value},
};

/// The longest name of an interface (`IFNAMSIZ` without the terminating zero), in octets.
const INTERFACE_NAME_OCTETS_MAX: usize = 15;
/// The maximum number of relay addresses of one network or subnet.
pub const RELAY_ADDRESSES_MAX: usize = 10_000;

/// What a network or a subnet names, with the places in the file.
#[derive(Clone, Default)]
pub(crate) struct PlacedSelection {
    relay_addresses: Vec<Placed<Ipv4Addr>>,
    interfaces: Vec<Placed<String>>,
}

/// What was named so far, in all networks.
#[derive(Default)]
pub(crate) struct Selections {
    relays: HashMap<(Option<VpnName>, Ipv4Addr), Range<usize>>,
    interfaces: HashMap<String, (usize, Range<usize>)>,
}

impl PlacedSelection {
    /// Reads the keys of a network or a subnet.
    pub(crate) fn read(table: &Table) -> Self {
        let relays = table.get("relay-addresses");
        let interfaces = table.get("interfaces");
        Self {
            relay_addresses: relays.map(|value| relay_addresses(&value)).unwrap_or_default(),
            interfaces: interfaces.map(|value| interface_names(&value)).unwrap_or_default(),
        }
    }

    /// Adds what the network of the subnet names. A relay address selects its first subnet only.
    pub(crate) fn extend(&mut self, network: &Self, is_first: bool) {
        let relays = network.relay_addresses.iter().filter(|_| is_first);
        self.relay_addresses.extend(relays.cloned());
        self.interfaces.extend(network.interfaces.iter().cloned());
    }

    /// The relay addresses.
    pub(crate) fn relay_addresses(&self) -> impl Iterator<Item = Ipv4Addr> {
        self.relay_addresses.iter().map(|placed| placed.value)
    }

    /// The selection without places.
    pub(crate) fn into_selection(self) -> SubnetSelection {
        let relays = self.relay_addresses.into_iter().map(|placed| placed.value).collect();
        let mut interfaces: Vec<Arc<str>> = Vec::new();
        for name in self.interfaces {
            if !interfaces.iter().any(|known| **known == *name.value) {
                interfaces.push(name.value.into());
            }
        }
        SubnetSelection::new(relays, interfaces)
    }
}

impl Selections {
    /// Records the selection of a subnet of the network at position `network`. Reports what selects
    /// something else already.
    pub(crate) fn note(
        &mut self,
        network: usize,
        vpn: Option<&VpnName>,
        selection: &PlacedSelection,
        collector: &Collector,
    ) {
        for Placed { value: address, span } in &selection.relay_addresses {
            let first = self.relays.entry((vpn.cloned(), *address)).or_insert_with(|| span.clone());
            if first != span {
                let draft = Draft::found(format!("relay address {address} selects two subnets"))
                    .wanted("the second time")
                    .related(first, "the first time")
                    .help(
                        "a relay address selects one subnet of a VPN, or outside of all; give \
                         subnets that share a link the same shared-network",
                    );
                collector.report(span, draft);
            }
        }
        for Placed { value: name, span } in &selection.interfaces {
            let known = self.interfaces.entry(name.clone());
            let (first, place) = known.or_insert_with(|| (network, span.clone()));
            if *first != network {
                let draft = Draft::found(format!("interface {name:?} selects two networks"))
                    .wanted("the second time")
                    .related(place, "the first time")
                    .help("give the subnets of one interface the same shared-network");
                collector.report(span, draft);
            }
        }
    }

    /// Reports interfaces that the server does not receive on.
    pub(crate) fn report_unserved(&self, served: &[String], collector: &Collector) {
        let unserved = self.interfaces.iter().filter(|(name, _)| !served.contains(*name));
        for (name, (_, span)) in unserved {
            let draft = Draft::found(format!("no message arrives on interface {name:?}"))
                .wanted("wanted an interface of [server]")
                .help(format!("add {name:?} to `interfaces` below [server]"));
            collector.report(span, draft);
        }
    }
}

/// Reads names of interfaces, each once.
pub(crate) fn interface_names(value: &Value) -> Vec<Placed<String>> {
    const WANTED: &str = "the name of an interface, such as \"eth0\"";
    let mut seen: HashMap<&str, Value> = HashMap::new();
    let mut interfaces = Vec::new();
    for item in value.items() {
        let Some(name) = item.text(WANTED) else { continue };
        let fits = (1..=INTERFACE_NAME_OCTETS_MAX).contains(&name.len());
        if !fits || name.contains(|found: char| found == '/' || found.is_whitespace()) {
            let help = format!(
                "names have 1 to {INTERFACE_NAME_OCTETS_MAX} characters, \
                no `/` and no space; `ip link` lists them"
            );
            item.refuse_with_help(WANTED, help);
        } else if let Some(first) = seen.get(name) {
            item.report(twice(&format!("interface {name:?}"), first));
        } else {
            interfaces.push(item.place(name.to_owned()));
            seen.insert(name, item);
        }
    }
    interfaces
}

/// The mistake of naming a thing twice in one list.
pub(crate) fn twice(what: &str, first: &Value) -> Draft {
    Draft::found(format!("{what} is named twice"))
        .wanted("the second time")
        .related(first.span(), "the first time")
        .help("remove one of them")
}

fn relay_addresses(value: &Value) -> Vec<Placed<Ipv4Addr>> {
    let mut seen: HashMap<Ipv4Addr, Value> = HashMap::new();
    let mut addresses = Vec::new();
    for item in value.items() {
        let Some(address) = item.address() else { continue };
        if !is_host_address(address) {
            item.refuse("the address of a relay (giaddr)");
        } else if addresses.len() == RELAY_ADDRESSES_MAX {
            let draft = Draft::found(format!("more than {RELAY_ADDRESSES_MAX} relay addresses"));
            item.report(draft.wanted("this one is too many"));
            break;
        } else if let Some(first) = seen.get(&address) {
            item.report(twice(&format!("relay address {address}"), first));
        } else {
            addresses.push(item.place(address));
            seen.insert(address, item);
        }
    }
    addresses
}
