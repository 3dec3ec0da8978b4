//! The next hop of a destination, according to the kernel's routes.
//!
//! Where several routes share the load, the kernel may choose another one for the datagram than it
//! names here. Does not know whether the next hop answers. Invariant: a remembered answer is used
//! only as long as the routes do not change.

use std::{collections::HashMap, io, net::Ipv4Addr};

use netlink_packet_route::route::{RouteAddress, RouteAttribute, RouteMessage, RouteType};

use super::{
    links::Links,
    neighbours::Neighbour,
    netlink::{Netlink, ROUTES_AT_ONCE_MAX},
};

/// The next hops of destinations, remembered until the routes change.
#[derive(Debug, Default)]
pub(super) struct NextHops {
    /// Opened when it is first needed.
    questions: Option<Netlink>,
    /// The next hop of each destination; `None` for one that is reached without ARP, or not at all.
    known: HashMap<Ipv4Addr, Option<Neighbour>>,
    /// The version of the routes that they come from.
    version: u64,
}

/// The number of destinations whose next hop is remembered.
const KNOWN_MAX: usize = 16_384;

impl NextHops {
    /// Returns the neighbour through which each of `destinations` is reached, or `None` for one
    /// that is reached without ARP or has no route. With `through`, only the interface with that
    /// index counts.
    pub(super) fn of(
        &mut self,
        routes_version: u64,
        links: &Links,
        through: Option<u32>,
        destinations: &[Ipv4Addr],
    ) -> Vec<Option<Neighbour>> {
        if routes_version != self.version || self.known.len() > KNOWN_MAX {
            self.known.clear();
            self.version = routes_version;
        }
        let mut unknown: Vec<Ipv4Addr> = Vec::new();
        for destination in destinations {
            self.known.entry(*destination).or_insert_with(|| {
                unknown.push(*destination);
                None
            });
        }
        for asked in unknown.chunks(ROUTES_AT_ONCE_MAX) {
            self.ask(links, through, asked);
        }
        let known = |destination| self.known.get(destination).copied().flatten();
        destinations.iter().map(known).collect()
    }

    fn ask(&mut self, links: &Links, through: Option<u32>, destinations: &[Ipv4Addr]) {
        if self.questions.is_none() {
            self.questions = Netlink::open().ok();
        }
        let asked = self.questions.as_mut().map(|netlink| netlink.routes(destinations, through));
        let none = || Err(io::Error::from(io::ErrorKind::Unsupported));
        match asked.unwrap_or_else(none) {
            Ok(routes) => {
                for (destination, route) in destinations.iter().zip(routes) {
                    let neighbour = route.and_then(|route| neighbour(&route, links, *destination));
                    self.known.insert(*destination, neighbour);
                }
            }
            Err(error) => {
                tracing::debug!(%error, "cannot read routes from the kernel");
                // A late answer must not be mistaken for the answer to the next query.
                self.questions = None;
                for destination in destinations {
                    self.known.remove(destination);
                }
            }
        }
    }
}

/// Returns the index of the interface of a route, or `None` if the route has none.
pub(super) fn interface(route: &RouteMessage) -> Option<u32> {
    if !matches!(route.header.kind, RouteType::Unicast | RouteType::Local) {
        return None;
    }
    route.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Oif(index) => Some(*index),
        _ => None,
    })
}

/// Returns the neighbour that a datagram to `destination` is sent to, or `None` if that needs no
/// ARP.
fn neighbour(route: &RouteMessage, links: &Links, destination: Ipv4Addr) -> Option<Neighbour> {
    if route.header.kind != RouteType::Unicast {
        return None;
    }
    let (mut index, mut address) = (None, destination);
    for attribute in &route.attributes {
        match attribute {
            RouteAttribute::Oif(found) => index = Some(*found),
            RouteAttribute::Gateway(RouteAddress::Inet(gateway)) => address = *gateway,
            // A neighbour of IPv6.
            RouteAttribute::Via(_) | RouteAttribute::Gateway(_) => return None,
            _ => {}
        }
    }
    let index = index?;
    let needs_arp = links.get(index).is_some_and(|link| !link.needs_no_arp);
    needs_arp.then_some(Neighbour { index, address })
}
