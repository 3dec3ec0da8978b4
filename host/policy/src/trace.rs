//! Traces: which plugin wanted what. They feed `lessor explain`, the journal and the log.

use std::{fmt, net::Ipv4Addr, sync::Arc};

use lessor_core::{
    BeyondLimit, OptionDefinition, OptionKind, OptionValue, SubscriberLimit, Terms, Verdict,
};
use serde::{Serialize, Serializer};

use crate::{Absent, FaultKind, PlannedLookup};

/// What the chain says about a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicyOutcome {
    /// What all plugins together want.
    pub terms: Terms,
    /// What each of them wanted, in the order in which they were asked.
    pub trace: Vec<TraceEntry>,
    /// The plugin that made the terms final, so that none behind it was asked. Goes into
    /// [`crate::View::final_by`].
    pub final_by: Option<Arc<str>>,
}

/// What the chain wants looked up before it is asked about a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// What all plugins together want to know, in the order in which they were asked.
    pub lookups: Vec<PlannedLookup>,
    /// Plugins that failed and are passed over: they count as absent for this request. Goes into
    /// [`crate::View::absent`].
    pub absent: Absent,
    /// Why the request must be dropped: a plugin failed whose failure policy says so.
    pub dropped: Option<String>,
    /// Who wants what, and who failed; those that want nothing are not listed.
    pub trace: Vec<TraceEntry>,
}

/// What the chain did to a reply.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EditOutcome {
    /// Why the reply must not leave: a plugin failed whose failure policy is to drop the packet.
    pub dropped: Option<String>,
    /// What each plugin changed, in the order in which they were asked.
    pub trace: Vec<TraceEntry>,
}

/// What one plugin wanted in one call. It is not listed if its hook was not called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct TraceEntry {
    /// The plugin.
    pub plugin: Arc<str>,
    /// What it wants looked up.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub planned: Vec<PlannedLookup>,
    /// What it set, in no particular order; nothing that it set before it failed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub set: Vec<Setting>,
    /// What it decided, if not to proceed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// How it failed, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<FaultKind>,
}

impl TraceEntry {
    /// Whether the plugin made the terms final.
    pub fn is_final(&self) -> bool {
        self.set.contains(&Setting::Final)
    }

    /// What the plugin alone wants.
    pub fn terms(&self) -> Terms {
        let verdict = self.verdict.clone().unwrap_or_default();
        let mut terms = Terms { verdict, ..Terms::default() };
        self.set.iter().for_each(|setting| setting.apply(&mut terms));
        terms
    }
}

/// One thing that a plugin set. Written as text: `pool=walled-garden`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Setting {
    /// The pool to take the address from.
    Pool(Arc<str>),
    /// The address.
    Address(Ipv4Addr),
    /// The lease time, in seconds.
    LeaseTimeSecs(u32),
    /// Whom the lease is counted against, and the limit.
    Subscriber(SubscriberLimit),
    /// An option to send.
    Option(u8, Arc<OptionValue>),
    /// An option not to send.
    NoOption(u8),
    /// No plugin behind this one is asked.
    Final,
}

impl Setting {
    /// Adds this to terms; what is set later wins. Pool and address both say where the client's
    /// address comes from, so that one replaces the other.
    pub(crate) fn apply(&self, terms: &mut Terms) {
        match self {
            // Where the address comes from is one term: the later setting replaces the earlier.
            Self::Pool(name) => (terms.pool, terms.address) = (Some(Arc::clone(name)), None),
            Self::Address(address) => (terms.pool, terms.address) = (None, Some(*address)),
            Self::LeaseTimeSecs(secs) => terms.lease_time_secs = Some(*secs),
            Self::Subscriber(limit) => terms.subscriber = Some(limit.clone()),
            Self::Option(code, value) => terms.options.push((*code, Some(Arc::clone(value)))),
            Self::NoOption(code) => terms.options.push((*code, None)),
            // It is about the chain, and the engine knows none.
            Self::Final => {}
        }
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pool(name) => write!(f, "pool={}", name.escape_debug()),
            Self::Address(address) => write!(f, "address={address}"),
            Self::LeaseTimeSecs(secs) => write!(f, "lease-time-secs={secs}"),
            Self::Subscriber(limit) => {
                let beyond = match limit.beyond {
                    BeyondLimit::Refuse => "refuse",
                    BeyondLimit::ReplaceOldest => "replace-oldest",
                };
                let (name, leases_max) = (limit.name.escape_debug(), limit.leases_max);
                write!(f, "subscriber={name} (at most {leases_max}, then {beyond})")
            }
            Self::Option(code, value) => {
                write_option_name(f, *code)?;
                f.write_str("=")?;
                write_value(f, *code, value)
            }
            Self::NoOption(code) => {
                f.write_str("no ")?;
                write_option_name(f, *code)
            }
            Self::Final => f.write_str("final"),
        }
    }
}

