//! Messages as octets: dhcproto writes the header, and options are appended one by one, so that
//! they can be invalid.

use std::net::{Ipv4Addr, SocketAddrV4};

use dhcproto::{Encodable, v4::Message};
use etherparse::PacketBuilder;

/// The header and the magic cookie.
const HEADER_OCTETS: usize = 240;
/// The minimum length of a BOOTP message (RFC 1542 section 2.1).
const BOOTP_OCTETS: usize = 300;

/// The type of a message (option 53).
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
    /// Returns a message of this type, with a parameter request list like that of most clients.
    pub(super) fn new(kind: Type, hardware_address: [u8; 6]) -> Self {
        Self::without_parameters(kind, hardware_address).option(55, &[1, 3, 6, 15, 51, 54])
    }

    /// Returns a message of this type.
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

    /// Sets ciaddr.
    #[allow(clippy::wrong_self_convention, reason = "it says where the packet comes from")]
    pub(super) fn from_address(mut self, address: Ipv4Addr) -> Self {
        self.client_address = address;
        self
    }

    /// Sets giaddr.
    pub(super) fn relayed_by(mut self, address: Ipv4Addr) -> Self {
        self.relay_address = address;
        self
    }

    /// Sets hlen to 0.
    pub(super) fn without_hardware_address(mut self) -> Self {
        self.hardware_address_octets = 0;
        self
    }

    /// Appends an option.
    pub(super) fn option(mut self, code: u8, octets: &[u8]) -> Self {
        let length = u8::try_from(octets.len()).expect("an option has at most 255 octets");
        self.options.extend([code, length]);
        self.options.extend(octets);
        self
    }

    /// Appends an option that contains an address.
    pub(super) fn address_option(self, code: u8, address: Ipv4Addr) -> Self {
        self.option(code, &address.octets())
    }

    /// Appends an option 82 with this circuit id.
    pub(super) fn on_line(self, circuit_id: &str) -> Self {
        let length = u8::try_from(circuit_id.len()).expect("a circuit id is short");
        self.option(82, &[&[1, length], circuit_id.as_bytes()].concat())
    }

    /// Appends a last option whose length exceeds the rest of the message.
    pub(super) fn cut_in_an_option(mut self) -> Self {
        self.options.extend([60, 200, b'x']);
        self.is_ended = false;
        self
    }

    /// Returns the payload of the datagram.
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
            // Some servers and relays require the length of a BOOTP message.
            octets.resize(octets.len().max(BOOTP_OCTETS), 0);
        }
        octets
    }
}

/// Returns a frame with this datagram.
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
