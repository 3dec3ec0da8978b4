//! Keys that are set but change nothing: the file is correct, so `lessor check` notes them only.
//!
//! Looks at what applies after inheritance, so a key of a wide level counts as used if it has an
//! effect in any place below. What a policy or a class could do with a key counts as an effect.
//! Invariant: a key that is noted could be removed.

use std::{collections::BTreeSet, fmt::Display};

use lessor_core::{
    BootpClients, HostNameRule, Network, OptionSet, ProbeMethod, ScopeSettings, SendRule, Subnet,
    option::{code, is_reserved_for_engine},
};

use crate::settings::Configuration;

/// Options that replies have although no level sets them: what follows from the subnet, from other
/// options and fields or from what the client sent, and what RFC 1122 demands of hosts.
const SET_WITHOUT_OPTIONS: [u8; 17] = [
    code::SUBNET_MASK,
    code::HOST_NAME,
    code::IP_FORWARDING,
    code::NON_LOCAL_SOURCE_ROUTING,
    code::MAX_DATAGRAM_REASSEMBLY,
    code::DEFAULT_IP_TTL,
    code::BROADCAST_ADDRESS,
    code::MASK_DISCOVERY,
    code::MASK_SUPPLIER,
    code::TRAILER_ENCAPSULATION,
    code::IEEE802_3_ENCAPSULATION,
    code::TCP_KEEPALIVE_INTERVAL,
    code::VENDOR_CLASS,
    code::TFTP_SERVER_NAME,
    code::BOOT_FILE_NAME,
    code::RAPID_COMMIT,
    code::CLIENT_FQDN,
];

/// What `always-send-basics` lists, whether the options are set or not.
const BASICS: [u8; 3] = [code::ROUTERS, code::DOMAIN_NAME_SERVERS, code::DOMAIN_NAME];

/// The number of places that a note names.
const PLACES_MAX: usize = 3;

/// Returns a sentence for each key without effect.
pub fn without_effect(configuration: &Configuration) -> Vec<String> {
    let levels = Levels::of(configuration);
    let mut notes = Vec::new();
    notes.extend(levels.own_address_for());
    notes.extend(levels.probe_with_arp());
    notes.extend(levels.probe_in_vpns());
    notes.extend(levels.probe_timeouts());
    notes.extend(levels.bootp_lease_times());
    notes.extend(levels.dynamic_bootp());
    notes.extend(levels.name_prefixes());
    notes.extend(levels.always_sent());
    notes
}

/// A level of the configuration whose settings include those of the levels around it. Classes and
/// reservations that belong to no subnet have only their own.
struct Level<'c> {
    place: String,
    options: &'c OptionSet,
    own: &'c ScopeSettings,
    /// Where it is, if it is in one place.
    inside: Option<(&'c Network, &'c Subnet)>,
}

struct Levels<'c> {
    configuration: &'c Configuration,
    levels: Vec<Level<'c>>,
}

impl<'c> Level<'c> {
    /// What the level, or else its subnet, says.
    fn said<T>(&self, of: impl Fn(&'c ScopeSettings) -> Option<T>) -> Option<T> {
        of(self.own).or_else(|| of(&self.inside?.1.settings))
    }
}

impl<'c> Levels<'c> {
    fn of(configuration: &'c Configuration) -> Self {
        let topology = &configuration.topology;
        let mut levels = Vec::new();
        let mut add = |place: &dyn Fn() -> String, options, own: &'c ScopeSettings, inside| {
            levels.push(Level { place: place(), options, own, inside });
        };
        for network in topology.networks() {
            for subnet in &network.subnets {
                let inside = Some((&**network, subnet));
                let prefix = subnet.prefix;
                add(&|| format!("subnet {prefix}"), &subnet.options, &subnet.settings, inside);
                for pool in &subnet.pools {
                    add(&|| format!("pool {}", pool.name), &pool.options, &pool.settings, inside);
                }
                let set = subnet
                    .reservations
                    .iter()
                    .filter(|found| !found.settings.is_empty() || !found.options.is_empty());
                for found in set {
                    let place = || format!("a reservation in subnet {prefix}");
                    add(&place, &found.options, &found.settings, inside);
                }
            }
        }
        for (_, class) in topology.classes().iter() {
            add(&|| format!("class {}", class.name), &class.options, &class.settings, None);
        }
        for found in topology.shared_reservations().list() {
            let place = || "a reservation outside of all subnets".to_owned();
            add(&place, &found.options, &found.settings, None);
        }
        Self { configuration, levels }
    }