impl Serialize for Setting {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The value of an option as [`Setting`] writes it.
pub(crate) struct ShownValue<'v>(pub(crate) u8, pub(crate) &'v OptionValue);

impl fmt::Display for ShownValue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_value(f, self.0, self.1)
    }
}

/// Puts an option into a reply: in the place of the one with this code, or at the end.
pub(crate) fn set_reply_option(
    options: &mut Vec<(u8, Arc<OptionValue>)>,
    code: u8,
    value: &Arc<OptionValue>,
) {
    match options.iter_mut().find(|(found, _)| *found == code) {
        Some((_, place)) => *place = Arc::clone(value),
        None => options.push((code, Arc::clone(value))),
    }
}

fn write_option_name(f: &mut fmt::Formatter<'_>, code: u8) -> fmt::Result {
    match OptionDefinition::by_code(code) {
        Some(definition) => f.write_str(definition.name),
        None => write!(f, "option-{code}"),
    }
}

/// Plugins hand over octets: shown as addresses where the option takes those, as text where that is
/// what they are, and in hexadecimal otherwise.
fn write_value(f: &mut fmt::Formatter<'_>, code: u8, value: &OptionValue) -> fmt::Result {
    let OptionValue::Octets(octets) = value else { return write!(f, "{value:?}") };
    let kind = OptionDefinition::by_code(code).map(|definition| definition.kind);
    let takes_addresses = matches!(kind, Some(OptionKind::Address | OptionKind::Addresses));
    let (addresses, rest) = octets.as_chunks::<4>();
    if takes_addresses && rest.is_empty() && !addresses.is_empty() {
        let addresses = addresses.iter().map(|octets| Ipv4Addr::from(*octets).to_string());
        return f.write_str(&addresses.collect::<Vec<_>>().join(","));
    }
    match std::str::from_utf8(octets) {
        Ok(text) if !text.chars().any(char::is_control) => write!(f, "{text:?}"),
        _ => write!(f, "hex:{}", hex::encode(octets)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_written_for_operators() {
        let octets = |octets: &[u8]| Arc::new(OptionValue::Octets(octets.to_vec()));
        for (setting, text) in [
            (Setting::Pool("walled-garden".into()), "pool=walled-garden"),
            (Setting::Pool("a\nb".into()), "pool=a\\nb"),
            (Setting::Address(Ipv4Addr::new(192, 0, 2, 1)), "address=192.0.2.1"),
            (Setting::LeaseTimeSecs(60), "lease-time-secs=60"),
            (
                Setting::Subscriber(SubscriberLimit {
                    name: "ada".into(),
                    leases_max: std::num::NonZeroU32::MIN,
                    beyond: BeyondLimit::ReplaceOldest,
                }),
                "subscriber=ada (at most 1, then replace-oldest)",
            ),
            (Setting::Option(15, octets(b"example.net")), "domain-name=\"example.net\""),
            (
                Setting::Option(6, octets(&[1, 1, 1, 1, 8, 8, 8, 8])),
                "domain-name-servers=1.1.1.1,8.8.8.8",
            ),
            (Setting::Option(224, octets(&[0, 255])), "option-224=hex:00ff"),
            (Setting::NoOption(3), "no routers"),
            (Setting::Final, "final"),
        ] {
            assert_eq!(setting.to_string(), text);
        }
    }
}
