//! Classes: what clients with some property have in common, wherever they are.
//!
//! A message may belong to several classes; they keep the order of the configuration, in which an
//! earlier one takes precedence. A request keeps its classes even if a reload replaces them
//! meanwhile. Does not know which messages belong to a class; [`crate::Classes`] does. Invariant:
//! nothing is allocated for a message unless more than four classes match.

mod limit;
mod names;

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::{
    ClientKeyKind, HardwareAddress, OptionSet, PoolChoice, RelayInformation, ScopeSettings,
    SubscriberLimit,
};

pub use self::{
    limit::{ClassLimit, LimitBy},
    names::ClassNames,
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

/// The classes that a message belongs to, in the order of the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Membership(SmallVec<[Member; 4]>);

/// A class that a message belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Member {
    class: Arc<Class>,
    by: ClassBy,
}

/// Why a message belongs to a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClassBy {
    /// It meets the condition of the class, whether or not a reservation names the class as well.
    Match,
    /// The reservation of its client names the class.
    Reservation,
}

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

impl Membership {
    /// Returns whether the message belongs to no class.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The classes, in descending precedence.
    pub fn iter(&self) -> impl Iterator<Item = &Class> {
        self.0.iter().map(|member| &*member.class)
    }

    /// The names of the classes.
    pub fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.0.iter().map(|member| &member.class.name)
    }

    /// The names of the classes that the message belongs to only because the reservation of its
    /// client names them.
    pub fn reserved_names(&self) -> impl Iterator<Item = &Arc<str>> {
        let reserved = self.0.iter().filter(|member| member.by == ClassBy::Reservation);
        reserved.map(|member| &member.class.name)
    }

    /// The property that distinguishes the clients of the first class that says so.
    pub fn client_key(&self) -> Option<ClientKeyKind> {
        self.iter().find_map(|class| class.client_key)
    }

    /// The account that a lease of the client counts on, and its limit: those of the first class
    /// that has a limit and whose account the message names.
    pub(crate) fn account(
        &self,
        hardware_address: &HardwareAddress,
        relay_information: Option<&RelayInformation>,
    ) -> Option<SubscriberLimit> {
        self.iter().find_map(|class| {
            class.limit?.account(&class.name, hardware_address, relay_information)
        })
    }
}

impl FromIterator<(Arc<Class>, ClassBy)> for Membership {
    fn from_iter<I: IntoIterator<Item = (Arc<Class>, ClassBy)>>(classes: I) -> Self {
        Self(classes.into_iter().map(|(class, by)| Member { class, by }).collect())
    }
}

/// Classes whose conditions the message meets.
impl FromIterator<Class> for Membership {
    fn from_iter<I: IntoIterator<Item = Class>>(classes: I) -> Self {
        classes.into_iter().map(|class| (Arc::new(class), ClassBy::Match)).collect()
    }
}
