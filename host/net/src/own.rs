//! Knows where this server itself receives, and which addresses the links of the host treat as
//! broadcasts, so that no message makes it answer itself or a whole link.
//!
//! Does not choose which requests are answered. Invariant: nothing here waits on the packet path;
//! the state of the host is that of the newest [`Links`].

use std::{net::SocketAddrV4, sync::Arc};

use arc_swap::ArcSwap;

use super::{Host, Links, sockets::is_sending_address};

/// The port of the sockets on interfaces.
const SERVER_PORT: u16 = 67;

/// The sockets of this server, on the addresses that the host has now.
#[derive(Debug)]
pub struct OwnSockets {
    listen: Vec<SocketAddrV4>,
    interfaces: Vec<String>,
    links: Arc<ArcSwap<Links>>,
}

/// Why nothing is sent to an address and port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotSentTo {
    /// This server itself receives there.
    OwnSocket,
    /// It is the broadcast address of a link of this host.
    Broadcast,
}

impl OwnSockets {
    /// Creates the sockets on `listen` and on `interfaces` of `host`.
    pub fn new(listen: &[SocketAddrV4], interfaces: &[String], host: &Host) -> Self {
        let links = host.shared_links();
        Self { listen: listen.to_vec(), interfaces: interfaces.to_vec(), links }
    }

    /// Creates the sockets of a host without interfaces.
    pub fn nowhere() -> Self {
        Self { listen: Vec::new(), interfaces: Vec::new(), links: Arc::default() }
    }

    /// Returns why nothing is sent to `to`, or `None` if it may receive.
    pub fn refuses(&self, to: SocketAddrV4) -> Option<NotSentTo> {
        let links = self.links.load();
        let address = *to.ip();
        if links.is_broadcast(address) {
            return Some(NotSentTo::Broadcast);
        }
        let is_listened = self.listen.iter().any(|listen| {
            let is_everywhere = || listen.ip().is_unspecified() && links.is_own(address);
            listen.port() == to.port() && (*listen.ip() == address || is_everywhere())
        });
        let is_of =
            |name: &String| links.named(name).is_some_and(|link| link.addresses.contains(&address));
        let is_on_link = to.port() == SERVER_PORT && self.interfaces.iter().any(is_of);
        let is_own = is_listened || is_on_link || self.sends_from(to);
        is_own.then_some(NotSentTo::OwnSocket)
    }

    /// Returns whether a socket that only sends may have this address and port.
    fn sends_from(&self, to: SocketAddrV4) -> bool {
        let on_interfaces = self.interfaces.first().map(|_| SERVER_PORT);
        let mut ports = self.listen.iter().map(SocketAddrV4::port).chain(on_interfaces);
        is_sending_address(*to.ip()) && ports.any(|port| port == to.port())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> SocketAddrV4 {
        text.parse().unwrap()
    }

    /// Sockets on a host with 192.0.2.1/24 on eth0 and 198.51.100.1/24 on eth1.
    fn sockets(listen: &[&str], interfaces: &[&str]) -> OwnSockets {
        let links = Links::with(&[
            ("lo", "127.0.0.1/8"),
            ("eth0", "192.0.2.1/24"),
            ("eth1", "198.51.100.1/24"),
        ]);
        OwnSockets {
            listen: listen.iter().map(|text| at(text)).collect(),
            interfaces: interfaces.iter().map(ToString::to_string).collect(),
            links: Arc::new(ArcSwap::from_pointee(links)),
        }
    }

    #[test]
    fn only_the_sockets_of_this_server_are_its_own() {
        for (listen, interfaces, to, expected) in [
            (&["192.0.2.1:67"][..], &[][..], "192.0.2.1:67", Some(NotSentTo::OwnSocket)),
            // A relay on the same host has another port or address.
            (&["192.0.2.1:67"], &[], "192.0.2.1:1067", None),
            (&["192.0.2.1:67"], &[], "198.51.100.1:67", None),
            (&["192.0.2.1:1067"], &[], "192.0.2.1:67", None),
            (&["0.0.0.0:67"], &[], "198.51.100.1:67", Some(NotSentTo::OwnSocket)),
            (&["0.0.0.0:67"], &[], "127.0.0.1:67", Some(NotSentTo::OwnSocket)),
            (&["0.0.0.0:67"], &[], "203.0.113.1:67", None),
            (&[], &["eth0"], "192.0.2.1:67", Some(NotSentTo::OwnSocket)),
            (&[], &["eth0"], "192.0.2.1:68", None),
            (&[], &["eth0"], "198.51.100.1:67", None),
            (&[], &["eth0"], "192.0.2.255:67", Some(NotSentTo::Broadcast)),
            (&["192.0.2.1:67"], &[], "198.51.100.255:68", Some(NotSentTo::Broadcast)),
        ] {
            let found = sockets(listen, interfaces).refuses(at(to));
            assert_eq!(found, expected, "{to} for {listen:?} {interfaces:?}");
        }
    }

    #[test]
    fn the_sockets_that_only_send_are_its_own_too() {
        let [.., high, low] = std::process::id().to_be_bytes();
        let at = |port| SocketAddrV4::new([127, 67, high, low].into(), port);
        for (listen, interfaces) in [(&["192.0.2.1:67"][..], &[][..]), (&[], &["eth0"])] {
            let sockets = sockets(listen, interfaces);
            assert_eq!(sockets.refuses(at(67)), Some(NotSentTo::OwnSocket));
            assert_eq!(sockets.refuses(at(1067)), None);
            // Other loopback addresses belong to relays on this host.
            let other = SocketAddrV4::new([127, 67, high, !low].into(), 67);
            assert_eq!(sockets.refuses(other), None);
        }
    }

    #[test]
    fn the_kernel_tells_the_addresses_and_broadcast_addresses_of_the_host() {
        let host = Host::read(0).unwrap();
        let sockets = OwnSockets::new(&[at("0.0.0.0:67")], &[], &host);
        assert_eq!(sockets.refuses(at("127.0.0.1:67")), Some(NotSentTo::OwnSocket));
        assert_eq!(sockets.refuses(at("127.255.255.255:67")), Some(NotSentTo::Broadcast));
        assert_eq!(sockets.refuses(at("127.0.0.1:68")), None);
    }
}
