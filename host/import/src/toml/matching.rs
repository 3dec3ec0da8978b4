//! The table `match` of a class.
//!
//! A table has each key once and all of its tests hold. Whatever does not fit into it that way is
//! written below `not`, as the negation of its negation. Invariant: the table means the condition.

use lessor_core::{HardwareAddress, option::code, relay};
use lessor_vocabulary::{Catalogue, hexadecimal};
use toml_edit::{Array, InlineTable, Key, Value};

use crate::{
    condition::{Comparison, Condition, Fact},
    expressing,
};

const ANY: &str = "any";
const NOT: &str = "not";
const OPTIONS: &str = "options";

/// The table of a condition.
pub(super) fn table(condition: &Condition, catalogue: &Catalogue) -> InlineTable {
    let mut table = InlineTable::new();
    // Conditions that must not hold.
    let mut excluded = Vec::new();
    let all = match condition {
        Condition::All(all) => all.as_slice(),
        other => std::slice::from_ref(other),
    };
    for condition in all {
        match condition {
            Condition::Test(fact, comparison) if put(&mut table, *fact, comparison, catalogue) => {}
            Condition::Any(any) if put_values(&mut table, any, catalogue) => {}
            Condition::Any(any) if !table.contains_key(ANY) => {
                table.insert(ANY, tables(any, catalogue));
            }
            Condition::Not(inner) => excluded.push((**inner).clone()),
            other => excluded.push(Condition::Not(Box::new(other.clone()))),
        }
    }
    match excluded.as_slice() {
        [] => {}
        [only] => {
            table.insert(NOT, self::table(only, catalogue).into());
        }
        several => {
            let mut any = InlineTable::new();
            any.insert(ANY, tables(several, catalogue));
            any.fmt();
            table.insert(NOT, any.into());
        }
    }
    table.fmt();
    table
}

fn tables(conditions: &[Condition], catalogue: &Catalogue) -> Value {
    let tables = conditions.iter().map(|condition| Value::from(table(condition, catalogue)));
    let mut array: Array = tables.collect();
    array.fmt();
    array.into()
}

/// Adds alternatives that are values of one part of the message; returns whether they are that, and
/// there was room for them.
fn put_values(table: &mut InlineTable, any: &[Condition], names: &Catalogue) -> bool {
    let mut values = Vec::with_capacity(any.len());
    let mut of = None;
    for condition in any {
        let Condition::Test(fact, comparison) = condition else { return false };
        let is_value = matches!(comparison, Comparison::Equals(_))
            || (*fact == Fact::HardwareAddress && *comparison != Comparison::Present);
        if !is_value || of.is_some_and(|of| of != *fact) {
            return false;
        }
        of = Some(*fact);
        values.push(value(*fact, comparison, names));
    }
    let mut array: Array = values.into_iter().collect();
    array.fmt();
    of.is_some_and(|fact| put_value(table, fact, array.into(), names))
}

/// Adds a test; returns whether there was room for it.
fn put(table: &mut InlineTable, fact: Fact, comparison: &Comparison, names: &Catalogue) -> bool {
    put_value(table, fact, value(fact, comparison, names), names)
}

fn put_value(table: &mut InlineTable, fact: Fact, value: Value, names: &Catalogue) -> bool {
    let key = match fact {
        Fact::Option(code::VENDOR_CLASS) => "vendor-class",
        Fact::Option(code::USER_CLASS) => "user-class",
        Fact::RelaySubOption(relay::CIRCUIT_ID) => "circuit-id",
        Fact::RelaySubOption(relay::REMOTE_ID) => "remote-id",
        Fact::HardwareAddress => "hardware-address",
        Fact::Relay => "relay",
        Fact::Interface => "interface",
        Fact::Option(option) => {
            let Some(options) = part(table, OPTIONS) else { return false };
            return insert(options, &expressing::option_name(names, option), value);
        }
        Fact::RelaySubOption(sub_option) => {
            let Some(options) = part(table, OPTIONS) else { return false };
            let option = expressing::option_name(names, code::RELAY_AGENT_INFORMATION);
            let Some(sub_options) = part(options, &option) else { return false };
            return insert(sub_options, &sub_option.to_string(), value);
        }
    };
    insert(table, key, value)
}

fn insert(table: &mut InlineTable, key: &str, value: Value) -> bool {
    let has_room = !table.contains_key(key);
    if has_room {
        table.insert_formatted(&Key::new(key), value);
        table.fmt();
    }
    has_room
}

/// The table at a key, which is made if there is none; `None` if something else is there.
fn part<'t>(table: &'t mut InlineTable, key: &str) -> Option<&'t mut InlineTable> {
    if !table.contains_key(key) {
        table.insert_formatted(&Key::new(key), InlineTable::new().into());
        table.fmt();
    }
    table.get_mut(key).and_then(Value::as_inline_table_mut)
}

