//! Requests: messages of clients, as types that cannot represent invalid ones.
//!
//! Does not parse them; the `wire` crate does. Invariant: a request is a message that a server can
//! answer.

use std::{
    net::{Ipv4Addr, SocketAddrV4},
    sync::Arc,
};

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::{
    ClientKey, ClientKeyKind, ClientState, HardwareAddress, Membership, OwnAddresses,
    ReceivedOptions, RelayInformation, RequestKind, SubscriberLimit, option::code, relay,
};

/// The port that servers and relays receive on (RFC 2131 section 4.1).
const SERVER_PORT: u16 = 67;
/// The port that clients receive on (RFC 2131 section 4.1).
const CLIENT_PORT: u16 = 68;

/// A parsed message of a client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Request {
    /// Option 53.
    pub kind: RequestKind,
    /// How and where the message arrived.
    pub arrival: Arrival,
    /// xid.
    pub transaction_id: u32,
    /// secs: how long the client has been trying, according to the client.
    pub elapsed_secs: u16,
    /// The flags as received; only [`Request::BROADCAST`] has a meaning.
    pub flags: u16,
    /// ciaddr; zero if the client has no address that it can use.
    pub client_address: Ipv4Addr,
    /// giaddr; zero if no relay was involved.
    pub relay_address: Ipv4Addr,
    /// htype, hlen and chaddr.
    pub hardware_address: HardwareAddress,
    /// Option 61, with uninterpreted contents.
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
    /// Option 57 in octets, including the IP header, if the client sent it; at least 576.
    pub max_message_size: Option<u16>,
    /// Option 118: the subnet to choose an address from (RFC 3011).
    pub subnet_selection: Option<Ipv4Addr>,
    /// Option 82 as received.
    pub relay_information: Option<RelayInformation>,
    /// Every option as octets, including those above.
    pub options: ReceivedOptions,
    /// The classes that the message belongs to; none before its place is known.
    #[serde(default, skip_serializing_if = "Membership::is_empty")]
    pub classes: Membership,
    /// The payload of the datagram as received.
    #[serde(with = "crate::octets")]
    pub packet: Box<[u8]>,
}

/// How and where a message arrived.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Arrival {
    /// The sender of the datagram.
    pub source: SocketAddrV4,
    /// The server's own address to answer with, as option 54 unless the configuration or a relay
    /// overrides it: the destination of the datagram, or the address of the interface if it was
    /// broadcast.
    pub server_address: Ipv4Addr,
    /// The IPv4 addresses of the interface, in the order in which they select a subnet, if the
    /// message arrived on the link of an interface; empty if that interface has no address. They
    /// locate a client whose message was not relayed. `None` for a message that arrived on a socket
    /// for relayed messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link_addresses: Option<Arc<[Ipv4Addr]>>,
    /// Every address of the server's host at the time when the message arrived, and every
    /// configured server identifier.
    #[serde(default, skip_serializing_if = "OwnAddresses::is_empty")]
    pub own_addresses: OwnAddresses,
    /// Whether the datagram was sent to one of the server's own addresses rather than broadcast.
    pub unicast: bool,
    /// The name of the interface, if it is known.
    pub interface: Option<Arc<str>>,
    /// The largest IP datagram in octets that the interface carries without fragmentation, if it is
    /// known. No reply is longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtu_octets: Option<u16>,
}

/// Returns whether a host can have `address`. Returns `false` for 0.0.0.0/8, multicast,
/// 255.255.255.255 and the rest of the reserved 240.0.0.0/4 (RFC 6890). Loopback addresses are
/// allowed for servers that use them.
pub const fn is_host_address(address: Ipv4Addr) -> bool {
    matches!(address.octets(), [1..=223, ..])
}

impl Request {
    /// The BROADCAST bit of the flags (RFC 2131 section 2).
    pub const BROADCAST: u16 = 0x8000;

    /// Returns whether a relay forwarded the message.
    pub fn is_relayed(&self) -> bool {
        !self.relay_address.is_unspecified()
    }

    /// Returns whether the client sent the message directly to the server, without a relay.
    pub fn is_direct(&self) -> bool {
        self.arrival.unicast && !self.is_relayed()
    }

    /// Returns whether the client of a DISCOVER takes an ACK for an answer: it sent option 80,
    /// which has no octets (RFC 4039 section 4).
    pub fn wants_rapid_commit(&self) -> bool {
        self.options.get(code::RAPID_COMMIT).is_some_and(<[u8]>::is_empty)
    }

    /// Returns whether the client can do without an IPv4 address (RFC 8925 section 3.2).
    pub fn prefers_ipv6_only(&self) -> bool {
        self.parameter_request_list.contains(&code::IPV6_ONLY_PREFERRED)
    }

    /// The socket on which the relay receives replies: its server port, or the source port of the
    /// datagram if the relay asks for that with an empty sub-option (RFC 8357). `None` if the
    /// message was not relayed.
    pub fn relay_socket(&self) -> Option<SocketAddrV4> {
        let asks_for_source_port =
            self.said_by_relay(relay::SOURCE_PORT).is_some_and(<[u8]>::is_empty);
        let port = if asks_for_source_port { self.arrival.source.port() } else { SERVER_PORT };
        self.is_relayed().then(|| SocketAddrV4::new(self.relay_address, port))
    }

