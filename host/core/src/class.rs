//! Classes: what clients with some property have in common, wherever they are.
//!
//! A class has a condition, which a message meets or does not, and settings for the clients that
//! send such messages. A message may belong to several classes; they keep the order of the
//! configuration, in which an earlier one takes precedence. Classes are found once, when the place
//! of a message is ([`Classes::of`]), and are part of the request from then on, also if a reload
//! replaces them meanwhile.
//!
//! Reads neither files nor addresses of pools. Invariant: without classes a message costs nothing,
//! and with them nothing is allocated unless more than four match.

mod condition;
mod limit;
mod octet_set;

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::{
    ClientKeyKind, OptionSet, PoolChoice, RelayInformation, Request, ScopeSettings, SubscriberLimit,
};

pub use self::{
    condition::{Condition, Fact, FactPart, Fitting, Reading, Relays, Test},
    limit::{ClassLimit, LimitBy},
    octet_set::OctetSet,
};

/// The settings for the clients of one class.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Class {
    /// The name in the journal, in explanations and for policies; unique.
    pub name: Arc<str>,
    /// Options for its clients; they take precedence over those of pool and subnet.
    pub options: OptionSet,
    /// What else it sets for replies; this also takes precedence over pool and subnet.
    #[serde(default, skip_serializing_if = "ScopeSettings::is_empty")]
    pub settings: ScopeSettings,
    /// The pools that its clients get addresses from. In a network that has none of them, they
    /// change nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pools: Option<PoolChoice>,
    /// The property that distinguishes its clients.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_key: Option<ClientKeyKind>,
    /// How many leases its clients may have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<ClassLimit>,
}

/// Every class of a configuration, in its order. Cheap to clone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Classes {
    entries: Arc<[(Condition, Arc<Class>)]>,
    reads_relay_information: bool,
}

/// The classes that a message belongs to, in the order of the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Membership(SmallVec<[Arc<Class>; 4]>);

impl Class {
    /// A class that sets nothing.
    pub fn named(name: impl Into<Arc<str>>) -> Self {
        Self {
            name: name.into(),
            options: OptionSet::default(),
            settings: ScopeSettings::default(),
            pools: None,
            client_key: None,
            limit: None,
        }
    }
}

impl Classes {
    /// Creates the classes of a configuration.
    pub fn new(classes: Vec<(Condition, Class)>) -> Self {
        let entries = classes.into_iter().map(|(condition, class)| (condition, Arc::new(class)));
        let entries: Arc<[_]> = entries.collect();
        let reads = |(condition, _): &(Condition, _)| condition.reads_relay_information();
        Self { reads_relay_information: entries.iter().any(reads), entries }
    }

    /// Returns whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Returns whether a condition is about option 82, which the server remembers for messages
    /// that clients send directly.
    pub const fn reads_relay_information(&self) -> bool {
        self.reads_relay_information
    }

    /// Every class with its condition.
    pub fn iter(&self) -> impl Iterator<Item = (&Condition, &Class)> {
        self.entries.iter().map(|(condition, class)| (condition, &**class))
    }

    /// The classes that a message belongs to. `relay_information` is its own option 82 or, if it
    /// has none, the remembered one.
    pub fn of(
        &self,
        request: &Request,
        relay_information: Option<&RelayInformation>,
    ) -> Membership {
        let matching = self.entries.iter();
        let matching = matching.filter(|(found, _)| found.is_met(request, relay_information));
        Membership(matching.map(|(_, class)| Arc::clone(class)).collect())
    }

    /// The longest lease time that a class sets, in seconds; 0 if none sets one.
    pub fn longest_lease_secs(&self) -> u32 {
        let each = self.entries.iter().map(|(_, class)| class.settings.longest_lease_secs());
        each.max().unwrap_or_default()
    }

    /// Returns whether a class says by which property its clients are distinguished.
    pub fn set_client_key(&self) -> bool {
        self.entries.iter().any(|(_, class)| class.client_key.is_some())
    }
}

impl Membership {
    /// Returns whether the message belongs to no class.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The classes, in descending precedence.
    pub fn iter(&self) -> impl Iterator<Item = &Class> {
        self.0.iter().map(|class| &**class)
    }

    /// The names of the classes.
    pub fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.0.iter().map(|class| &class.name)
    }

    /// The property that distinguishes the clients of the first class that says so.
    pub fn client_key(&self) -> Option<ClientKeyKind> {
        self.iter().find_map(|class| class.client_key)
    }

    /// The account that a lease of the client counts on, and its limit: those of the first class
    /// that has a limit and whose account the message names.
    pub fn account(
        &self,
        request: &Request,
        relay_information: Option<&RelayInformation>,
    ) -> Option<SubscriberLimit> {
        let of = |class: &Class| class.limit?.account(&class.name, request, relay_information);
        self.iter().find_map(of)
    }
}

impl FromIterator<Class> for Membership {
    fn from_iter<I: IntoIterator<Item = Class>>(classes: I) -> Self {
        Self(classes.into_iter().map(Arc::new).collect())
    }
}
