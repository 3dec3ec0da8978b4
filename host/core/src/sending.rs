//! Sending: which options a reply has regardless of what its client asks for, and whether it is
//! broadcast.
//!
//! Invariant: a scope has at most one rule for an option.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};

/// When an option with a value is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SendRule {
    /// To every client.
    Always,
    /// To clients that ask for it, and to those that have no list of what they ask for. This is the
    /// rule of an option without another.
    IfAskedFor,
    /// To no client, unless a policy sets it.
    Never,
}

/// How the replies of a scope are sent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Sending {
    /// The rules by code.
    #[serde(skip_serializing_if = "SendRules::is_empty")]
    pub rules: SendRules,
    /// Whether an OFFER or ACK to a client without an address is broadcast, also if the client does
    /// not ask for that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub always_broadcast: Option<bool>,
    /// Options with addresses whose value is the server's own address on the link of a client,
    /// where nothing else sets them. Clients behind relays do not get them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub own_address_for: Option<Arc<[u8]>>,
}

/// Rules for options, in order of code. Cheap to clone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<(u8, SendRule)>", into = "Vec<(u8, SendRule)>")]
pub struct SendRules(Option<Arc<[(u8, SendRule)]>>);

impl Sending {
    /// Settings that say nothing.
    pub(crate) const NOTHING: Self =
        Self { rules: SendRules(None), always_broadcast: None, own_address_for: None };

    /// These settings and, where they say nothing, those of a scope around this one.
    #[must_use]
    pub fn or(self, outer: &Self) -> Self {
        Self {
            rules: outer.rules.iter().chain(self.rules.iter()).collect(),
            always_broadcast: self.always_broadcast.or(outer.always_broadcast),
            own_address_for: self.own_address_for.or_else(|| outer.own_address_for.clone()),
        }
    }
}

impl SendRules {
    /// Returns whether there is no rule.
    pub const fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Every rule, in order of code.
    pub fn iter(&self) -> impl Iterator<Item = (u8, SendRule)> {
        self.0.iter().flat_map(|rules| rules.iter()).copied()
    }

    /// The rule for option `code`.
    pub fn get(&self, code: u8) -> Option<SendRule> {
        let rules = self.0.as_deref()?;
        let position = rules.binary_search_by_key(&code, |(found, _)| *found).ok()?;
        rules.get(position).map(|(_, rule)| *rule)
    }
}

/// Later rules for the same code take precedence.
impl FromIterator<(u8, SendRule)> for SendRules {
    fn from_iter<I: IntoIterator<Item = (u8, SendRule)>>(rules: I) -> Self {
        let by_code: BTreeMap<u8, SendRule> = rules.into_iter().collect();
        Self((!by_code.is_empty()).then(|| by_code.into_iter().collect()))
    }
}

impl From<Vec<(u8, SendRule)>> for SendRules {
    fn from(rules: Vec<(u8, SendRule)>) -> Self {
        rules.into_iter().collect()
    }
}

impl From<SendRules> for Vec<(u8, SendRule)> {
    fn from(rules: SendRules) -> Self {
        rules.iter().collect()
    }
}
