//! Third-party DHCP clients, each with its own files, on a separate host.

mod dhclient;
mod dhcpcd;
mod ipxe;
mod networkd;
mod udhcpc;

use std::{net::Ipv4Addr, os::unix::fs::PermissionsExt, path::Path};

pub use self::{
    dhclient::Dhclient,
    dhcpcd::Dhcpcd,
    ipxe::{Ipxe, tftp_server},
    networkd::Networkd,
    udhcpc::Udhcpc,
};
use crate::Host;

/// A client that runs on an interface.
///
/// The lease of the client is read from the client's own output or files.
pub trait Client {
    /// Starts the client on interface `eth0` of a host.
    fn start(host: &Host) -> Self;

    /// Waits until the client has an address, and returns the address.
    fn acquires(&mut self) -> Ipv4Addr;

    /// Makes the client extend its lease, and waits until it has.
    fn renews(&mut self);

    /// Makes the client release its address.
    fn releases(&mut self);
}

/// The interface of every client.
const INTERFACE: &str = "eth0";

/// Writes an executable script.
fn write_script(path: &Path, script: &str) {
    std::fs::write(path, script).expect("the folder can be written");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("it exists");
}

/// Returns the address after these words.
fn address_after(line: &str, words: &str) -> Ipv4Addr {
    let rest = line.split(words).nth(1).unwrap_or_default();
    let word = rest.split([' ', ',']).find(|word| !word.is_empty()).unwrap_or_default();
    word.parse().unwrap_or_else(|_| panic!("no address after {words:?} in {line:?}"))
}
