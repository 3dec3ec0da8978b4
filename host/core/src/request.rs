//! Requests: what a client asked, as types that cannot be wrong.

use std::{
    net::{Ipv4Addr, SocketAddrV4},
    sync::Arc,
};

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::{HardwareAddress, OwnAddresses, ReceivedOptions, RelayInformation, relay};

/// The port that servers and relays receive on (RFC 2131 section 4.1).
const SERVER_PORT: u16 = 67;
/// The port that clients receive on (RFC 2131 section 4.1).
const CLIENT_PORT: u16 = 68;

/// A client's message, parsed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Request {
    /// Option 53.
    pub kind: RequestKind,
    /// How and where it came in.
    pub arrival: Arrival,
    /// xid.
    pub transaction_id: u32,
    /// secs: how long the client has been trying, in its own words.
    pub elapsed_secs: u16,
    /// The flags as received; only [`Request::BROADCAST`] has a meaning.
    pub flags: u16,
    /// ciaddr; zero if the client has no address that it can use.
    pub client_address: Ipv4Addr,
    /// giaddr; zero if no relay was involved.
    pub relay_address: Ipv4Addr,
    /// htype, hlen and chaddr.
    pub hardware_address: HardwareAddress,
    /// Option 61, without any reading of its contents.
    #[serde(with = "crate::octets::optional")]
    pub client_identifier: Option<Box<[u8]>>,
    /// Option 50.
    pub requested_address: Option<Ipv4Addr>,
    /// Option 54.
    pub server_identifier: Option<Ipv4Addr>,
    /// Option 51.
    pub lease_time_secs: Option<u32>,
    /// Option 55, in the client's order; empty if it sent none.
    pub parameter_request_list: SmallVec<[u8; 24]>,
    /// Option 57 in octets, the IP header included, if the client sent one; at least 576.
    pub max_message_size: Option<u16>,
    /// Option 118: the subnet to choose an address from (RFC 3011).
    pub subnet_selection: Option<Ipv4Addr>,
    /// Option 82 as received.
    pub relay_information: Option<RelayInformation>,
    /// Every option as octets, those above included.
    pub options: ReceivedOptions,
    /// The datagram's payload as received.
    #[serde(with = "crate::octets")]
    pub packet: Box<[u8]>,
}

/// The kinds of message that clients send and a server answers (RFC 2132 section 9.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub enum RequestKind {
    Discover,
    Request,
    Decline,
    Release,
    Inform,
}

impl RequestKind {
    /// The name of the message in RFC 2131.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Discover => "DHCPDISCOVER",
            Self::Request => "DHCPREQUEST",
            Self::Decline => "DHCPDECLINE",
            Self::Release => "DHCPRELEASE",
            Self::Inform => "DHCPINFORM",
        }
    }
}

/// The state that a client which sends a REQUEST is in (RFC 2131 section 4.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClientState {
    /// It takes an offer: option 54 and 50. A ciaddr beside them means nothing.
    Selecting,
    /// It verifies an address it remembers: option 50, no option 54. A ciaddr beside it means nothing.
    InitReboot,
    /// It extends its lease with this server: ciaddr only, sent by unicast (through a relay that
    /// says so, RFC 5010).
    Renewing,
    /// It extends its lease with any server: ciaddr only, broadcast or relayed.
    Rebinding,
    /// None that the RFC knows: option 54 without option 50, or neither option 50 nor ciaddr.
    Unknown,
}

/// How and where a message came in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Arrival {
    /// Who sent the datagram.
    pub source: SocketAddrV4,
    /// The server's own address to answer with, as option 54 unless a relay overrides it: the one
    /// the datagram was sent to, or that of the interface if it was broadcast.
    pub server_address: Ipv4Addr,
    /// The IPv4 addresses of the interface, in the order in which they select a subnet, if the message
    /// came in on the link of an interface: empty if that interface has none. They say where a client
    /// is that no relay speaks for. Absent for a message that came in on a socket for relayed messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link_addresses: Option<Arc<[Ipv4Addr]>>,
    /// Every address of the server's host when the message came in.
    #[serde(default, skip_serializing_if = "OwnAddresses::is_empty")]
    pub own_addresses: OwnAddresses,
    /// Whether the datagram was sent to one of the server's own addresses rather than broadcast.
    pub unicast: bool,
    /// The name of the interface, where it is known.
    pub interface: Option<Arc<str>>,
    /// The largest IP datagram in octets that the interface carries in one piece, where it is
    /// known. No reply is longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtu_octets: Option<u16>,
}

/// Whether a host can have `address`. Not so are 0.0.0.0/8, multicast, 255.255.255.255 and the rest
/// of the reserved 240.0.0.0/4 (RFC 6890). Loopback is left to servers that use it.
pub const fn is_host_address(address: Ipv4Addr) -> bool {
    matches!(address.octets(), [1..=223, ..])
}

