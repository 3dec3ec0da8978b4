//! The subject of a run.

use lessor_e2e::{needs, subject::Kind};

/// The variable that names the subject.
pub const VARIABLE: &str = "LESSOR_SUBJECT";

/// Returns the subject of this run.
///
/// # Panics
/// Panics if `LESSOR_SUBJECT` names none.
pub fn chosen() -> Kind {
    let Ok(name) = std::env::var(VARIABLE) else { return Kind::Lessor };
    let found = Kind::ALL.into_iter().find(|kind| kind.name() == name);
    found.unwrap_or_else(|| panic!("{VARIABLE} is {name:?}; wanted lessor, kea, dhcpd or dnsmasq"))
}

/// Returns whether this machine can run the subject, and prints what is missing.
pub(crate) fn is_runnable(kind: Kind) -> bool {
    let program = match kind {
        Kind::Lessor => None,
        Kind::Kea => Some("kea_dhcp4"),
        Kind::Dhcpd => Some("dhcpd"),
        Kind::Dnsmasq => Some("dnsmasq"),
    };
    let needs: Vec<&str> = ["root", "ip"].into_iter().chain(program).collect();
    needs::are_met(&needs)
}
