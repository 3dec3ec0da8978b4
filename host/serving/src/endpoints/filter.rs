//! Predicts which messages the kernel's reverse path filter (rp_filter, RFC 3704) will drop
//! although the configuration wants them served. It drops them silently, before any socket, so an
//! operator needs a warning.
//!
//! Does not change the filter. Invariant: a warning says which setting to change.

use std::{fs, net::Ipv4Addr};

use lessor_core::{Network, NetworkId, Subnet, Topology};

use super::{identifiers::networks_on, state::ListenOn};
use lessor_net::{Host, Link, Links};

/// The number of subnets and relays that are checked; on hosts with more, the first ones show what
/// is wrong.
const PLACES_MAX: usize = 256;

/// How an interface filters: the stricter of its `net.ipv4.conf.*.rp_filter` and that of `all`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Filter {
    /// It does not filter.
    Off,
    /// A source must be reachable through some interface.
    Loose,
    /// A source must be reachable through the interface that the datagram arrived on.
    Strict,
}

/// The source of datagrams that must not be dropped, and where they arrive.
struct Expected<'l> {
    /// A description of the source, for people.
    what: String,
    source: Ipv4Addr,
    /// The interface that it is expected on.
    link: &'l Link,
    /// Whether it certainly arrives there.
    is_certain: bool,
}

/// Returns what will be dropped and what to do about it, one line each. Returns no lines if the
/// kernel does not say which way replies go.
pub(super) fn warnings(
    host: &Host,
    links: &Links,
    topology: &Topology,
    places: &[&ListenOn],
) -> Vec<String> {
    let mut expected = expected(links, topology, places);
    expected.truncate(PLACES_MAX);
    let sources: Vec<Ipv4Addr> = expected.iter().map(|expected| expected.source).collect();
    let Ok(ways) = host.ways(&sources) else { return Vec::new() };
    let judged = expected.iter().zip(ways);
    judged.filter_map(|(expected, way)| judge(expected, way, links, filter_of)).collect()
}

/// Returns why a datagram will be dropped, or `None` if it will not.
fn judge(
    expected: &Expected<'_>,
    way: Option<u32>,
    links: &Links,
    filter_of: impl Fn(&str) -> Filter,
) -> Option<String> {
    let Expected { what, source, link, is_certain } = expected;
    let name = &link.name;
    let filter = filter_of(name);
    let advice =
        format!("set net.ipv4.conf.{name}.rp_filter and net.ipv4.conf.all.rp_filter to 2 or 0");
    match way {
        None => Some(match filter {
            Filter::Off => {
                format!(
                    "there is no route to {what} ({source}), so its messages cannot be answered; \
                     add a route"
                )
            }
            _ => format!(
                "there is no route to {what} ({source}), so rp_filter drops its messages to the \
                 server's own address; add a route"
            ),
        }),
        Some(index) if index == link.index || filter != Filter::Strict => None,
        Some(index) => {
            let other = links.get(index).map_or_else(|| "another".into(), |link| link.name.clone());
            Some(match is_certain {
                true => format!(
                    "rp_filter on {name} drops messages of {what} ({source}), because the route \
                     back leads through {other}; {advice}, or give {name} an address in that subnet"
                ),
                false => format!(
                    "rp_filter on {name} drops messages of {what} ({source}) if they arrive there, \
                     because the route back leads through {other}; {advice} unless they arrive \
                     through {other}"
                ),
            })
        }
    }
}

/// Lists the sources whose datagrams the configuration wants served, and where they arrive.
fn expected<'l>(links: &'l Links, topology: &Topology, places: &[&ListenOn]) -> Vec<Expected<'l>> {
    let mut expected = Vec::new();
    let mut on_links: Vec<NetworkId> = Vec::new();
    for place in places {
        let ListenOn::Link(name) = place else { continue };
        let Some(link) = links.named(name).map(|link| &**link) else { continue };
        for network in networks_on(name, links, topology) {
            if on_links.contains(&network) {
                continue;
            }
            on_links.push(network);
            let subnets =
                network_of(topology, network).into_iter().flat_map(|found| &found.subnets);
            expected.extend(subnets.map(|subnet| Expected {
                what: format!("a client of subnet {} that uses its address", subnet.prefix),
                source: client_in(subnet, links),
                link,
                is_certain: true,
            }));
        }
    }
    for place in places {
        let ListenOn::Relays(listen) = place else { continue };
        let link = links.with_address(*listen.ip()).map(|link| &**link);
        // Datagrams for a loopback address arrive wherever the routers send them.
        let Some(link) = link.filter(|link| !link.needs_no_arp) else { continue };
        let relayed = topology.networks().iter().enumerate();
        // The host's routes lead to no address of a VPN.
        let relayed = relayed.filter(|(_, network)| network.vpn.is_none());
        let relayed = relayed.filter(|(at, _)| !on_links.contains(&NetworkId(*at as u32)));
        for subnet in relayed.flat_map(|(_, network)| &network.subnets) {
            expected.push(Expected {
                what: format!(
                    "a client of subnet {} that extends its lease by unicast",
                    subnet.prefix
                ),
                source: client_in(subnet, links),
                link,
                is_certain: false,
            });
            for relays in subnet.relays.iter().flat_map(|relays| &**relays) {
                let source = relays.hosts().next().unwrap_or(relays.network());
                let what = format!("a relay of {relays}");
                if !expected.iter().any(|known| known.what == what) {
                    expected.push(Expected { what, source, link, is_certain: false });
                }
            }
        }
    }
    expected
}

fn network_of(topology: &Topology, network: NetworkId) -> Option<&Network> {
    topology.networks().get(network.0 as usize).map(|network| &**network)
}

/// Returns an address that a client of the subnet may have.
fn client_in(subnet: &Subnet, links: &Links) -> Ipv4Addr {
    let own = links.own_addresses();
    let in_pools = subnet.pools.iter().flat_map(|pool| [pool.first, pool.last]);
    let mut candidates = in_pools.chain(subnet.prefix.hosts().take(2));
    candidates.find(|address| !own.contains(*address)).unwrap_or(subnet.prefix.network())
}

#[allow(clippy::disallowed_methods, reason = "the kernel's own files")]
fn filter_of(interface: &str) -> Filter {
    let setting = |name: &str| {
        let path = format!("/proc/sys/net/ipv4/conf/{name}/rp_filter");
        match fs::read_to_string(path).unwrap_or_default().trim() {
            "1" => Filter::Strict,
            "2" => Filter::Loose,
            _ => Filter::Off,
        }
    };
    // The kernel takes the larger number, of which 2 is the milder.
    match (setting("all"), setting(interface)) {
        (Filter::Loose, _) | (_, Filter::Loose) => Filter::Loose,
        (first, second) => first.max(second),
    }
}
