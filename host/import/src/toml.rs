//! A configuration as the text of `lessor.toml`, with the line that each part came from.
//!
//! Decides nothing. Invariant: values are written by `toml_edit`, so that no text of another
//! server's file can become a key or a table.

mod classes;
mod declarations;
mod matching;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
};

use lessor_core::{AllocationOrder, ClientKeyKind, INFINITE_SECS, LeasePart, ReservationOwner};
use lessor_vocabulary::{Catalogue, OptionSetting, hexadecimal};
use toml_edit::{Array, InlineTable, Key, Value};

use crate::{
    expressing,
    model::{Boot, Bootp, Options, Pool, Reservation, Scope, Site, Subnet, Unknown},
};

pub(crate) use classes::alone as class_alone;

/// What the file says beside the configuration of the other server.
#[derive(Clone, Debug)]
pub(crate) struct Frame<'f> {
    /// The other server, and the file.
    pub(crate) heading: String,
    /// The file of reservations, if there is one.
    pub(crate) reservations: Option<&'f str>,
    /// The folder of the store, if it is not the server's default.
    pub(crate) store: Option<&'f str>,
    /// Tables of the configuration that is replaced; empty if there are none.
    pub(crate) kept: &'f str,
}

/// The text of the configuration. Reservations that fit into a file are left out if the frame names
/// one.
pub(crate) fn text(site: &Site, frame: &Frame) -> String {
    let mut out = Text::default();
    out.comment(&frame.heading);
    out.comment("`lessor check` reports mistakes; examples/reference.toml has every key.");
    if let Some(name) = frame.reservations {
        out.blank();
        out.key("reservations", name);
    }
    server(&mut out, site);
    if let Some(path) = frame.store {
        out.header("[store]");
        out.key("path", path);
    }
    if !frame.kept.is_empty() {
        out.header(frame.kept);
    }
    let catalogue = &site.catalogue;
    for option in catalogue.declared() {
        out.header("[[option]]");
        out.keys(declarations::option(option));
    }
    for vendor in catalogue.vendors() {
        out.header("[[vendor]]");
        out.keys(declarations::vendor(vendor));
    }
    if !site.everywhere.options.is_empty() {
        out.header("[options]");
        options(&mut out, &site.everywhere.options, catalogue);
    }
    site.classes.iter().for_each(|class| classes::write(&mut out, class, catalogue));
    let is_written = |reservation: &Reservation| {
        frame.reservations.is_none() || !expressing::fits_row(site, reservation)
    };
    for reservation in site.reservations.iter().filter(|found| is_written(found)) {
        write_reservation(&mut out, "[[reservation]]", reservation, catalogue);
    }
    for subnet in &site.subnets {
        write_subnet(&mut out, subnet, catalogue);
        for reservation in subnet.reservations.iter().filter(|found| is_written(found)) {
            write_reservation(&mut out, "[[subnet.reservation]]", reservation, catalogue);
        }
    }
    out.0
}

fn server(out: &mut Text, site: &Site) {
    out.header("[server]");
    if !site.interfaces.is_empty() {
        out.key("interfaces", list(site.interfaces.iter().map(Value::from)));
    }
    if !site.listen.is_empty() {
        let sockets = site.listen.iter().map(|address| Value::from(format!("{address}:67")));
        out.key("listen", list(sockets));
    }
    of_network(out, &site.everywhere);
    of_level(out, &site.everywhere, &site.catalogue);
}

/// The settings that both `[server]` and `[[subnet]]` have.
fn of_network(out: &mut Text, scope: &Scope) {
    if let Some(authoritative) = scope.authoritative {
        out.key("authoritative", authoritative);
    }
    if let Some(kind) = scope.client_key.filter(|kind| *kind != ClientKeyKind::default()) {
        out.key("client-key", kind.name());
    }
    if let Some(unknown) = scope.unknown_clients {
        let name = match unknown {
            Unknown::Adopt => "adopt",
            Unknown::Ignore => "ignore",
            Unknown::Refuse => "refuse",
        };
        out.key("unknown-clients", name);
    }
    if let Some(bootp) = scope.bootp {
        let name = match bootp {
            Bootp::Reserved => "reserved",
            Bootp::Dynamic => "dynamic",
        };
        out.key("bootp", name);
    }
    if let Some(order) = scope.order {
        let name = AllocationOrder::ALL.iter().find(|(_, found)| *found == order);
        name.iter().for_each(|(name, _)| out.key("allocation", *name));
    }
    if let Some(excludes) = scope.excludes_first_last_24 {
        out.key("exclude-first-last-24", excludes);
    }
}

