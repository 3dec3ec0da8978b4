//! Combines subnets into networks, and reports duplicates and contradictions among them.

use std::{collections::HashMap, hash::Hash, ops::Range, sync::Arc};

use lessor_core::{
    AfterDataLoss, Bounds, ClassEffects, Classes, INFINITE_SECS, Network, Topology, Vpn,
};

use crate::{
    collector::Collector,
    mistake::Draft,
    network::NetworkLevels,
    reader::Placed,
    selection::Selections,
    subnet::{self, NetworkSettings, PlacedSubnet},
};

const OFFER_HOLD_SECS: u32 = 60;
const QUARANTINE_SECS: u32 = 600;

/// Checks subnets against each other and combines them into networks, in the order of the file.
/// Returns `None` if they are not compatible. `interfaces` are those of `[server]`, if it was read.
pub(crate) fn build(
    subnets: Vec<PlacedSubnet>,
    defaults: &NetworkSettings,
    levels: &NetworkLevels,
    classes: &Classes,
    interfaces: Option<&[String]>,
    collector: &Collector,
) -> Option<Topology> {
    let effects = ClassEffects {
        longest_lease_secs: classes.longest_lease_secs(),
        set_client_key: classes.set_client_key(),
        read_relay: classes.reads_relay(),
    };
    report_overlaps(&subnets, collector);
    let mut groups = group(subnets);
    let mut selections = Selections::default();
    for (position, (name, subnets)) in groups.iter_mut().enumerate() {
        let level = levels.get(name);
        for (place, subnet) in subnets.iter_mut().enumerate() {
            if let Some(level) = level {
                subnet.selection.extend(&level.selection, place == 0);
            }
            selections.note(position, subnet.vpn_name(), &subnet.selection, collector);
        }
    }
    if let Some(interfaces) = interfaces {
        selections.report_unserved(interfaces, collector);
    }
    let networks: Vec<Arc<Network>> = groups
        .into_iter()
        .map(|(name, subnets)| Arc::new(network(name, subnets, defaults, effects, collector)))
        .collect();
    if !collector.is_empty() {
        return None;
    }
    match Topology::new(networks) {
        Ok(topology) => Some(topology),
        Err(error) => {
            collector.report_file(Draft::found(error.to_string()));
            None
        }
    }
}

/// Only subnets of one VPN, or of none, can overlap. Two prefixes are either nested or disjoint. In
/// sorted order, a prefix that contains another comes directly before it, except for others that it
/// also contains.
fn report_overlaps(subnets: &[PlacedSubnet], collector: &Collector) {
    let mut sorted: Vec<&PlacedSubnet> = subnets.iter().collect();
    sorted.sort_by_key(|subnet| (subnet.vpn_name(), subnet.prefix.value, subnet.prefix.span.start));
    let mut spanning: Vec<&PlacedSubnet> = Vec::new();
    for subnet in sorted {
        let spans = |outer: &&PlacedSubnet| {
            let is_in_same_vpn = outer.vpn_name() == subnet.vpn_name();
            is_in_same_vpn && outer.prefix.value.contains(&subnet.prefix.value)
        };
        while spanning.last().is_some_and(|outer| !spans(outer)) {
            spanning.pop();
        }
        if let Some(outer) = spanning.last() {
            let (earlier, later) = match outer.prefix.span.start < subnet.prefix.span.start {
                true => (&outer.prefix, &subnet.prefix),
                false => (&subnet.prefix, &outer.prefix),
            };
            let (earlier_prefix, later_prefix) = (earlier.value, later.value);
            let draft = match earlier_prefix == later_prefix {
                true => Draft::found(format!("subnet {later_prefix} is configured twice"))
                    .wanted("the second time")
                    .related(&earlier.span, "the first time")
                    .help("write its pools and reservations below one [[subnet]]"),
                false => Draft::found(format!(
                    "subnets {earlier_prefix} and {later_prefix} overlap"
                ))
                .wanted("this subnet")
                .related(&earlier.span, "and this one")
                .help(
                    "an address belongs to one subnet; for several pools, repeat [[subnet.pool]]",
                ),
            };
            collector.report(&later.span, draft);
        }
        spanning.push(subnet);
    }
}

/// Groups subnets by network, in the order in which networks are first named.
fn group(subnets: Vec<PlacedSubnet>) -> Vec<(Arc<str>, Vec<PlacedSubnet>)> {
    let mut groups: Vec<(Arc<str>, Vec<PlacedSubnet>)> = Vec::new();
    let mut by_name: HashMap<String, usize> = HashMap::new();
    for subnet in subnets {
        let shared = subnet.shared.network.as_ref().map(|name| name.value.clone());
        let known = shared.as_ref().and_then(|name| by_name.get(name).copied());
        match known.and_then(|position| groups.get_mut(position)) {
            Some((_, group)) => group.push(subnet),
            None => {
                if let Some(name) = &shared {
                    by_name.insert(name.clone(), groups.len());
                }
                let prefix = subnet.prefix.value;
                let name = shared.unwrap_or_else(|| match subnet.vpn_name() {
                    None => prefix.to_string(),
                    Some(vpn) => format!("{prefix} in {vpn}"),
                });
                groups.push((name.into(), vec![subnet]));
            }
        }
    }
    groups
}

