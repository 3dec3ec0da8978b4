//! What every server is configured to do. Knows no server: each adapter writes it in the words of
//! its server.

use std::net::Ipv4Addr;

/// The hardware address of the device that has a reservation on the link.
pub const RESERVED_FOR: [u8; 6] = [2, 0, 0x5e, 0, 0x53, 0x99];
/// The reserved address, which is in no pool.
pub const RESERVED_ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 50);
/// The name server of every subnet (option 6).
pub const NAME_SERVER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 53);
/// The time server of every subnet (option 42).
pub const TIME_SERVER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 123);
/// The number of addresses of each pool.
pub const POOL_SIZE: usize = 8;
/// A lease time that never ends (RFC 2131 section 3.3).
pub const INFINITE_SECS: u32 = u32::MAX;

/// The domain of every subnet (option 15).
pub(super) const DOMAIN: &str = "example.org";

/// A subnet of 24 bits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Network {
    pub(super) subnet: &'static str,
    pub(super) first: &'static str,
    pub(super) last: &'static str,
    pub(super) router: &'static str,
    pub(super) has_reservation: bool,
}

/// The subnets: of the link, of the link to the relay, and two behind the relay.
pub(super) const NETWORKS: [Network; 4] = [
    Network {
        subnet: "10.77.0.0",
        first: "10.77.0.10",
        last: "10.77.0.17",
        router: "10.77.0.1",
        has_reservation: true,
    },
    network("10.78.0.0", "10.78.0.100", "10.78.0.107", "10.78.0.1"),
    network("100.64.0.0", "100.64.0.10", "100.64.0.17", "100.64.0.1"),
    network("100.64.1.0", "100.64.1.10", "100.64.1.17", "100.64.1.1"),
];

/// The configuration of a server: the subnets above, and what a test varies.
#[derive(Clone, Debug)]
pub struct Service {
    /// The lease time of clients that do not ask for one.
    pub lease_secs: u32,
    /// Whether the server knows its networks well enough to refuse addresses of others.
    pub is_authoritative: bool,
    /// Whether the server probes an address before it offers it (RFC 2131 section 3.1). For this
    /// server and Kea, an addition has to say so.
    pub probes_addresses: bool,
    /// Lines in the words of the server that is started.
    pub additions: Vec<Addition>,
}

/// Additional lines of a configuration, in the words of one server. For Kea, a text is a JSON
/// object whose members are added.
#[derive(Clone, Copy, Debug, Default)]
pub struct Addition {
    /// Lines for everything: below `[server]`, or above all subnets.
    pub top: &'static str,
    /// Lines in each subnet.
    pub subnets: &'static str,
    /// Lines in each pool; for dhcpd, a word before its addresses.
    pub pools: &'static str,
    /// Lines at the end, such as tables of TOML or further subnets.
    pub end: &'static str,
}

impl Default for Service {
    fn default() -> Self {
        Self {
            lease_secs: 3_600,
            is_authoritative: true,
            probes_addresses: false,
            additions: Vec::new(),
        }
    }
}

impl Service {
    /// Returns the lines of all additions at one of the places.
    pub(super) fn added(&self, place: fn(&Addition) -> &'static str) -> String {
        let lines = self.additions.iter().map(place).filter(|lines| !lines.is_empty());
        lines.map(|lines| format!("{lines}\n")).collect()
    }
}

const fn network(
    subnet: &'static str,
    first: &'static str,
    last: &'static str,
    router: &'static str,
) -> Network {
    Network { subnet, first, last, router, has_reservation: false }
}
