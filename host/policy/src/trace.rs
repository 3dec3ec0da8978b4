//! Traces: what each plugin set. They are used by `lessor explain`, the journal and the log.

use std::{fmt, net::Ipv4Addr, sync::Arc};

use lessor_core::{
    BeyondLimit, BootFileName, LeasePart, OptionValue, PoolChoice, ReplyValue, ServerName,
    SubscriberLimit, Terms, Verdict, option::shown_name,
};
use lessor_vocabulary::{Catalogue, OptionDefinition, hexadecimal, shown_addresses};
use serde::Serialize;

use crate::{Absent, FaultKind, PlannedLookup};

/// The decision of the chain about a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicyOutcome {
    /// The terms of all plugins together.
    pub terms: Terms,
    /// The settings of each plugin, in the order in which they were called.
    pub trace: Vec<TraceEntry>,
    /// The plugin that made the terms final, so that no plugin behind it was called. Goes into
    /// [`crate::View::final_by`].
    pub final_by: Option<Arc<str>>,
}

/// The lookups that the chain plans before it is called for a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestPlan {
    /// The lookups of all plugins together, in the order in which the plugins were called.
    pub lookups: Vec<PlannedLookup>,
    /// Plugins that failed and are skipped: they count as absent for this request. Goes into
    /// [`crate::View::absent`].
    pub absent: Absent,
    /// Why the request must be dropped: a plugin failed whose failure policy requires it.
    pub dropped: Option<String>,
    /// The lookups or the fault of each plugin; plugins that plan nothing are not listed.
    pub trace: Vec<TraceEntry>,
}

/// The lookups that plugins plan before they are notified of a lease event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventPlan {
    /// The lookups of all plugins together, in the order in which the plugins were called.
    pub lookups: Vec<PlannedLookup>,
    /// Plugins that failed, and miss the event. Goes into [`crate::LeaseEvent::absent`].
    pub absent: Absent,
}

/// The changes of the chain to a reply.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EditOutcome {
    /// Why the reply must not be sent: a plugin failed whose failure policy is to drop the packet.
    pub dropped: Option<String>,
    /// The changes of each plugin, in the order in which they were called.
    pub trace: Vec<TraceEntry>,
}

/// What one plugin did in one call. A plugin whose hook was not called is not listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceEntry {
    /// The plugin.
    pub plugin: Arc<str>,
    /// The lookups that it plans.
    pub planned: Vec<PlannedLookup>,
    /// Its settings, in no particular order; empty if it failed.
    pub set: Vec<Setting>,
    /// Its verdict, unless it is to proceed.
    pub verdict: Option<Verdict>,
    /// The fault, if it failed.
    pub fault: Option<FaultKind>,
}

/// What one plugin did, as the journal has it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ShownEntry<'e> {
    plugin: &'e str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    planned: &'e [PlannedLookup],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    set: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verdict: Option<&'e Verdict>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<FaultKind>,
}

impl TraceEntry {
    /// Whether the plugin made the terms final.
    pub fn is_final(&self) -> bool {
        self.set.contains(&Setting::Final)
    }

    /// The entry with its settings as text, with the names of options in `catalogue`.
    pub fn shown<'e>(&'e self, catalogue: &Catalogue) -> ShownEntry<'e> {
        ShownEntry {
            plugin: &self.plugin,
            planned: &self.planned,
            set: self.shown_settings(catalogue),
            verdict: self.verdict.as_ref(),
            fault: self.fault,
        }
    }

    /// Its settings as text, with the names of options in `catalogue`.
    pub fn shown_settings(&self, catalogue: &Catalogue) -> Vec<String> {
        self.set.iter().map(|setting| setting.shown(catalogue)).collect()
    }

    /// The terms that this plugin alone sets.
    pub fn terms(&self) -> Terms {
        let verdict = self.verdict.clone().unwrap_or_default();
        let mut terms = Terms { verdict, ..Terms::default() };
        self.set.iter().for_each(|setting| setting.apply(&mut terms));
        terms
    }
}

/// One setting of a plugin. Written as text: `pool=walled-garden`, with the registered names of
/// options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Setting {
    /// The pools to take the address from, in order of preference.
    Pool(PoolChoice),
    /// The address.
    Address(Ipv4Addr),
    /// The lease time, in seconds.
    LeaseTimeSecs(u32),
    /// When the client extends its lease with this server.
    Renewal(LeasePart),
    /// When the client extends its lease with any server.
    Rebinding(LeasePart),
    /// The server that the client boots from.
    NextServer(Ipv4Addr),
    /// The name of that server.
    ServerName(ServerName),
    /// What the client boots.
    BootFile(BootFileName),
    /// The subscriber that the lease is counted against, and the limit.
    Subscriber(SubscriberLimit),
    /// An option to send.
    Option(u8, Arc<OptionValue>),
    /// An option not to send.
    NoOption(u8),
    /// No plugin behind this one is called.
    Final,
}

impl Setting {
    /// Returns the setting as text, with the names of options in `catalogue`.
    pub fn shown(&self, catalogue: &Catalogue) -> String {
        match self {
            Self::Option(code, value) => {
                let name = catalogue.shown_name(*code);
                let is_declared = OptionDefinition::by_code(*code).is_none();
                match catalogue.kind(*code).filter(|kind| is_declared || kind.is_layout()) {
                    Some(_) => format!("{name}={}", catalogue.shown(*code, value, None)),
                    None => self.to_string(),
                }
            }
            Self::NoOption(code) => format!("no {}", catalogue.shown_name(*code)),
            other => other.to_string(),
        }
    }

