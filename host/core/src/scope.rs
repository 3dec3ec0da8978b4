//! Scopes: what one level of the configuration (a subnet, a pool, a reservation) sets for the
//! replies to its clients, besides options.
//!
//! Values of the more specific scope take precedence. Invariant: a scope that sets nothing takes no
//! memory, because there can be a million of them.

use std::{net::Ipv4Addr, ops::Deref, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{Boot, ClassNames, HostNameSettings, LeaseTimes, Messages, Probing, Sending};

/// What one scope sets, besides options. Cheap to clone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "ScopeFields", into = "ScopeFields")]
pub struct ScopeSettings(Option<Arc<ScopeFields>>);

/// The settings of a scope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct ScopeFields {
    /// The boot fields of the header.
    pub boot: Boot,
    /// Lease times.
    pub times: LeaseTimes,
    /// How replies are sent.
    pub sending: Sending,
    /// The pool from which a client gets its address, unless a policy says otherwise. Only
    /// reservations set it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pool: Option<Arc<str>>,
    /// The classes that the owner belongs to besides those whose conditions its message meets. Only
    /// reservations set it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub classes: Option<ClassNames>,
    /// The address by which clients know the server (option 54), unless a relay overrides it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_identifier: Option<Ipv4Addr>,
    /// Which exchanges are allowed.
    pub messages: Messages,
    /// The names of clients.
    pub names: HostNameSettings,
    /// How addresses are probed before they are offered.
    pub probing: Probing,
}

static NOTHING: ScopeFields = ScopeFields::NOTHING;

impl ScopeFields {
    /// Settings that say nothing.
    const NOTHING: Self = Self {
        boot: Boot::NOTHING,
        times: LeaseTimes::NOTHING,
        sending: Sending::NOTHING,
        pool: None,
        classes: None,
        server_identifier: None,
        messages: Messages::NOTHING,
        names: HostNameSettings::NOTHING,
        probing: Probing::NOTHING,
    };

    /// These settings and, where they say nothing, those of a scope around this one. Lease times
    /// are not joined: see [`crate::LeaseTime::within`].
    #[must_use]
    pub fn or(self, outer: &Self) -> Self {
        Self {
            boot: self.boot.or(&outer.boot),
            times: self.times.or(&outer.times),
            sending: self.sending.or(&outer.sending),
            pool: self.pool.or_else(|| outer.pool.clone()),
            classes: self.classes.or_else(|| outer.classes.clone()),
            server_identifier: self.server_identifier.or(outer.server_identifier),
            messages: self.messages.or(&outer.messages),
            names: self.names.or(&outer.names),
            probing: self.probing.or(&outer.probing),
        }
    }
}

impl Default for ScopeFields {
    fn default() -> Self {
        Self::NOTHING
    }
}

impl ScopeSettings {
    /// Returns whether the scope sets nothing.
    pub const fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The longest lease time that the scope sets, in seconds; 0 if it sets none.
    pub fn longest_lease_secs(&self) -> u32 {
        let times = &self.times;
        times.max_secs.or(times.default_secs).or(times.min_secs).unwrap_or_default()
    }
}

impl Deref for ScopeSettings {
    type Target = ScopeFields;

    fn deref(&self) -> &ScopeFields {
        self.0.as_deref().unwrap_or(&NOTHING)
    }
}

impl From<ScopeFields> for ScopeSettings {
    fn from(fields: ScopeFields) -> Self {
        Self((fields != NOTHING).then(|| Arc::new(fields)))
    }
}

impl From<ScopeSettings> for ScopeFields {
    fn from(settings: ScopeSettings) -> Self {
        (*settings).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_say_nothing_take_no_memory_and_are_read_back() {
        assert!(ScopeSettings::from(ScopeFields::default()).is_empty());
        assert_eq!(size_of::<ScopeSettings>(), size_of::<usize>());
        let mut fields = ScopeFields::default();
        fields.boot.next_server = Some(Ipv4Addr::new(192, 0, 2, 1));
        let settings = ScopeSettings::from(fields);
        let text = serde_json::to_string(&settings).unwrap();
        assert_eq!(serde_json::from_str::<ScopeSettings>(&text).unwrap(), settings);
        assert!(serde_json::from_str::<ScopeSettings>("{}").unwrap().is_empty());
    }
}