/// The settings that every level has, besides lease times and options.
fn of_level(out: &mut Text, scope: &Scope, catalogue: &Catalogue) {
    if let Some(identifier) = scope.server_identifier {
        out.key("server-identifier", identifier.to_string());
    }
    if let Some(next) = scope.next_server.filter(|next| *next != Ipv4Addr::UNSPECIFIED) {
        out.key("next-server", next.to_string());
    }
    boot(out, &scope.boot);
    let times = [("renewal-time", scope.renewal_time), ("rebinding-time", scope.rebinding_time)];
    for (key, timer) in times {
        match timer {
            Some(LeasePart::Secs(secs)) => out.key(key, duration(secs)),
            Some(LeasePart::Fraction(part)) => out.key(key, part.number()),
            None => {}
        }
    }
    if let Some(threshold) = scope.cache_threshold {
        out.key("cache-threshold", threshold.number());
    }
    let flags =
        [("rapid-commit", scope.rapid_commit), ("always-broadcast", scope.always_broadcast)];
    for (key, flag) in flags {
        flag.into_iter().for_each(|flag| out.key(key, flag));
    }
    for (key, codes) in [("always-send", &scope.always_send), ("never-send", &scope.never_send)] {
        let codes: BTreeSet<u8> = codes.iter().copied().collect();
        if codes.is_empty() {
            continue;
        }
        let names = codes.into_iter().map(|code| match catalogue.name(code) {
            Some(name) => name.into(),
            None => i64::from(code).into(),
        });
        out.key(key, list(names));
    }
}

fn boot(out: &mut Text, boot: &Boot) {
    for (key, text) in [("server-name", &boot.server_name), ("boot-file", &boot.file)] {
        text.iter().for_each(|text| out.key(key, text.as_str()));
    }
}

fn write_subnet(out: &mut Text, subnet: &Subnet, catalogue: &Catalogue) {
    out.blank();
    out.comment(&subnet.place.short());
    out.line("[[subnet]]");
    out.key("prefix", subnet.prefix.to_string());
    if let Some(name) = &subnet.shared_network {
        out.key("shared-network", name.as_str());
    }
    if !subnet.relay_addresses.is_empty() {
        let relays = subnet.relay_addresses.iter().map(ToString::to_string);
        out.key("relay-addresses", relays.collect::<Array>());
    }
    let scope = &subnet.scope;
    of_network(out, scope);
    for (key, secs) in [
        ("lease-time", scope.lease_time),
        ("min-lease-time", scope.min_lease_time),
        ("max-lease-time", scope.max_lease_time),
        ("quarantine", scope.quarantine),
    ] {
        if let Some(secs) = secs {
            out.key(key, duration(secs));
        }
    }
    if let (Some(above), Some(secs)) = (scope.shortens_above, scope.min_lease_time) {
        let mut step = InlineTable::new();
        step.insert("above", above.number().into());
        step.insert("lease-time", duration(secs).into());
        step.fmt();
        out.key("shorten", list(std::iter::once(step.into())));
    }
    of_level(out, scope, catalogue);
    if !scope.options.is_empty() {
        out.header("[subnet.options]");
        options(out, &scope.options, catalogue);
    }
    subnet.pools.iter().for_each(|pool| write_pool(out, pool, catalogue));
}

fn write_pool(out: &mut Text, pool: &Pool, catalogue: &Catalogue) {
    out.blank();
    out.comment(&pool.place.short());
    out.line("[[subnet.pool]]");
    if let Some(name) = &pool.name {
        out.key("name", name.as_str());
    }
    out.key("range", format!("{}-{}", pool.first, pool.last));
    if pool.preference > 1 {
        out.key("preference", i64::from(pool.preference));
    }
    if pool.by_policy_only {
        out.key("by-policy-only", true);
    }
    boot(out, &pool.boot);
    if !pool.options.is_empty() {
        out.key("options", inline_options(&pool.options, catalogue));
    }
}

fn write_reservation(
    out: &mut Text,
    header: &str,
    reservation: &Reservation,
    catalogue: &Catalogue,
) {
    out.blank();
    out.comment(&match reservation.name.as_str() {
        "" => reservation.place.short(),
        name => format!("{name}, {}", reservation.place.short()),
    });
    out.line(header);
    write_owners(out, &reservation.owners);
    if let Some(address) = reservation.address {
        out.key("address", address.to_string());
    }
    if !reservation.classes.is_empty() {
        out.key("classes", reservation.classes.iter().map(String::as_str).collect::<Array>());
    }
    if let Some(next) = reservation.next_server {
        out.key("next-server", next.to_string());
    }
    boot(out, &reservation.boot);
    if let Some(secs) = reservation.lease_time {
        out.key("lease-time", duration(secs));
    }
    if !reservation.options.is_empty() {
        out.key("options", inline_options(&reservation.options, catalogue));
    }
}

