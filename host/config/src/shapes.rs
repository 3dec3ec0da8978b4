//! The keys of every table, in the recommended order; each file in this module has the tables of
//! one subject, and `groups` has the keys that several tables share. Reads no values. Invariant: a
//! synonym means a key of its table and is none.

mod cases;
mod classes;
mod groups;
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
    groups::REMOTE,
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
    /// The keys that only it has.
    keys: &'static [&'static str],
    /// Common synonyms, and the keys that they stand for.
    synonyms: &'static [(&'static str, &'static str)],
    /// The keys that other tables have as well.
    groups: &'static [&'static Group],
}

/// Keys that several tables have.
pub(crate) struct Group {
    pub(crate) keys: &'static [&'static str],
    /// Common synonyms, and the keys that they stand for.
    synonyms: &'static [(&'static str, &'static str)],
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
    /// The keys, in the recommended order.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &'static str> + Clone {
        let shared = self.groups.iter().flat_map(|group| group.keys);
        self.keys.iter().chain(shared).copied()
    }

    /// Returns whether the table has a key of this name.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.keys().any(|own| own == key)
    }

    /// The key that a common synonym stands for.
    pub(crate) fn meant_by(&self, synonym: &str) -> Option<&'static str> {
        self.synonyms().find(|(known, _)| *known == synonym).map(|(_, meant)| meant)
    }

    fn synonyms(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let shared = self.groups.iter().flat_map(|group| group.synonyms);
        self.synonyms.iter().chain(shared).copied()
    }

    /// Whether a key that is unknown in this table belongs at the top of the file, or vice versa.
    pub(crate) fn is_elsewhere(&self, key: &str) -> bool {
        self.name == SUBNET.name && key == AT_THE_TOP
    }

    /// Advice for an unknown key, if it is known from another table.
    pub(crate) fn advice_for(&self, key: &str) -> Option<String> {
        if self.name == CASE.name && CASE_REQUEST.has(key) {
            return Some(format!("`{key}` belongs below [request]"));
        }
        if self.has("settings") {
            return Some(format!("write settings of the plugin below [settings]: {key} = …"));
        }
        let is_row = self.name == RESERVATION_ROW.name;
        if !is_row && !CONFIGURATION.iter().any(|shape| shape.name == self.name) {
            return None;
        }
        let is_settable = OptionDefinition::all().iter().any(|option| option.name == key);
        if is_settable && self.has("options") {
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
        let owners = CONFIGURATION.iter().filter(|shape| shape.has(key));
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
            for key in shape.keys() {
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

    /// Every table, also those of policies and cases, and those inside of others.
    fn all() -> impl Iterator<Item = &'static Shape> {
        let others = [
            &RESERVATION_ROW,
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
            &CASE_EXPECT,
            &CASE_EXPECTED_REPLY,
            &CASE_SUBSCRIBER,
            &CASE_PLANNED,
            &OPTION_FIELD,
            &OPTION_ITEM,
            &SUB_OPTION,
            &CLASS_MATCH,
            &CLASS_HARDWARE,
            &CLASS_LIMIT,
        ];
        CONFIGURATION.into_iter().chain(others)
    }

    #[test]
    fn a_table_has_each_key_and_synonym_once() {
        for shape in all() {
            let synonyms = shape.synonyms().map(|(synonym, _)| synonym);
            let mut names: Vec<&str> = shape.keys().chain(synonyms).collect();
            names.sort_unstable();
            let twice = names.windows(2).find(|pair| pair[0] == pair[1]);
            assert_eq!(twice, None, "in {}", shape.name);
        }
    }

    #[test]
    fn synonyms_mean_keys_and_are_none() {
        for shape in all() {
            for (synonym, meant) in shape.synonyms() {
                assert!(shape.has(meant), "{meant} of {}", shape.name);
                assert!(!shape.has(synonym), "{synonym} of {}", shape.name);
            }
        }
    }
}
