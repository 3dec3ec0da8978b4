//! The classes of a configuration, and the messages that belong to them.
//!
//! A class has a condition, which a message meets or does not, and settings for the clients that
//! send such messages. The classes of a message are found once, when its subnet is found. Reads no
//! files. Invariant: a configuration without classes costs a message nothing.

mod condition;
mod octet_set;
mod place;

use std::sync::Arc;

use crate::{Class, ClassBy, ClassNames, Membership, Request};

pub use self::{
    condition::{Condition, Fact, FactPart, Fitting, OctetReading, Relays, SubnetBehind, Test},
    octet_set::OctetSet,
    place::ClientPlace,
};

/// Every class of a configuration, in its order. Cheap to clone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Classes {
    entries: Arc<[(Condition, Arc<Class>)]>,
    reads_relay_information: bool,
    reads_relay: bool,
}

impl Classes {
    /// Creates the classes of a configuration.
    pub fn new(classes: Vec<(Condition, Class)>) -> Self {
        let entries = classes.into_iter().map(|(condition, class)| (condition, Arc::new(class)));
        let entries: Arc<[_]> = entries.collect();
        let any = |reads: fn(&Condition) -> bool| entries.iter().any(|(it, _)| reads(it));
        Self {
            reads_relay_information: any(Condition::reads_relay_information),
            reads_relay: any(Condition::reads_relay),
            entries,
        }
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

    /// Returns whether a condition is about the relay of a client or its interface, which depends
    /// on that. The server remembers the relay for messages that clients send directly.
    pub const fn reads_relay(&self) -> bool {
        self.reads_relay
    }

    /// Every class with its condition.
    pub fn iter(&self) -> impl Iterator<Item = (&Condition, &Class)> {
        self.entries.iter().map(|(condition, class)| (condition, &**class))
    }

    /// The classes that a message belongs to: those whose conditions it meets, and those that the
    /// reservation of its client names. `place` needs a network and a relay only if
    /// [`Classes::reads_relay`].
    pub fn of(
        &self,
        request: &Request,
        place: ClientPlace<'_>,
        reserved: Option<&ClassNames>,
    ) -> Membership {
        let by = |(condition, class): &(Condition, Arc<Class>)| {
            if condition.is_met(request, place) {
                return Some(ClassBy::Match);
            }
            let is_named = reserved.is_some_and(|names| names.contains(&class.name));
            is_named.then_some(ClassBy::Reservation)
        };
        let members = self.entries.iter().filter_map(|entry| Some((entry, by(entry)?)));
        members.map(|((_, class), by)| (Arc::clone(class), by)).collect()
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