    /// The socket on which the client receives replies at the address in ciaddr; `None` if ciaddr
    /// is zero.
    pub fn client_socket(&self) -> Option<SocketAddrV4> {
        let has_address = !self.client_address.is_unspecified();
        has_address.then(|| SocketAddrV4::new(self.client_address, CLIENT_PORT))
    }

    /// The address in ciaddr, if it has a meaning: the client extends its lease, releases it, asks
    /// only for parameters, or sent the message from that address. In every other message ciaddr is
    /// zero (RFC 2131 table 5), and any other value may be an address that the client had before.
    pub fn address_in_use(&self) -> Option<Ipv4Addr> {
        let has_meaning = match self.kind {
            RequestKind::Request => self.uses_client_address(),
            RequestKind::Inform | RequestKind::Release | RequestKind::Bootp => true,
            RequestKind::Discover | RequestKind::Decline => false,
        };
        let counts = has_meaning || *self.arrival.source.ip() == self.client_address;
        Some(self.client_address).filter(|address| counts && !address.is_unspecified())
    }

    /// The address that the client uses, otherwise the one in option 50.
    pub fn named_address(&self) -> Option<Ipv4Addr> {
        self.address_in_use().or(self.requested_address)
    }

    /// Returns whether the client of a REQUEST extends its lease of the address in ciaddr.
    pub fn uses_client_address(&self) -> bool {
        let state = self.client_state();
        self.kind == RequestKind::Request
            && matches!(state, ClientState::Renewing | ClientState::Rebinding)
    }

    /// Returns whether the client can only receive broadcasts for now.
    pub fn wants_broadcast(&self) -> bool {
        self.flags & Self::BROADCAST != 0
    }

    /// The state of the client of a REQUEST. If both option 50 and ciaddr are present, which the
    /// RFC does not provide for in any state, option 50 counts, unless the client sent the message
    /// from that address.
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

    /// Returns whether the client sent the message to one server rather than to all. Behind a
    /// relay, only the relay can know this (RFC 5010); a relay that does not report it forwards
    /// broadcasts.
    pub fn client_sent_unicast(&self) -> bool {
        if !self.is_relayed() {
            return self.arrival.unicast;
        }
        let said = self.said_by_relay(relay::RELAY_FLAGS).and_then(relay::is_unicast);
        said.unwrap_or(false)
    }

    /// The sub-option `code` of option 82 that directs the server, such as where to look for a
    /// subnet. Only a relay can direct it, so there is none in a message without giaddr: a switch
    /// may add a line to such a message, but so may the client.
    pub(crate) fn said_by_relay(&self, code: u8) -> Option<&[u8]> {
        let information = self.relay_information.as_ref().filter(|_| self.is_relayed())?;
        information.sub_option(code)
    }

    /// The server identifier with which the relay overrides every other one (RFC 5107).
    pub fn overriding_server_identifier(&self) -> Option<Ipv4Addr> {
        self.said_by_relay(relay::SERVER_IDENTIFIER_OVERRIDE).and_then(specified_address)
    }

    /// The client's link according to the relay (RFC 3527).
    pub fn link_selection(&self) -> Option<Ipv4Addr> {
        self.said_by_relay(relay::LINK_SELECTION).and_then(specified_address)
    }

    /// The subnet that the client selects with option 118 (RFC 3011). 0.0.0.0 selects none, the
    /// relay's selection takes precedence (RFC 3527 section 3), and no client of a link whose
    /// interface has no address can say where that link is.
    pub fn selected_subnet(&self) -> Option<Ipv4Addr> {
        let is_on_unknown_link = !self.is_relayed() && self.is_from_unaddressed_link();
        let counts = !is_on_unknown_link && self.link_selection().is_none();
        self.subnet_selection.filter(|address| counts && !address.is_unspecified())
    }

    /// Returns whether `named` is one of this server's addresses (RFC 2131 section 4.1: any of
    /// them), or the one with which a relay overrides them (RFC 5107).
    pub fn is_own_address(&self, named: Ipv4Addr) -> bool {
        let arrival = &self.arrival;
        self.overriding_server_identifier() == Some(named)
            || named == arrival.server_address
            || arrival.link_addresses.iter().any(|addresses| addresses.contains(&named))
            || arrival.own_addresses.contains(named)
    }

    /// The account that a lease of the client counts on by the classes of the message, and its
    /// limit.
    pub fn account_of_class(
        &self,
        relay_information: Option<&RelayInformation>,
    ) -> Option<SubscriberLimit> {
        self.classes.account(&self.hardware_address, relay_information)
    }

    /// Returns whether the message came from the link of an interface without any IPv4 address, so
    /// that only the message itself can determine its subnet.
    pub fn is_from_unaddressed_link(&self) -> bool {
        self.arrival.link_addresses.as_ref().is_some_and(|addresses| addresses.is_empty())
    }
}

impl ClientKeyKind {
    /// The key of the client that sent `request` over the line in `relay_information`; `None` if
    /// the message does not identify a client.
    pub fn key_of(
        self,
        request: &Request,
        relay_information: Option<&RelayInformation>,
    ) -> Option<ClientKey> {
        let identifier = request.client_identifier.as_deref();
        self.key_from(identifier, Some(request.hardware_address), relay_information)
    }
}

/// The address in a sub-option; 0.0.0.0 counts as an absent sub-option.
fn specified_address(octets: &[u8]) -> Option<Ipv4Addr> {
    let address = Ipv4Addr::from(<[u8; 4]>::try_from(octets).ok()?);
    Some(address).filter(|address| !address.is_unspecified())
}
