//! Messages as octets: a header that dhcproto writes, and options one by one, so that they can be
//! wrong.

use std::net::{Ipv4Addr, SocketAddrV4};

use dhcproto::{Encodable, v4::Message};
use etherparse::PacketBuilder;

/// The header and the magic cookie.
const HEADER_OCTETS: usize = 240;
/// The least that a BOOTP message has (RFC 1542 section 2.1).
const BOOTP_OCTETS: usize = 300;

/// Option 53.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub(super) enum Type {
    Discover = 1,
    Request = 3,
    Decline = 4,
    Inform = 8,
}

/// A message of a client.
#[derive(Clone, Debug)]
pub(super) struct Packet {
    pub(super) transaction_id: u32,
    pub(super) hardware_address: [u8; 6],
    pub(super) client_address: Ipv4Addr,
    pub(super) relay_address: Ipv4Addr,
    hardware_address_octets: u8,
    options: Vec<u8>,
    is_ended: bool,
}

impl Packet {
    /// A message of this type, with a list of parameters as most clients send it.
    pub(super) fn new(kind: Type, hardware_address: [u8; 6]) -> Self {
        Self::without_parameters(kind, hardware_address).option(55, &[1, 3, 6, 15, 51, 54])
    }

    /// A message of this type.
    pub(super) fn without_parameters(kind: Type, hardware_address: [u8; 6]) -> Self {
        let packet = Self {
            transaction_id: fastrand::u32(1..),
            hardware_address,
            client_address: Ipv4Addr::UNSPECIFIED,
            relay_address: Ipv4Addr::UNSPECIFIED,
            hardware_address_octets: 6,
            options: Vec::new(),
            is_ended: true,
        };
        packet.option(53, &[kind as u8])
    }

    /// With ciaddr.
    #[allow(clippy::wrong_self_convention, reason = "it says where the packet comes from")]
    pub(super) fn from_address(mut self, address: Ipv4Addr) -> Self {
        self.client_address = address;
        self
    }

    /// With giaddr.
    pub(super) fn relayed_by(mut self, address: Ipv4Addr) -> Self {
        self.relay_address = address;
        self
    }

    /// With hlen 0.
    pub(super) fn without_hardware_address(mut self) -> Self {
        self.hardware_address_octets = 0;
        self
    }

    /// With one more option.
    pub(super) fn option(mut self, code: u8, octets: &[u8]) -> Self {
        let length = u8::try_from(octets.len()).expect("an option has at most 255 octets");
        self.options.extend([code, length]);
        self.options.extend(octets);
        self
    }

    /// With one more option that holds an address.
    pub(super) fn address_option(self, code: u8, address: Ipv4Addr) -> Self {
        self.option(code, &address.octets())
    }

    /// With an option 82 that names a line.
    pub(super) fn on_line(self, circuit_id: &str) -> Self {
        let length = u8::try_from(circuit_id.len()).expect("a circuit id is short");
        self.option(82, &[&[1, length], circuit_id.as_bytes()].concat())
    }

    /// With a last option that says it is longer than what is left of the message.
    pub(super) fn cut_in_an_option(mut self) -> Self {
        self.options.extend([60, 200, b'x']);
        self.is_ended = false;
        self
    }

    /// The payload of the datagram.
    pub(super) fn octets(&self) -> Vec<u8> {
        let none = Ipv4Addr::UNSPECIFIED;
        let message = Message::new_with_id(
            self.transaction_id,
            self.client_address,
            none,
            none,
            self.relay_address,
            &self.hardware_address,
        );
        let mut octets = message.to_vec().expect("a header can be written");
        octets.truncate(HEADER_OCTETS);
        if let Some(length) = octets.get_mut(2) {
            *length = self.hardware_address_octets;
        }
        octets.extend(&self.options);
        if self.is_ended {
            octets.push(255);
            // As a BOOTP message, some servers and relays want that.
            octets.resize(octets.len().max(BOOTP_OCTETS), 0);
        }
        octets
    }
}

/// The frame with a datagram in it.
pub(super) fn frame(
    (source_hardware, destination_hardware): ([u8; 6], [u8; 6]),
    (source, destination): (SocketAddrV4, SocketAddrV4),
    payload: &[u8],
) -> Vec<u8> {
    let builder = PacketBuilder::ethernet2(source_hardware, destination_hardware)
        .ipv4(source.ip().octets(), destination.ip().octets(), 64)
        .udp(source.port(), destination.port());
    let mut frame = Vec::with_capacity(builder.size(payload.len()));
    builder.write(&mut frame, payload).expect("a datagram of this size can be written");
    frame
}
