//! What selects a subnet besides its own addresses.
//!
//! Does not select; [`crate::Topology`] does. Invariant: a subnet that names nothing takes no
//! memory for it.

use std::{net::Ipv4Addr, sync::Arc};

use serde::{Deserialize, Serialize};

/// The relay addresses and interfaces that select a subnet. Cheap to clone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Names", into = "Names")]
pub struct SubnetSelection(Option<Arc<Names>>);

/// The names, in the order of the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
struct Names {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    relay_addresses: Vec<Ipv4Addr>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    interfaces: Vec<Arc<str>>,
}

impl SubnetSelection {
    /// Creates a selection by these relay addresses (giaddr) and these interfaces of the server.
    pub fn new(relay_addresses: Vec<Ipv4Addr>, interfaces: Vec<Arc<str>>) -> Self {
        Names { relay_addresses, interfaces }.into()
    }

    /// Returns whether nothing but its addresses selects the subnet.
    pub const fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The relay addresses.
    pub fn relay_addresses(&self) -> &[Ipv4Addr] {
        self.0.as_deref().map(|names| &*names.relay_addresses).unwrap_or_default()
    }

    /// The interfaces.
    pub fn interfaces(&self) -> &[Arc<str>] {
        self.0.as_deref().map(|names| &*names.interfaces).unwrap_or_default()
    }

    /// Returns whether the interface `name` is one of them.
    pub fn names_interface(&self, name: &str) -> bool {
        self.interfaces().iter().any(|interface| **interface == *name)
    }
}

impl From<Names> for SubnetSelection {
    fn from(names: Names) -> Self {
        Self((names != Names::default()).then(|| Arc::new(names)))
    }
}

impl From<SubnetSelection> for Names {
    fn from(selection: SubnetSelection) -> Self {
        selection.0.map(|names| (*names).clone()).unwrap_or_default()
    }
}
