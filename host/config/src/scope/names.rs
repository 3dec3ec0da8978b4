//! The names of clients: `host-names` and `host-name-prefix`.

use lessor_core::{HostName, HostNameRule, HostNameSettings};

use crate::reader::{Table, Value};

pub(super) fn read(table: &Table) -> HostNameSettings {
    let rules = HostNameRule::ALL.map(|rule| (rule.name(), rule));
    HostNameSettings {
        rule: table.get("host-names").and_then(|value| value.choice(&rules)),
        prefix: table.get("host-name-prefix").and_then(|value| prefix(&value)),
    }
}

fn prefix(value: &Value) -> Option<HostName> {
    const WANTED: &str = "the beginning of a host name, such as \"guest\"";
    let name = host_name(value, WANTED)?;
    let octets_max = HostNameSettings::PREFIX_OCTETS_MAX;
    if name.has_domain() {
        value.refuse_with_help(WANTED, "the domain is that of option 15, domain-name");
    } else if name.len() > octets_max {
        let help = format!("use at most {octets_max} characters: an address follows");
        value.refuse_with_help(WANTED, help);
    } else {
        return Some(name);
    }
    None
}

/// Reads the name of a host or a domain.
pub(crate) fn host_name(value: &Value, wanted: &str) -> Option<HostName> {
    match HostName::read(value.text(wanted)?) {
        Ok(name) => Some(name),
        Err(fault) => {
            value.refuse_with_help(wanted, fault.to_string());
            None
        }
    }
}
