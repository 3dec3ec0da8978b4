//! Reads `[hosts]`.

use std::path::Path;

use crate::{reader::Table, scope::host_name, settings::HostsSettings};

/// The maximum number of addresses in the hosts file: no resolver reads more in a reasonable time.
pub const HOSTS_ENTRIES_MAX: usize = 1_000_000;
/// More than a home or a company has.
const ENTRIES_DEFAULT: usize = 100_000;

pub(crate) fn read(table: &Table, base: &Path) -> Option<HostsSettings> {
    let path = table.require("path", "\"/run/lessor/hosts\"");
    let domain = table.get("domain");
    let domain = domain.and_then(|value| host_name(&value, "a domain name, such as \"lan\""));
    let entries_max = table.get("entries-max");
    let entries_max = entries_max.and_then(|value| value.number(1, HOSTS_ENTRIES_MAX));
    Some(HostsSettings {
        path: path?.path(base)?,
        domain,
        entries_max: entries_max.unwrap_or(ENTRIES_DEFAULT),
    })
}