    /// Adds this setting to terms; later settings replace earlier ones. Pool and address both
    /// determine the client's address, so one replaces the other.
    pub(crate) fn apply(&self, terms: &mut Terms) {
        match self {
            // Pool and address are one term: the later setting replaces the earlier.
            Self::Pool(choice) => (terms.pool, terms.address) = (Some(choice.clone()), None),
            Self::Address(address) => (terms.pool, terms.address) = (None, Some(*address)),
            Self::LeaseTimeSecs(secs) => terms.lease_time_secs = Some(*secs),
            Self::Renewal(part) => terms.renewal = Some(*part),
            Self::Rebinding(part) => terms.rebinding = Some(*part),
            Self::NextServer(address) => terms.next_server = Some(*address),
            Self::ServerName(name) => terms.server_name = Some(name.clone()),
            Self::BootFile(name) => terms.boot_file = Some(name.clone()),
            Self::Subscriber(limit) => terms.subscriber = Some(limit.clone()),
            Self::Option(code, value) => terms.options.push((*code, Some(Arc::clone(value)))),
            Self::NoOption(code) => terms.options.push((*code, None)),
            // This concerns the chain, which the engine does not know.
            Self::Final => {}
        }
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pool(choice) if choice.is_single() => {
                write!(f, "pool={}", choice.first().escape_debug())
            }
            Self::Pool(choice) => {
                let names: Vec<String> =
                    choice.names().map(|name| name.escape_debug().to_string()).collect();
                write!(f, "pools={}", names.join(", "))
            }
            Self::Address(address) => write!(f, "address={address}"),
            Self::LeaseTimeSecs(secs) => write!(f, "lease-time-secs={secs}"),
            Self::Renewal(part) => write!(f, "renewal-time={part}"),
            Self::Rebinding(part) => write!(f, "rebinding-time={part}"),
            Self::NextServer(address) => write!(f, "next-server={address}"),
            Self::ServerName(name) => write!(f, "server-name={:?}", &**name),
            Self::BootFile(name) => write!(f, "boot-file={:?}", &**name),
            Self::Subscriber(limit) => {
                let beyond = match limit.beyond {
                    BeyondLimit::Refuse => "refuse",
                    BeyondLimit::ReplaceOldest => "replace-oldest",
                };
                let (name, leases_max) = (limit.name.escape_debug(), limit.leases_max);
                write!(f, "subscriber={name} (at most {leases_max}, then {beyond})")
            }
            Self::Option(code, value) => {
                write!(f, "{}=", shown_name(*code))?;
                write_value(f, *code, value)
            }
            Self::NoOption(code) => {
                write!(f, "no {}", shown_name(*code))
            }
            Self::Final => f.write_str("final"),
        }
    }
}

/// The value of an option, formatted as by [`Setting`].
pub(crate) struct ShownValue<'v>(pub(crate) u8, pub(crate) &'v OptionValue);

impl fmt::Display for ShownValue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_value(f, self.0, self.1)
    }
}

/// Sets an option of a reply: replaces the one with this code, or appends it.
pub(crate) fn set_reply_option(
    options: &mut Vec<(u8, ReplyValue)>,
    code: u8,
    value: &Arc<OptionValue>,
) {
    match options.iter_mut().find(|(found, _)| *found == code) {
        Some((_, place)) => *place = Arc::clone(value).into(),
        None => options.push((code, Arc::clone(value).into())),
    }
}

/// Plugins set octets. They are shown as addresses if the option contains those, as text if they
/// are printable, and in hexadecimal otherwise.
fn write_value(f: &mut fmt::Formatter<'_>, code: u8, value: &OptionValue) -> fmt::Result {
    let OptionValue::Octets(octets) = value else { return write!(f, "{value:?}") };
    if let Some(addresses) = shown_addresses(code, octets) {
        return f.write_str(&addresses);
    }
    match std::str::from_utf8(octets) {
        Ok(text) if !text.chars().any(char::is_control) => write!(f, "{text:?}"),
        _ => f.write_str(&hexadecimal::text(octets)),
    }
}

#[cfg(test)]
mod tests {
    use lessor_core::Fraction;

    use super::*;

    #[test]
    fn settings_are_written_for_operators() {
        let octets = |octets: &[u8]| Arc::new(OptionValue::Octets(octets.to_vec()));
        for (setting, text) in [
            (Setting::Pool("walled-garden".into()), "pool=walled-garden"),
            (Setting::Pool("a\nb".into()), "pool=a\\nb"),
            (Setting::Pool(PoolChoice::new(["a".into(), "b\n".into()]).unwrap()), "pools=a, b\\n"),
            (Setting::Address(Ipv4Addr::new(192, 0, 2, 1)), "address=192.0.2.1"),
            (Setting::LeaseTimeSecs(60), "lease-time-secs=60"),
            (Setting::Renewal(LeasePart::Secs(30)), "renewal-time=30 s"),
            (
                Setting::Rebinding(LeasePart::Fraction(Fraction::from_number(0.75).unwrap())),
                "rebinding-time=0.75",
            ),
            (Setting::NextServer(Ipv4Addr::new(192, 0, 2, 1)), "next-server=192.0.2.1"),
            (Setting::ServerName(ServerName::new("boot").unwrap()), "server-name=\"boot\""),
            (Setting::BootFile(BootFileName::default()), "boot-file=\"\""),
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
