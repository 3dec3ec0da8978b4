//! The machine's own addresses: where this server receives, and what its links take for a
//! broadcast. So that it answers neither itself nor a whole link because a message says so.
//!
//! Not here: which requests are answered. What is known is a snapshot, [`OwnSockets::refresh`]
//! takes a new one; nothing here waits on the packet path.

use std::{
    collections::{HashMap, HashSet},
    io,
    net::{Ipv4Addr, SocketAddrV4},
    sync::Arc,
};

use arc_swap::ArcSwap;
use ipnet::Ipv4Net;
use nix::ifaddrs::getifaddrs;

/// The port of the sockets on interfaces.
const SERVER_PORT: u16 = 67;
/// Longer prefixes have no broadcast address (RFC 3021).
const BROADCAST_PREFIX_MAX: u8 = 30;

/// The sockets of this server, and the addresses of the machine.
#[derive(Debug)]
pub(crate) struct OwnSockets {
    listen: Vec<SocketAddrV4>,
    interfaces: Vec<String>,
    addresses: ArcSwap<Addresses>,
}

/// Why nothing is sent to an address and port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// This server itself receives there.
    OwnSocket,
    /// It is the broadcast address of a link of this machine.
    Broadcast,
}

/// The addresses of the machine.
#[derive(Debug, Default, PartialEq, Eq)]
struct Addresses {
    /// Those of each interface.
    own: HashMap<String, HashSet<Ipv4Addr>>,
    broadcast: HashSet<Ipv4Addr>,
}

impl OwnSockets {
    /// The sockets on `listen` and on `interfaces`.
    ///
    /// # Errors
    /// If the system does not list its addresses.
    pub(crate) fn new(listen: &[SocketAddrV4], interfaces: &[String]) -> io::Result<Self> {
        Ok(Self {
            listen: listen.to_vec(),
            interfaces: interfaces.to_vec(),
            addresses: ArcSwap::from_pointee(Addresses::read()?),
        })
    }

    /// Looks at the machine's addresses again.
    ///
    /// # Errors
    /// If the system does not list them; what was known stays.
    pub(crate) fn refresh(&self) -> io::Result<()> {
        let read = Addresses::read()?;
        if **self.addresses.load() != read {
            self.addresses.store(Arc::new(read));
        }
        Ok(())
    }

    /// Why nothing is sent to `to`; `None` if it may be.
    pub(crate) fn refuses(&self, to: SocketAddrV4) -> Option<Refused> {
        let addresses = self.addresses.load();
        if addresses.broadcast.contains(to.ip()) {
            return Some(Refused::Broadcast);
        }
        let is_listened = self.listen.iter().any(|listen| {
            let is_everywhere = listen.ip().is_unspecified() && addresses.is_own(to.ip());
            listen.port() == to.port() && (listen.ip() == to.ip() || is_everywhere)
        });
        let is_of = |name| addresses.own.get(name).is_some_and(|own| own.contains(to.ip()));
        let is_on_link = to.port() == SERVER_PORT && self.interfaces.iter().any(is_of);
        (is_listened || is_on_link).then_some(Refused::OwnSocket)
    }
}

impl Addresses {
    fn read() -> io::Result<Self> {
        let mut addresses = Self::default();
        for entry in getifaddrs()? {
            let address_of = |found: Option<nix::sys::socket::SockaddrStorage>| {
                Some(*SocketAddrV4::from(*found?.as_sockaddr_in()?).ip())
            };
            let Some(own) = address_of(entry.address) else { continue };
            // An address with a label of its own is listed under it: `eth0:dhcp`.
            let device = entry.interface_name.split(':').next().unwrap_or_default();
            addresses.own.entry(device.to_owned()).or_default().insert(own);
            // Some systems give an address that stands alone itself as its broadcast address.
            let broadcast = address_of(entry.broadcast).filter(|broadcast| *broadcast != own);
            addresses.broadcast.extend(broadcast);
            let mask = address_of(entry.netmask);
            let prefix = mask.and_then(|mask| Ipv4Net::with_netmask(own, mask).ok());
            let prefix = prefix.filter(|prefix| prefix.prefix_len() <= BROADCAST_PREFIX_MAX);
            addresses.broadcast.extend(prefix.map(|prefix| prefix.broadcast()));
        }
        Ok(addresses)
    }

    fn is_own(&self, address: &Ipv4Addr) -> bool {
        self.own.values().any(|own| own.contains(address))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> SocketAddrV4 {
        text.parse().unwrap()
    }

    /// Sockets on a machine with 192.0.2.1/24 on eth0 and 198.51.100.1/24 on eth1.
    fn sockets(listen: &[&str], interfaces: &[&str]) -> OwnSockets {
        let own = [("eth0", [192, 0, 2, 1]), ("eth1", [198, 51, 100, 1]), ("lo", [127, 0, 0, 1])];
        let own = own.map(|(name, address)| (name.to_owned(), HashSet::from([address.into()])));
        let broadcast = HashSet::from([[192, 0, 2, 255].into(), [198, 51, 100, 255].into()]);
        OwnSockets {
            listen: listen.iter().map(|text| at(text)).collect(),
            interfaces: interfaces.iter().map(ToString::to_string).collect(),
            addresses: ArcSwap::from_pointee(Addresses { own: own.into(), broadcast }),
        }
    }

    #[test]
    fn only_the_sockets_of_this_server_are_its_own() {
        for (listen, interfaces, to, expected) in [
            (&["192.0.2.1:67"][..], &[][..], "192.0.2.1:67", Some(Refused::OwnSocket)),
            // A relay on the same host, at another port or address.
            (&["192.0.2.1:67"], &[], "192.0.2.1:1067", None),
            (&["192.0.2.1:67"], &[], "198.51.100.1:67", None),
            (&["192.0.2.1:1067"], &[], "192.0.2.1:67", None),
            (&["0.0.0.0:67"], &[], "198.51.100.1:67", Some(Refused::OwnSocket)),
            (&["0.0.0.0:67"], &[], "127.0.0.1:67", Some(Refused::OwnSocket)),
            (&["0.0.0.0:67"], &[], "203.0.113.1:67", None),
            (&[], &["eth0"], "192.0.2.1:67", Some(Refused::OwnSocket)),
            (&[], &["eth0"], "192.0.2.1:68", None),
            (&[], &["eth0"], "198.51.100.1:67", None),
            (&[], &["eth0"], "192.0.2.255:67", Some(Refused::Broadcast)),
            (&["192.0.2.1:67"], &[], "198.51.100.255:68", Some(Refused::Broadcast)),
        ] {
            let found = sockets(listen, interfaces).refuses(at(to));
            assert_eq!(found, expected, "{to} for {listen:?} {interfaces:?}");
        }
    }

    #[test]
    fn the_machine_tells_its_addresses_and_broadcast_addresses() {
        let sockets = OwnSockets::new(&[at("0.0.0.0:67")], &[]).unwrap();
        assert_eq!(sockets.refuses(at("127.0.0.1:67")), Some(Refused::OwnSocket));
        assert_eq!(sockets.refuses(at("127.255.255.255:67")), Some(Refused::Broadcast));
        sockets.refresh().unwrap();
        assert_eq!(sockets.refuses(at("127.0.0.1:68")), None);
    }
}
