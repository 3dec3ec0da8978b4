//! Reads the table `match` of a class, and the tables within it.
//!
//! Does not read values; `fitting` and `part` do. Invariant: a condition tests something.

use std::sync::Arc;

use ipnet::Ipv4Net;
use lessor_core::{
    Condition, Fact, OctetReading, OptionKind, Relays, Test, is_host_address, option::code, relay,
};
use toml::de::DeValue;

use crate::{
    identifiers::hardware_address,
    mistake::Draft,
    options,
    reader::{Table, Value},
    shapes::{CLASS_HARDWARE, CLASS_MATCH},
    suggest::joined,
};

use super::{
    fitting::{Wanted, all},
    reading::{ConditionReader, Tests},
    set_file, without_test,
};

/// The depth to which conditions can be nested.
const DEPTH_MAX: usize = 8;

impl ConditionReader<'_> {
    /// Reads a table of tests. Returns `None` if it has mistakes, which are reported.
    pub(super) fn condition(&mut self, table: &Table, value: &Value) -> Option<Condition> {
        if self.depth >= DEPTH_MAX {
            value.refuse(&format!("conditions that are nested at most {DEPTH_MAX} times"));
            return None;
        }
        self.depth += 1;
        let tests = self.tests(table);
        self.depth -= 1;
        let tests = tests?;
        if tests.is_empty() {
            let keys: Vec<&str> = CLASS_MATCH.keys().collect();
            if !table.misspells_any(&keys) {
                without_test(value);
            }
            return None;
        }
        Some(tests.into_condition())
    }

    fn tests(&mut self, table: &Table) -> Option<Tests> {
        let mut tests = Tests::default();
        // All keys are read, so that every mistake is found.
        let mut is_right = true;
        for (key, fact, reading) in [
            ("vendor-class", Fact::option(code::VENDOR_CLASS), OctetReading::Text),
            ("user-class", Fact::option(code::USER_CLASS), OctetReading::Texts),
            ("circuit-id", Fact::of_relay(relay::CIRCUIT_ID), OctetReading::Octets),
            ("remote-id", Fact::of_relay(relay::REMOTE_ID), OctetReading::Octets),
        ] {
            if let Some(value) = table.get(key) {
                let wanted = Wanted { kind: Some(&OptionKind::Text), reading };
                let fitting = self.fitting(&value, wanted);
                is_right &= fitting.is_some();
                let test = fitting.map(|fitting| Test::Octets(fact, reading, fitting));
                test.into_iter().for_each(|test| tests.add(key, &value, test));
            }
        }
        for key in ["hardware-address", "relay", "interface", "any", "not"] {
            if let Some(value) = table.get(key) {
                let test = match key {
                    "hardware-address" => self.hardware_address(&value),
                    "relay" => self.relay(&value),
                    "interface" => self.interface(&value),
                    "any" => self.any(&value),
                    _ => self.not(&value),
                };
                is_right &= test.is_some();
                test.into_iter().for_each(|test| tests.add(key, &value, test));
            }
        }
        if let Some(value) = table.get("options") {
            is_right &= self.options(&value, &mut tests).is_some();
        }
        is_right.then_some(tests)
    }

    fn options(&mut self, value: &Value, tests: &mut Tests) -> Option<()> {
        let mut is_right = true;
        let wanted = "a table of options, such as { client-architecture = 7 }";
        for entry in value.entries(wanted) {
            let Some(option) = options::recognise_received(&entry.key, value.collector()) else {
                is_right = false;
                continue;
            };
            let catalogue = value.collector().catalogue();
            is_right &= self.parts(&entry, option, catalogue, tests).is_some();
        }
        is_right.then_some(())
    }

    /// Addresses, or their first octets, of one hardware type.
    fn hardware_address(&mut self, value: &Value) -> Option<Test> {
        let set = match value.raw() {
            DeValue::Table(_) => {
                let table = value.table(&CLASS_HARDWARE)?;
                let file = table.require("in-file", "\"phones.txt\"")?;
                let (around, files) = (self.surroundings, &mut *self.files);
                set_file::read(&file, around, files, &set_file::HARDWARE_ADDRESSES)?
            }
            _ => all(value, hardware_start)?,
        };
        Some(Test::HardwareAddress(set))
    }

    fn relay(&mut self, value: &Value) -> Option<Test> {
        let items = value.items();
        let prefix = |item: &Value| {
            let prefix = match item.as_text() {
                // An address alone is meant often enough.
                Some(text) if !text.contains('/') => Ipv4Net::from(item.address()?),
                _ => item.prefix()?,
            };
            if !has_host(&prefix) {
                item.refuse("the address of a relay (giaddr), or a prefix of such addresses");
                return None;
            }
            Some(prefix)
        };
        let prefixes: Vec<Option<Ipv4Net>> = items.iter().map(prefix).collect();
        let prefixes: Option<Box<[Ipv4Net]>> = prefixes.into_iter().collect();
        let prefixes = not_empty(value, prefixes?)?;
        self.relays.push(value.place(prefixes.clone()));
        Some(Test::Relay(Relays { addresses: prefixes, ..Relays::default() }))
    }

    fn interface(&mut self, value: &Value) -> Option<Test> {
        let items = value.items();
        let name = |item: &Value| {
            let name = item.text("the name of an interface, such as \"eth1\"")?;
            let known = self.interfaces.filter(|known| !known.iter().any(|found| found == name));
            if let Some(known) = known {
                let draft = Draft::found(format!("no message arrives on the interface {name:?}"))
                    .wanted("wanted one of `interfaces` below [server]");
                let help = match known {
                    [] => "there are none; the clients of relays, which send to an address of \
                           `listen`, are on the link of no interface"
                        .to_owned(),
                    known => format!("they are {}", joined(known.iter().map(String::as_str))),
                };
                item.report(draft.help(help));
                return None;
            }
            Some(Arc::from(name))
        };
        let names: Vec<Option<Arc<str>>> = items.iter().map(name).collect();
        let names: Option<Box<[Arc<str>]>> = names.into_iter().collect();
        not_empty(value, names?).map(Test::Interface)
    }

    fn any(&mut self, value: &Value) -> Option<Test> {
        let items = value.items();
        let each = items.iter().map(|item| {
            let table = item.table(&CLASS_MATCH)?;
            self.condition(&table, item)
        });
        let conditions: Vec<Option<Condition>> = each.collect();
        let conditions: Option<Box<[Condition]>> = conditions.into_iter().collect();
        not_empty(value, conditions?).map(Test::Any)
    }

    fn not(&mut self, value: &Value) -> Option<Test> {
        let table = value.table(&CLASS_MATCH)?;
        self.condition(&table, value).map(Test::Not)
    }
}

/// Reads a hardware address or its first octets.
fn hardware_start(item: &Value) -> Option<Vec<u8>> {
    let address = hardware_address(item)?;
    Some(Test::hardware_octets(address.kind(), address.octets()))
}

/// Returns whether a host, such as a relay, can have an address of this prefix.
fn has_host(prefix: &Ipv4Net) -> bool {
    let ends = [prefix.network(), prefix.broadcast()];
    prefix.prefix_len() == 0 || ends.into_iter().any(is_host_address)
}

/// Refuses a list without items: no message would meet it.
fn not_empty<T>(value: &Value, items: Box<[T]>) -> Option<Box<[T]>> {
    if items.is_empty() {
        value.refuse("at least one item");
        return None;
    }
    Some(items)
}
