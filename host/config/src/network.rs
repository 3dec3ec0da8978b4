//! Reads `[[network]]`: what all subnets of one shared network have in common.
//!
//! Does not combine subnets; `networks` does. Invariant: every network is that of a subnet.

use std::{collections::HashMap, sync::Arc};

use lessor_core::Vpn;

use crate::{
    mistake::Draft,
    reader::{Placed, Value},
    scope::Level,
    selection::PlacedSelection,
    shapes,
    vpns::Vpns,
};

/// What all subnets of one network have in common.
pub(crate) struct NetworkLevel {
    pub(crate) level: Level,
    pub(crate) vpn: Option<Placed<Arc<Vpn>>>,
    pub(crate) selection: PlacedSelection,
}

/// The networks with a table, by name.
#[derive(Default)]
pub(crate) struct NetworkLevels(HashMap<String, Placed<NetworkLevel>>);

impl NetworkLevels {
    /// Reads the tables. Those without a name, or with the name of an earlier one, are left out.
    pub(crate) fn read(value: &Value, vpns: &Vpns) -> Self {
        let mut networks: HashMap<String, Placed<NetworkLevel>> = HashMap::new();
        for table in value.tables(&shapes::NETWORK) {
            let name = table.require("name", "\"campus\"");
            let name = name.and_then(|value| Some(value.place(value.name()?)));
            let level = NetworkLevel {
                level: Level::of(&table).with_bootp(&table),
                vpn: vpns.of(&table),
                selection: PlacedSelection::read(&table),
            };
            let Some(name) = name else { continue };
            if let Some(first) = networks.get(name.value) {
                let draft = Draft::found(format!("two networks are named {:?}", name.value))
                    .wanted("the second one")
                    .related(&first.span, "the first one")
                    .help("write what its subnets have in common below one [[network]]");
                value.collector().report(&name.span, draft);
                continue;
            }
            networks.insert(name.value.to_owned(), Placed { value: level, span: name.span });
        }
        Self(networks)
    }

    /// The network with this name.
    pub(crate) fn get(&self, name: &str) -> Option<&NetworkLevel> {
        self.0.get(name).map(|placed| &placed.value)
    }

    /// Reports networks that no subnet belongs to; `used` are those of the subnets.
    pub(crate) fn report_unused<'n>(&self, value: &Value, used: impl Iterator<Item = &'n str>) {
        let used: Vec<&str> = used.collect();
        for (name, placed) in &self.0 {
            if !used.contains(&name.as_str()) {
                let draft = Draft::found(format!("no subnet belongs to the network {name:?}"))
                    .wanted("wanted a subnet with this name as its `shared-network`")
                    .help(format!("write shared-network = {name:?} below each of its [[subnet]]s"));
                value.collector().report(&placed.span, draft);
            }
        }
    }
}
