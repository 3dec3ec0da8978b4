//! The addresses that levels of a document set as `server-identifier`, found before pools and
//! reservations are read, because no client may have one of them.
//!
//! Reports no mistakes: each level reads its own value. An address of a VPN is another one than
//! that of the server, so levels of a VPN count only in their own subnet.

use std::{collections::HashSet, net::Ipv4Addr};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

const KEY: &str = "server-identifier";

/// The identifiers outside of all VPNs, as far as they were found.
pub(crate) struct ServerIdentifiers<'d> {
    found: Vec<Ipv4Addr>,
    /// The networks whose subnets have addresses of a VPN.
    of_vpns: HashSet<&'d str>,
}

impl<'d> ServerIdentifiers<'d> {
    /// Those of classes, networks, subnets and reservations in a document.
    pub(crate) fn of_document(document: &'d DeTable<'_>) -> Self {
        let mut all = Self { found: Vec::new(), of_vpns: HashSet::new() };
        for network in tables(document, "network") {
            if network.contains_key("vpn") {
                all.of_vpns.extend(network.get("name").and_then(text));
            } else {
                all.found.extend(own(network));
            }
        }
        for key in ["class", "reservation"] {
            all.found.extend(tables(document, key).filter_map(own));
        }
        tables(document, "subnet").for_each(|subnet| all.add_subnet(subnet));
        all
    }

    /// Adds those of a subnet and of what is below it.
    pub(crate) fn add_subnet(&mut self, subnet: &DeTable<'_>) {
        let network = subnet.get("shared-network").and_then(text);
        let is_in_vpn = subnet.contains_key("vpn")
            || network.is_some_and(|network| self.of_vpns.contains(network));
        if !is_in_vpn {
            self.found.extend(own(subnet).into_iter().chain(below(subnet)));
        }
    }

    /// Every one.
    pub(crate) fn into_addresses(self) -> Vec<Ipv4Addr> {
        self.found
    }
}

/// Those of the pools and reservations of a subnet.
pub(crate) fn below(subnet: &DeTable<'_>) -> impl Iterator<Item = Ipv4Addr> {
    ["pool", "reservation"].into_iter().flat_map(|key| tables(subnet, key)).filter_map(own)
}

fn own(table: &DeTable<'_>) -> Option<Ipv4Addr> {
    table.get(KEY).and_then(text)?.parse().ok()
}

fn text<'v>(value: &'v Spanned<DeValue<'_>>) -> Option<&'v str> {
    match value.get_ref() {
        DeValue::String(text) => Some(text),
        _ => None,
    }
}

fn tables<'t, 'i>(
    table: &'t DeTable<'i>,
    key: &str,
) -> impl Iterator<Item = &'t DeTable<'i>> + use<'t, 'i> {
    let items: &[Spanned<DeValue<'i>>] = match table.get(key).map(Spanned::get_ref) {
        Some(DeValue::Array(items)) => items,
        _ => &[],
    };
    items.iter().filter_map(|item| match item.get_ref() {
        DeValue::Table(table) => Some(table),
        _ => None,
    })
}
