//! What the system says of one interface: index, hardware address, IPv4 addresses.

use std::{
    io,
    net::{Ipv4Addr, SocketAddrV4},
    sync::Arc,
    time::{Duration, Instant},
};

use nix::{
    ifaddrs::getifaddrs,
    libc,
    net::if_::{if_nameindex, if_nametoindex},
    sys::socket::LinkAddr,
};

use super::NetError;

/// An Ethernet interface. Its addresses are read again when one turns up that was not known.
#[derive(Debug)]
pub(super) struct Interface {
    pub(super) name: Arc<str>,
    facts: Facts,
    read_at: Instant,
}

/// What may change while the server runs.
#[derive(Debug)]
struct Facts {
    link: LinkAddr,
    /// In the order of the system: the primary address of the first subnet comes first.
    addresses: Vec<Ipv4Addr>,
}

/// Unknown addresses make the server read the interface again no more often than this.
const READ_AGAIN_AFTER_MS: u64 = 1000;

/// An error about a missing interface lists no more names than this.
const NAMES_LISTED_MAX: usize = 12;

impl Interface {
    /// Reads what the system says of interface `name`.
    ///
    /// # Errors
    /// If there is no such interface, if it is not Ethernet, or if the system does not say.
    pub(super) fn read(name: &str) -> Result<Self, NetError> {
        let read = Facts::read(name);
        match read.map_err(|error| NetError::system("list the interfaces", error))? {
            Some(facts) => Ok(Self { name: Arc::from(name), facts, read_at: Instant::now() }),
            None if if_nametoindex(name).is_ok() => {
                Err(NetError::NotEthernet { name: name.to_owned() })
            }
            None => Err(NetError::NoSuchInterface {
                name: name.to_owned(),
                present: names_of_interfaces(),
            }),
        }
    }

    /// Its address as the target of a packet socket's `bind`.
    pub(super) fn link(&self) -> &LinkAddr {
        &self.facts.link
    }

    /// Its own hardware address.
    pub(super) fn hardware_address(&self) -> [u8; 6] {
        self.facts.link.addr().unwrap_or_default()
    }

    /// Its first address, if it has any.
    pub(super) fn primary_address(&self) -> Option<Ipv4Addr> {
        self.facts.addresses.first().copied()
    }

    /// Whether `address` is one of its own. One that is not known makes it look again, unless it
    /// did so a moment ago.
    pub(super) fn has_address(&mut self, address: Ipv4Addr) -> bool {
        if self.facts.addresses.contains(&address) {
            return true;
        }
        if self.read_at.elapsed() < Duration::from_millis(READ_AGAIN_AFTER_MS) {
            return false;
        }
        self.read_at = Instant::now();
        // An interface that is gone for the moment keeps what was known of it.
        if let Ok(Some(facts)) = Facts::read(&self.name) {
            self.facts = facts;
        }
        self.facts.addresses.contains(&address)
    }
}

impl Facts {
    /// Nothing, if there is no Ethernet interface `name`.
    fn read(name: &str) -> io::Result<Option<Self>> {
        let mut link = None;
        let mut addresses = Vec::new();
        for entry in getifaddrs()? {
            // An address with a label of its own is listed under it: `eth0:dhcp`.
            let device = entry.interface_name.split(':').next();
            if device != Some(name) {
                continue;
            }
            let Some(address) = entry.address else { continue };
            if let Some(found) = address.as_link_addr() {
                // The loopback interface takes Ethernet frames too.
                let ethernet = [libc::ARPHRD_ETHER, libc::ARPHRD_LOOPBACK];
                link = ethernet.contains(&found.hatype()).then_some(*found);
            } else if let Some(found) = address.as_sockaddr_in() {
                addresses.push(*SocketAddrV4::from(*found).ip());
            }
        }
        Ok(link.map(|link| Self { link, addresses }))
    }
}

/// The names of the interfaces that there are, for people to read.
fn names_of_interfaces() -> String {
    let interfaces = if_nameindex().ok();
    let mut names = interfaces.iter().flatten().map(|interface| interface.name().to_string_lossy());
    let listed: Vec<_> = names.by_ref().take(NAMES_LISTED_MAX).collect();
    match names.count() {
        0 => listed.join(", "),
        more => format!("{} and {more} more", listed.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_has_an_index_and_an_address() {
        let mut loopback = Interface::read("lo").unwrap();
        assert!(loopback.link().ifindex() > 0);
        assert!(loopback.has_address(Ipv4Addr::LOCALHOST));
        assert!(!loopback.has_address(Ipv4Addr::new(192, 0, 2, 1)));
    }

    #[test]
    fn a_missing_interface_is_answered_with_those_that_there_are() {
        let text = Interface::read("no-such-thing").unwrap_err().to_string();
        assert!(text.contains("\"no-such-thing\"") && text.contains("lo"), "{text}");
    }
}
