//! Which exchanges are allowed besides the usual ones: `rapid-commit`, `bootp` and
//! `bootp-lease-time`.

use lessor_core::{BootpClients, Messages};
use toml::de::DeValue;

use crate::reader::{Table, Value};

/// Reads the keys that every level has.
pub(super) fn read(table: &Table) -> Messages {
    let rapid_commit = table.get("rapid-commit").and_then(|value| value.flag());
    Messages { rapid_commit, ..Messages::default() }
}

/// Reads the keys about BOOTP.
pub(super) fn read_bootp(table: &Table, messages: &mut Messages) {
    messages.bootp = table.get("bootp").and_then(|value| bootp(&value));
    let lease_time = table.get("bootp-lease-time");
    messages.bootp_lease_secs = lease_time.and_then(|value| value.duration_secs());
}

/// Reads which BOOTP clients are served; `false` stands for none.
fn bootp(value: &Value) -> Option<BootpClients> {
    const WANTED: &str = "\"reserved\", \"dynamic\" or false";
    match value.raw() {
        DeValue::Boolean(false) => Some(BootpClients::Off),
        DeValue::Boolean(true) => {
            let help = "\"reserved\" serves clients with a reserved address, and \"dynamic\" gives \
                        the others addresses of pools as well";
            value.refuse_with_help(WANTED, help);
            None
        }
        DeValue::String(_) => {
            let clients =
                [("reserved", BootpClients::Reserved), ("dynamic", BootpClients::Dynamic)];
            value.choice(&clients)
        }
        _ => {
            value.refuse(WANTED);
            None
        }
    }
}