    fn has_interfaces(&self) -> bool {
        !self.configuration.server.interfaces.is_empty()
    }

    /// Returns whether any level says something of which `is_it` is true.
    fn any<T>(
        &self,
        of: impl Fn(&'c ScopeSettings) -> Option<T> + Copy,
        is_it: impl Fn(T) -> bool,
    ) -> bool {
        self.levels.iter().filter_map(|level| level.said(of)).any(is_it)
    }

    /// The places of levels that set something.
    fn places(&self, sets: impl Fn(&Level<'c>) -> bool) -> Option<String> {
        let all: Vec<&str> =
            self.levels.iter().filter(|level| sets(level)).map(|level| &*level.place).collect();
        let (named, others) = all.split_at(all.len().min(PLACES_MAX));
        let more =
            if others.is_empty() { String::new() } else { format!(" and {} more", others.len()) };
        (!named.is_empty()).then(|| format!("{}{more}", named.join(", ")))
    }

    fn own_address_for(&self) -> Option<String> {
        let sets = |level: &Level| {
            level.own.sending.own_address_for.as_ref().is_some_and(|codes| !codes.is_empty())
        };
        let places = self.places(sets).filter(|_| !self.has_interfaces())?;
        let why = "the server has an address only on the links of `interfaces` of [server], which \
                   names none";
        Some(nothing("own-address-for", &places, why))
    }

    fn probe_with_arp(&self) -> Option<String> {
        let sets = |level: &Level| level.own.probing.method == Some(ProbeMethod::Arp);
        let places = self.places(sets).filter(|_| !self.has_interfaces())?;
        let why = "only clients on a link of `interfaces` of [server] are probed with ARP; \
                   \"icmp\" probes wherever the client is";
        Some(nothing("probe = \"arp\"", &places, why))
    }

    fn probe_in_vpns(&self) -> Option<String> {
        let sets = |level: &Level| {
            let is_in_vpn = level.inside.is_some_and(|(network, _)| network.vpn.is_some());
            is_in_vpn && level.own.probing.method == Some(ProbeMethod::Icmp)
        };
        let is_icmp = |method| method == ProbeMethod::Icmp;
        let is_used = self.levels.iter().any(|level| {
            let is_outside = level.inside.is_none_or(|(network, _)| network.vpn.is_none());
            is_outside && level.own.probing.method.is_some_and(is_icmp)
        });
        let places = self.places(sets).filter(|_| !is_used)?;
        let why = "echo requests do not reach the addresses of a VPN";
        Some(nothing("probe = \"icmp\"", &places, why))
    }

    fn probe_timeouts(&self) -> Option<String> {
        let is_on = |method| method != ProbeMethod::Off;
        let places = self.places(|level| level.own.probing.timeout_ms.is_some())?;
        let is_used =
            self.any(|settings| settings.probing.method, is_on) || self.probes_after_loss();
        let why = "no level sets `probe`, or after-data-loss = \"probe\"";
        (!is_used).then(|| nothing("probe-timeout-ms", &places, why))
    }

    /// Returns whether a network probes addresses after a loss of records, with or without `probe`.
    fn probes_after_loss(&self) -> bool {
        let mut networks = self.configuration.topology.networks().iter();
        networks.any(|network| {
            network.vpn.is_none() && network.after_data_loss == lessor_core::AfterDataLoss::Probe
        })
    }

    fn bootp_lease_times(&self) -> Option<String> {
        let places = self.places(|level| level.own.messages.bootp_lease_secs.is_some())?;
        let is_used = self.any(|settings| settings.messages.bootp, BootpClients::serves);
        let why = "no subnet serves BOOTP clients: `bootp` is not set";
        (!is_used).then(|| nothing("bootp-lease-time", &places, why))
    }

    /// Pools that only a class, a reservation or a policy uses are open to nobody if there is none.
    fn dynamic_bootp(&self) -> Option<String> {
        let mut classes = self.configuration.topology.classes().iter();
        let is_named = classes.any(|(_, class)| class.pools.is_some())
            || self.levels.iter().any(|level| level.own.pool.is_some());
        if self.configuration.plugins.is_some() || is_named {
            return None;
        }
        let is_dynamic = |level: &Level| {
            level.own.messages.bootp == Some(BootpClients::Dynamic) && level.inside.is_some()
        };
        let has_pool = |level: &Level| {
            let subnets = level.inside.into_iter().flat_map(|(network, _)| &network.subnets);
            subnets.flat_map(|subnet| &subnet.pools).any(|pool| !pool.by_policy_only)
        };
        let is_used = self.levels.iter().any(|level| is_dynamic(level) && has_pool(level));
        let places = self.places(is_dynamic).filter(|_| !is_used)?;
        let why = "every pool there has `by-policy-only`, so it serves the same clients as \
                   \"reserved\"";
        Some(nothing("bootp = \"dynamic\"", &places, why))
    }

    fn name_prefixes(&self) -> Option<String> {
        let places = self.places(|level| level.own.names.prefix.is_some())?;
        let generates =
            |rule| matches!(rule, HostNameRule::Generated | HostNameRule::ClientOrGenerated);
        let is_used = self.any(|settings| settings.names.rule, generates);
        let why = "no level has host-names = \"generated\" or \"client-or-generated\"";
        (!is_used).then(|| nothing("host-name-prefix", &places, why))
    }

    /// Options that are always sent but that nothing sets.
    fn always_sent(&self) -> Option<String> {
        // A policy may set them.
        if self.configuration.plugins.is_some() {
            return None;
        }
        let is_set = |wanted: u8| {
            let is_own = |level: &Level| {
                let own = level.own.sending.own_address_for.as_deref().unwrap_or_default();
                own.contains(&wanted)
            };
            let mut levels = self.levels.iter();
            levels.any(|level| level.options.get(wanted).is_some() || is_own(level))
        };
        let is_exempt = |code: u8| {
            SET_WITHOUT_OPTIONS.contains(&code)
                || BASICS.contains(&code)
                || is_reserved_for_engine(code)
                || (code == code::MICROSOFT_ROUTES && is_set(code::CLASSLESS_STATIC_ROUTES))
        };
        let always = |level: &Level<'c>| {
            let rules = level.own.sending.rules.iter().collect::<Vec<_>>();
            rules.into_iter().filter(|(_, rule)| *rule == SendRule::Always).map(|(code, _)| code)
        };
        let codes: BTreeSet<u8> = self.levels.iter().flat_map(always).collect();
        let codes: Vec<u8> =
            codes.into_iter().filter(|code| !is_exempt(*code) && !is_set(*code)).collect();
        let places = self.places(|level| always(level).any(|code| codes.contains(&code)))?;
        let catalogue = self.configuration.topology.catalogue();
        let names: Vec<String> =
            codes.iter().map(|code| catalogue.shown_name(*code).to_string()).collect();
        let why = format!("nothing sets {}", names.join(", "));
        Some(nothing("always-send", &places, why))
    }
}

fn nothing(key: &str, places: &str, why: impl Display) -> String {
    format!("`{key}` has no effect in {places}: {why}")
}