fn network(
    name: Arc<str>,
    subnets: Vec<PlacedSubnet>,
    defaults: &NetworkSettings,
    classes: ClassEffects,
    collector: &Collector,
) -> Network {
    report_pool_names_twice(&subnets, collector);
    let shared_secs = |key, of: fn(&NetworkSettings) -> &Option<Placed<u32>>| {
        agreed(&subnets, key, of, collector)
    };
    Network {
        authoritative: agreed(&subnets, "authoritative", |of| &of.authoritative, collector)
            .or(defaults.authoritative.as_ref().map(|default| default.value))
            .unwrap_or(false),
        client_key: agreed(&subnets, "client-key", |of| &of.client_key, collector)
            .or(defaults.client_key.as_ref().map(|default| default.value))
            .unwrap_or_default(),
        after_data_loss: after_data_loss(&subnets, defaults, classes, collector),
        offer_hold_secs: shared_secs("offer-hold", |of| &of.offer_hold_secs)
            .unwrap_or(OFFER_HOLD_SECS),
        quarantine_secs: shared_secs("quarantine", |of| &of.quarantine_secs)
            .unwrap_or(QUARANTINE_SECS),
        bounds: Bounds {
            quarantine_max: agreed(&subnets, "quarantine-max", |of| &of.quarantine_max, collector)
                .unwrap_or_default(),
            offers_max: agreed(&subnets, "offers-max", |of| &of.offers_max, collector)
                .unwrap_or_default(),
        },
        classes,
        name,
        vpn: vpn_of(&subnets, collector),
        subnets: subnet::fitted(subnets, PlacedSubnet::into_subnet),
    }
}

/// The VPN of all subnets. Unlike other settings, one that is missing counts: it means none.
fn vpn_of(subnets: &[PlacedSubnet], collector: &Collector) -> Option<Arc<Vpn>> {
    let first = subnets.first()?;
    for other in subnets.iter().filter(|other| other.vpn_name() != first.vpn_name()) {
        let draft = Draft::found("subnets of one shared network differ in `vpn`")
            .wanted("this one")
            .related(&first.prefix.span, "differs from this one")
            .help("write `vpn` once below the [[network]], or the same below each [[subnet]]");
        collector.report(&other.prefix.span, draft);
    }
    first.vpn.as_ref().map(|placed| Arc::clone(&placed.value))
}

/// A hold ends when the longest lease time has passed, so leases must not be infinite.
fn after_data_loss(
    subnets: &[PlacedSubnet],
    defaults: &NetworkSettings,
    classes: ClassEffects,
    collector: &Collector,
) -> AfterDataLoss {
    let of = |shared: &'_ NetworkSettings| {
        shared.after_data_loss.as_ref().map(|placed| placed.span.clone())
    };
    let said = agreed(subnets, "after-data-loss", |of| &of.after_data_loss, collector);
    let default = defaults.after_data_loss.as_ref().map(|default| default.value);
    let value = said.or(default).unwrap_or_default();
    let endless = subnets.iter().find(|subnet| subnet.longest_lease_secs() == INFINITE_SECS);
    let span = subnets.iter().find_map(|subnet| of(&subnet.shared)).or_else(|| of(defaults));
    if let (AfterDataLoss::Hold, Some(endless), Some(span)) = (value, endless, span.clone()) {
        let draft = Draft::found("`after-data-loss` would hold addresses forever")
            .wanted("this waits until the longest lease has ended")
            .related(&endless.prefix.span, "leases of this subnet may be infinite")
            .help("give it a max-lease-time that is not \"infinite\"");
        collector.report(&span, draft);
    } else if let (AfterDataLoss::Hold, INFINITE_SECS, Some(span)) =
        (value, classes.longest_lease_secs, span)
    {
        let draft = Draft::found("`after-data-loss` would hold addresses forever")
            .wanted("this waits until the longest lease has ended")
            .help("give every [[class]] a max-lease-time that is not \"infinite\"");
        collector.report(&span, draft);
    }
    value
}

/// Returns the setting of a network that its subnets agree on, if any has it.
fn agreed<T: Copy + PartialEq>(
    subnets: &[PlacedSubnet],
    key: &str,
    of: fn(&NetworkSettings) -> &Option<Placed<T>>,
    collector: &Collector,
) -> Option<T> {
    let mut said = subnets.iter().filter_map(|subnet| of(&subnet.shared).as_ref());
    let first = said.next()?;
    for other in said.filter(|other| other.value != first.value) {
        let draft = Draft::found(format!("subnets of one shared network differ in `{key}`"))
            .wanted("this one")
            .related(&first.span, "differs from this one")
            .help(
                "it applies to the whole network: write it once, or with the same value \
                 everywhere",
            );
        collector.report(&other.span, draft);
    }
    Some(first.value)
}

fn report_pool_names_twice(subnets: &[PlacedSubnet], collector: &Collector) {
    let mut seen: Seen<&str> = Seen::default();
    for placed in subnets.iter().flat_map(|subnet| &subnet.pools) {
        if let Some(first) = seen.note(&placed.pool.name, &placed.name) {
            let draft = Draft::found(format!("two pools are named {:?}", placed.pool.name))
                .wanted("the second one")
                .related(&first, "the first one")
                .help("policies refer to pools by name: names must be unique within a network");
            collector.report(&placed.name, draft);
        }
    }
}

/// Things that must be unique, with their places.
struct Seen<T>(HashMap<T, Range<usize>>);

impl<T> Default for Seen<T> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<T: Eq + Hash> Seen<T> {
    /// Records a thing. Returns the place where it was seen before, if it was.
    fn note(&mut self, thing: T, span: &Range<usize>) -> Option<Range<usize>> {
        match self.0.entry(thing) {
            std::collections::hash_map::Entry::Occupied(first) => Some(first.get().clone()),
            std::collections::hash_map::Entry::Vacant(free) => {
                free.insert(span.clone());
                None
            }
        }
    }
}