impl Request {
    /// The BROADCAST bit of the flags (RFC 2131 section 2).
    pub const BROADCAST: u16 = 0x8000;

    /// Whether a relay passed the message on.
    pub fn is_relayed(&self) -> bool {
        !self.relay_address.is_unspecified()
    }

    /// Whether the client sent the message to the server itself, without a relay.
    pub fn is_direct(&self) -> bool {
        self.arrival.unicast && !self.is_relayed()
    }

    /// Where the relay takes replies: at its server port, or at the port that it sent from if it
    /// asks for that with an empty sub-option (RFC 8357). `None` if no relay was involved.
    pub fn relay_socket(&self) -> Option<SocketAddrV4> {
        let information = self.relay_information.as_ref();
        let asks_for_source_port = information
            .and_then(|information| information.sub_option(relay::SOURCE_PORT))
            .is_some_and(<[u8]>::is_empty);
        let port = if asks_for_source_port { self.arrival.source.port() } else { SERVER_PORT };
        self.is_relayed().then(|| SocketAddrV4::new(self.relay_address, port))
    }

    /// Where the client takes replies at the address that it says it has; `None` if it says none.
    pub fn client_socket(&self) -> Option<SocketAddrV4> {
        let has_address = !self.client_address.is_unspecified();
        has_address.then(|| SocketAddrV4::new(self.client_address, CLIENT_PORT))
    }

    /// Whether the client of a REQUEST uses the address in ciaddr. In every other message ciaddr is
    /// zero (RFC 2131 table 5), and what stands there instead means nothing.
    pub fn uses_client_address(&self) -> bool {
        let state = self.client_state();
        self.kind == RequestKind::Request
            && matches!(state, ClientState::Renewing | ClientState::Rebinding)
    }

    /// Whether the client can only hear broadcasts, as yet.
    pub fn wants_broadcast(&self) -> bool {
        self.flags & Self::BROADCAST != 0
    }

    /// Which state the client of a REQUEST is in. Where option 50 stands beside ciaddr, which the RFC
    /// knows in no state, option 50 counts, unless the client sent the message from that very address.
    pub fn client_state(&self) -> ClientState {
        let is_sent_from = |address: Ipv4Addr| {
            self.client_address == address && *self.arrival.source.ip() == address
        };
        match (self.server_identifier, self.requested_address) {
            (Some(_), Some(_)) => ClientState::Selecting,
            (None, Some(requested)) if !is_sent_from(requested) => ClientState::InitReboot,
            (Some(_), None) => ClientState::Unknown,
            (None, _) if self.client_address.is_unspecified() => ClientState::Unknown,
            (None, _) if self.client_sent_unicast() => ClientState::Renewing,
            (None, _) => ClientState::Rebinding,
        }
    }

    /// Whether the client sent the message to one server rather than to all. Behind a relay only
    /// the relay can tell (RFC 5010); one that does not passes on broadcasts.
    pub fn client_sent_unicast(&self) -> bool {
        if !self.is_relayed() {
            return self.arrival.unicast;
        }
        let said = self.relay_information.as_ref().and_then(RelayInformation::client_sent_unicast);
        said.unwrap_or(false)
    }

    /// The server's address that option 54 of the reply carries: the relay's override if there is
    /// one (RFC 5107), otherwise the address of arrival.
    pub fn own_server_identifier(&self) -> Ipv4Addr {
        self.relay_information
            .as_ref()
            .and_then(|relay| relay.sub_option(relay::SERVER_IDENTIFIER_OVERRIDE))
            .and_then(specified_address)
            .unwrap_or(self.arrival.server_address)
    }

    /// The link that the relay says the client is on (RFC 3527).
    pub fn link_selection(&self) -> Option<Ipv4Addr> {
        let information = self.relay_information.as_ref()?;
        information.sub_option(relay::LINK_SELECTION).and_then(specified_address)
    }

    /// Whether `named` is one of this server's addresses (RFC 2131 section 4.1: any of them), or the
    /// one that a relay has it go by (RFC 5107).
    pub fn is_own_address(&self, named: Ipv4Addr) -> bool {
        let arrival = &self.arrival;
        named == self.own_server_identifier()
            || named == arrival.server_address
            || arrival.link_addresses.iter().any(|addresses| addresses.contains(&named))
            || arrival.own_addresses.contains(named)
    }

    /// Whether the message came from the link of an interface without any IPv4 address, so that only
    /// the message itself can say which subnet it is about.
    pub fn is_from_unaddressed_link(&self) -> bool {
        self.arrival.link_addresses.as_ref().is_some_and(|addresses| addresses.is_empty())
    }
}

/// The address in a sub-option; 0.0.0.0 names nothing, as if the sub-option were absent.
fn specified_address(octets: &[u8]) -> Option<Ipv4Addr> {
    let address = Ipv4Addr::from(<[u8; 4]>::try_from(octets).ok()?);
    Some(address).filter(|address| !address.is_unspecified())
}
