//! DHCP clients that others wrote, each with its own files, on a host of their own.

mod dhclient;
mod dhcpcd;
mod udhcpc;

use std::{net::Ipv4Addr, os::unix::fs::PermissionsExt, path::Path};

pub use self::{dhclient::Dhclient, dhcpcd::Dhcpcd, udhcpc::Udhcpc};
use crate::Host;

/// A client that was started on an interface.
///
/// What it was given is read from what the client itself says or writes down.
pub trait Client {
    /// Starts it on interface `eth0` of a host.
    fn start(host: &Host) -> Self;

    /// Waits until it has an address, and returns that.
    fn acquires(&mut self) -> Ipv4Addr;

    /// Has it extend its lease, and waits until it did.
    fn renews(&mut self);

    /// Has it give its address back.
    fn releases(&mut self);
}

/// The interface of every client.
const INTERFACE: &str = "eth0";

/// Writes a script and makes it one that can be run.
fn write_script(path: &Path, script: &str) {
    std::fs::write(path, script).expect("the folder can be written");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("it exists");
}

/// The address at the end of the line, or before the next word.
fn address_after(line: &str, words: &str) -> Ipv4Addr {
    let rest = line.split(words).nth(1).unwrap_or_default();
    let word = rest.split([' ', ',']).find(|word| !word.is_empty()).unwrap_or_default();
    word.parse().unwrap_or_else(|_| panic!("no address after {words:?} in {line:?}"))
}