/// Writes the identifiers of an owner, those of one kind as a list.
fn write_owners(out: &mut Text, owners: &[ReservationOwner]) {
    let mut by_key: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for owner in owners {
        by_key.entry(owner.kind().to_string()).or_default().push(identifier(owner));
    }
    let mut sub_options = InlineTable::new();
    for (key, mut texts) in by_key {
        let value = match texts.len() {
            1 => Value::from(texts.remove(0)),
            _ => list(texts.into_iter().map(Value::from)),
        };
        match key.split_once('.') {
            Some((_, name)) => {
                sub_options.insert(name, value);
            }
            None => out.key(&key, value),
        }
    }
    if !sub_options.is_empty() {
        sub_options.fmt();
        out.key("relay-sub-options", sub_options);
    }
}

/// An identifier as the configuration and files of reservations write it.
pub(crate) fn identifier(owner: &ReservationOwner) -> String {
    match owner {
        ReservationOwner::RelaySubOption(_, octets)
        | ReservationOwner::VendorSubOption(_, _, octets)
        | ReservationOwner::ClientIdentifier(octets) => hexadecimal::plain_or_hex(octets),
        ReservationOwner::Duid(_) | ReservationOwner::HardwareAddress(_) => owner.value(),
    }
}

fn options(out: &mut Text, options: &Options, catalogue: &Catalogue) {
    for (name, value) in named(options, catalogue) {
        out.key(&name, value);
    }
}

fn inline_options(options: &Options, catalogue: &Catalogue) -> InlineTable {
    let pairs = named(options, catalogue).map(|(name, value)| (Key::new(name), value));
    let mut table: InlineTable = pairs.collect();
    table.fmt();
    table
}

fn named<'o>(
    options: &'o Options,
    catalogue: &'o Catalogue,
) -> impl Iterator<Item = (String, Value)> + 'o {
    options.iter().map(|(code, value)| {
        let value = written(&expressing::value(catalogue, *code, value));
        (expressing::option_name(catalogue, *code), value)
    })
}

fn written(value: &OptionSetting) -> Value {
    match value {
        OptionSetting::Flag(flag) => (*flag).into(),
        OptionSetting::Number(number) => (*number).into(),
        OptionSetting::Text(text) | OptionSetting::Other(text) => text.as_str().into(),
        OptionSetting::List(items) => list(items.iter().map(written)),
        OptionSetting::Table(members) => {
            let members = members.iter().map(|(key, value)| (Key::new(key), written(value)));
            let mut table: InlineTable = members.collect();
            table.fmt();
            table.into()
        }
    }
}

fn list(items: impl Iterator<Item = Value>) -> Value {
    let mut array: Array = items.collect();
    array.fmt();
    array.into()
}

/// A duration in the largest unit that fits.
pub(crate) fn duration(secs: u32) -> String {
    if secs == INFINITE_SECS {
        return "infinite".to_owned();
    }
    let units = [("d", 86_400), ("h", 3_600), ("m", 60)];
    let fitting = units.into_iter().find(|(_, unit)| secs > 0 && secs.is_multiple_of(*unit));
    fitting.map_or_else(|| format!("{secs}s"), |(name, unit)| format!("{}{name}", secs / unit))
}

/// The text that is written so far.
#[derive(Debug, Default)]
struct Text(String);

impl Text {
    fn line(&mut self, line: &str) {
        self.0.push_str(line);
        self.0.push('\n');
    }

    fn blank(&mut self) {
        self.0.push('\n');
    }

    fn header(&mut self, header: &str) {
        self.blank();
        self.line(header);
    }

    /// A comment; characters that would end it or that a terminal obeys are replaced.
    fn comment(&mut self, text: &str) {
        self.line(&format!("# {}", crate::place::shown(text, 120)));
    }

    fn keys(&mut self, keys: Vec<(&'static str, Value)>) {
        for (key, value) in keys {
            self.key(key, value);
        }
    }

    fn key(&mut self, key: &str, value: impl Into<Value>) {
        let value = value.into();
        self.line(&format!("{} = {}", Key::new(key), value.to_string().trim()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_the_largest_unit() {
        for (secs, text) in
            [(0, "0s"), (90, "90s"), (120, "2m"), (86_400, "1d"), (INFINITE_SECS, "infinite")]
        {
            assert_eq!(duration(secs), text);
        }
    }

    #[test]
    fn no_value_or_name_can_end_its_line() {
        let mut text = Text::default();
        text.comment("a\n[server]");
        text.key("path", "a\"\nb = 1");
        let read: toml_edit::DocumentMut = text.0.parse().unwrap();
        assert_eq!(read.iter().count(), 1, "{}", text.0);
    }
}
