//! The keys of every table, in the recommended order; each file in this module has the tables of
//! one subject. Reads no values. Invariant: a synonym means a key of its table and is none.

#[macro_use]
mod levels;

mod cases;
mod classes;
mod networks;
mod options;
mod plugins;
mod reservations;
mod server;

use lessor_core::OptionDefinition;

pub(crate) use self::{
    cases::{
        CASE, CASE_EARLIER, CASE_EXPECT, CASE_EXPECTED_REPLY, CASE_LEASE, CASE_PLANNED, CASE_POOL,
        CASE_REPLY, CASE_REQUEST, CASE_SUBSCRIBER,
    },
    classes::{CLASS, CLASS_HARDWARE, CLASS_LIMIT, CLASS_MATCH},
    networks::{NETWORK, OFFERS_MAX, POOL, QUARANTINE_MAX, SHORTEN, SUBNET, VPN},
    options::{OPTION, OPTION_FIELD, OPTION_ITEM, ROUTE, SUB_OPTION, VENDOR},
    plugins::{LIMITS, SIDECAR, STATE},
    reservations::{RESERVATION, RESERVATION_ROW, RESERVATION_SOURCE, SHARED_RESERVATION},
    server::{
        CONTROL, DOCUMENT, HOSTS, JOURNAL, LOG, LOOKUP, METRICS, PLUGINS, ROLLBACK, SERVER, STORE,
    },
};

/// The known keys of a table.
pub(crate) struct Shape {
    /// The name of the table in messages: its header.
    pub(crate) name: &'static str,
    /// Its keys.
    pub(crate) keys: &'static [&'static str],
    /// Common synonyms, and the keys that they stand for.
    pub(crate) synonyms: &'static [(&'static str, &'static str)],
}

/// The tables of a configuration file.
static CONFIGURATION: [&Shape; 19] = [
    &DOCUMENT,
    &SERVER,
    &STORE,
    &PLUGINS,
    &LOOKUP,
    &CONTROL,
    &JOURNAL,
    &HOSTS,
    &METRICS,
    &LOG,
    &OPTION,
    &VENDOR,
    &CLASS,
    &VPN,
    &NETWORK,
    &SUBNET,
    &POOL,
    &RESERVATION,
    &SHARED_RESERVATION,
];

/// The only key of the document that is not a table.
const AT_THE_TOP: &str = "reservations";

impl Shape {
    /// Whether a key that is unknown in this table belongs at the top of the file, or vice versa.
    pub(crate) fn is_elsewhere(&self, key: &str) -> bool {
        self.name == SUBNET.name && key == AT_THE_TOP
    }

    /// Advice for an unknown key, if it is known from another table.
    pub(crate) fn advice_for(&self, key: &str) -> Option<String> {
        if self.name == CASE.name && CASE_REQUEST.keys.contains(&key) {
            return Some(format!("`{key}` belongs below [request]"));
        }
        if self.keys.contains(&"settings") {
            return Some(format!("write settings of the plugin below [settings]: {key} = …"));
        }
        let is_row = self.name == RESERVATION_ROW.name;
        if !is_row && !CONFIGURATION.iter().any(|shape| shape.name == self.name) {
            return None;
        }
        let is_settable = OptionDefinition::all().iter().any(|option| option.name == key);
        if is_settable && self.keys.contains(&"options") {
            return Some(match is_row {
                true => format!("write options for clients as \"options\": {{ \"{key}\": … }}"),
                false => format!("write options for clients as options = {{ {key} = … }}"),
            });
        }
        if is_row {
            return None;
        }
        if key == AT_THE_TOP {
            return Some(format!(
                "`{key}` belongs at the top of the file, above the first [header]"
            ));
        }
        let owners = CONFIGURATION.iter().filter(|shape| shape.keys.contains(&key));
        let owners: Vec<&str> = owners.map(|shape| shape.name).collect();
        if owners.is_empty() {
            return None;
        }
        let belongs = format!("`{key}` belongs below {}", owners.join(" or "));
        // A header ends the table before it, so a common slip is a key below the wrong header.
        match self.name.starts_with("[[subnet.") && owners.contains(&SUBNET.name) {
            true => Some(format!("{belongs}: move it above the pools and reservations")),
            false => Some(belongs),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_shows_every_key_of_every_table() {
        let reference = include_str!("../../../examples/reference.toml");
        for shape in CONFIGURATION {
            for key in shape.keys {
                let starts = [format!("{key} = "), format!("# {key} = ")];
                let headers = [format!("[{key}]"), format!("[[{key}]]")];
                let nested = [format!("[subnet.{key}]"), format!("[[subnet.{key}]]")];
                let is_shown = reference.lines().any(|line| {
                    starts
                        .iter()
                        .chain(&headers)
                        .chain(&nested)
                        .any(|start| line.starts_with(start))
                });
                assert!(is_shown, "{key} of {}", shape.name);
            }
        }
    }

    #[test]
    fn synonyms_mean_keys_and_are_none() {
        let others = [
            &RESERVATION_SOURCE,
            &ROUTE,
            &ROLLBACK,
            &QUARANTINE_MAX,
            &OFFERS_MAX,
            &SHORTEN,
            &SIDECAR,
            &LIMITS,
            &STATE,
            &CASE,
            &CASE_REQUEST,
            &CASE_LEASE,
            &CASE_POOL,
            &CASE_REPLY,
            &CASE_EARLIER,
            &OPTION_FIELD,
            &OPTION_ITEM,
            &SUB_OPTION,
            &CLASS_MATCH,
            &CLASS_HARDWARE,
            &CLASS_LIMIT,
        ];
        let expected = [&CASE_EXPECT, &CASE_EXPECTED_REPLY, &CASE_SUBSCRIBER, &CASE_PLANNED];
        for shape in CONFIGURATION.into_iter().chain(others).chain(expected) {
            for (synonym, meant) in shape.synonyms {
                assert!(shape.keys.contains(meant), "{meant} of {}", shape.name);
                assert!(!shape.keys.contains(synonym), "{synonym} of {}", shape.name);
            }
        }
    }
}