fn value(fact: Fact, comparison: &Comparison, names: &Catalogue) -> Value {
    match (fact, comparison) {
        // Its beginning is written as all of it is.
        (Fact::HardwareAddress, Comparison::Equals(octets) | Comparison::StartsWith(octets)) => {
            hardware(octets).into()
        }
        (Fact::Relay, Comparison::Equals(octets) | Comparison::StartsWith(octets)) => {
            let address = <[u8; 4]>::try_from(octets.as_slice()).map(std::net::Ipv4Addr::from);
            address.map_or_else(|_| hexadecimal::text(octets), |address| address.to_string()).into()
        }
        (Fact::Relay, Comparison::Present) => "0.0.0.0/0".into(),
        (_, Comparison::Equals(octets)) => text(fact, octets, names).into(),
        (_, Comparison::StartsWith(octets)) => {
            single("starts-with", hexadecimal::plain_or_hex(octets).into())
        }
        (_, Comparison::Present) => single("present", true.into()),
    }
}

fn single(key: &str, value: Value) -> Value {
    let mut table = InlineTable::new();
    table.insert(key, value);
    table.fmt();
    table.into()
}

/// A value that is compared: a text, or octets, which every option takes.
fn text(fact: Fact, octets: &[u8], names: &Catalogue) -> String {
    use lessor_core::OptionKind::{Octets, Text};
    match fact {
        Fact::Option(option)
            if !matches!(names.kind(option), None | Some(Text | Octets))
                && !matches!(option, code::VENDOR_CLASS | code::USER_CLASS) =>
        {
            hexadecimal::text(octets)
        }
        _ => hexadecimal::plain_or_hex(octets),
    }
}

/// A hardware address or its beginning, whose octets begin with its type.
fn hardware(octets: &[u8]) -> String {
    let (kind, octets) = octets.split_first().unwrap_or((&HardwareAddress::ETHERNET, &[]));
    let address = HardwareAddress::new(*kind, octets);
    address.map_or_else(|| hexadecimal::text(octets), |address| address.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is(option: u8, value: &str) -> Condition {
        Condition::Test(Fact::Option(option), Comparison::Equals(value.into()))
    }

    fn written(condition: &Condition) -> String {
        table(condition, Catalogue::registered()).to_string()
    }

    #[test]
    fn tests_share_a_table_and_what_has_no_room_is_below_not() {
        let starts = Condition::Test(Fact::Option(60), Comparison::StartsWith(b"docsis".to_vec()));
        let relay = Condition::Test(Fact::Relay, Comparison::Equals(vec![10, 0, 0, 1]));
        let mac = Condition::Test(Fact::HardwareAddress, Comparison::StartsWith(vec![1, 0, 4]));
        let both = Condition::All(vec![starts.clone(), relay, mac]);
        assert_eq!(
            written(&both),
            "{ vendor-class = { starts-with = \"docsis\" }, relay = \"10.0.0.1\", \
             hardware-address = \"00:04\" }"
        );
        let arch = Condition::Test(Fact::Option(93), Comparison::Equals(vec![0, 7]));
        let gold = Condition::Test(Fact::RelaySubOption(6), Comparison::Equals(b"gold".to_vec()));
        let other = Condition::Test(Fact::RelaySubOption(7), Comparison::Present);
        assert_eq!(
            written(&Condition::All(vec![arch, gold, other])),
            "{ options = { client-architecture = \"hex:0007\", relay-agent-information = \
             { 6 = \"gold\", 7 = { present = true } } } }"
        );
        let direct = Condition::Test(Fact::Relay, Comparison::Present).not();
        assert_eq!(written(&direct), "{ not = { relay = \"0.0.0.0/0\" } }");
        let twice = Condition::All(vec![is(60, "a"), is(60, "b")]);
        assert_eq!(
            written(&twice),
            "{ vendor-class = \"a\", not = { not = { vendor-class = \"b\" } } }"
        );
        let anys = Condition::All(vec![
            Condition::Any(vec![is(60, "a"), is(60, "b")]),
            Condition::Any(vec![is(77, "c"), is(77, "d")]),
            is(77, "e").not(),
        ]);
        assert_eq!(
            written(&anys),
            "{ vendor-class = [\"a\", \"b\"], user-class = [\"c\", \"d\"], not = { user-class = \"e\" } }"
        );
        let anys = Condition::All(vec![
            Condition::Any(vec![is(60, "a"), is(77, "b")]),
            Condition::Any(vec![is(60, "c"), is(77, "d")]),
        ]);
        assert_eq!(
            written(&anys),
            "{ any = [{ vendor-class = \"a\" }, { user-class = \"b\" }], not = { not = { any = \
             [{ vendor-class = \"c\" }, { user-class = \"d\" }] } } }"
        );
    }
}
