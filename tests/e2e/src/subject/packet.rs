//! Messages as octets: dhcproto writes the header, and options are appended one by one, so that
//! they can be invalid.

use std::net::{Ipv4Addr, SocketAddrV4};

use dhcproto::{Encodable, v4::Message};
use etherparse::PacketBuilder;

/// The header and the magic cookie.
const HEADER_OCTETS: usize = 240;
/// The minimum length of a BOOTP message (RFC 1542 section 2.1).
const BOOTP_OCTETS: usize = 300;
/// The offsets of fields of the header (RFC 2131 section 2).
const HARDWARE_ADDRESS_OCTETS: usize = 2;
const HOPS: usize = 3;
const ELAPSED: usize = 8;
const FLAGS: usize = 10;
const SERVER_NAME: usize = 44;
const BOOT_FILE: usize = 108;

/// The type of a message (option 53).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Type {
    Discover = 1,
    Request = 3,
    Decline = 4,
    Release = 7,
    Inform = 8,
    /// RFC 4388.
    LeaseQuery = 10,
}

/// A message of a client.
#[derive(Clone, Debug)]
pub struct Packet {
    /// xid
    pub transaction_id: u32,
    /// chaddr
    pub hardware_address: [u8; 6],
    /// ciaddr
    pub client_address: Ipv4Addr,
    /// giaddr
    pub relay_address: Ipv4Addr,
    /// Octets at offsets of the header, which replace those that dhcproto writes.
    replaced: Vec<(usize, Vec<u8>)>,
    options: Vec<u8>,
    is_ended: bool,
}

/// Returns the hardware address of a client.
pub const fn device(number: u8) -> [u8; 6] {
    [2, 0, 0x5e, 0, 0x53, number]
}

impl Packet {
    /// Returns a message of this type, with a parameter request list like that of most clients.
    pub fn new(kind: Type, hardware_address: [u8; 6]) -> Self {
        Self::without_parameters(kind, hardware_address).option(55, &[1, 3, 6, 15, 51, 54])
    }

    /// Returns a message of this type.
    pub fn without_parameters(kind: Type, hardware_address: [u8; 6]) -> Self {
        Self::bootp(hardware_address).option(53, &[kind as u8])
    }

    /// Returns a message without a type (option 53), which is one of BOOTP (RFC 1534 section 2).
    pub fn bootp(hardware_address: [u8; 6]) -> Self {
        Self {
            transaction_id: fastrand::u32(1..),
            hardware_address,
            client_address: Ipv4Addr::UNSPECIFIED,
            relay_address: Ipv4Addr::UNSPECIFIED,
            replaced: Vec::new(),
            options: Vec::new(),
            is_ended: true,
        }
    }

    /// Sets ciaddr.
    #[allow(clippy::wrong_self_convention, reason = "it says where the packet comes from")]
    pub fn from_address(mut self, address: Ipv4Addr) -> Self {
        self.client_address = address;
        self
    }

    /// Sets giaddr and hops.
    pub fn relayed_by(mut self, address: Ipv4Addr) -> Self {
        self.relay_address = address;
        self.replace(HOPS, &[1])
    }

    /// Sets hlen to 0.
    pub fn without_hardware_address(self) -> Self {
        self.replace(HARDWARE_ADDRESS_OCTETS, &[0])
    }

    /// Sets the 16 flags, of which the first one is BROADCAST.
    pub fn flags(self, flags: u16) -> Self {
        self.replace(FLAGS, &flags.to_be_bytes())
    }

    /// Sets secs.
    pub fn elapsed_secs(self, secs: u16) -> Self {
        self.replace(ELAPSED, &secs.to_be_bytes())
    }

    /// Sets the field sname, at most 64 octets.
    pub fn server_name(self, octets: &[u8]) -> Self {
        assert!(octets.len() <= BOOT_FILE - SERVER_NAME, "sname has 64 octets");
        self.replace(SERVER_NAME, octets)
    }

    /// Sets the field file, at most 128 octets.
    pub fn boot_file(self, octets: &[u8]) -> Self {
        assert!(octets.len() <= 128, "file has 128 octets");
        self.replace(BOOT_FILE, octets)
    }

    /// Appends an option.
    pub fn option(mut self, code: u8, octets: &[u8]) -> Self {
        let length = u8::try_from(octets.len()).expect("an option has at most 255 octets");
        self.options.extend([code, length]);
        self.options.extend(octets);
        self
    }

    /// Appends an option that contains an address.
    pub fn address_option(self, code: u8, address: Ipv4Addr) -> Self {
        self.option(code, &address.octets())
    }

    /// Appends an option 82 with this circuit id.
    pub fn on_line(self, circuit_id: &str) -> Self {
        let length = u8::try_from(circuit_id.len()).expect("a circuit id is short");
        self.option(82, &[&[1, length], circuit_id.as_bytes()].concat())
    }

    /// Appends a last option whose length exceeds the rest of the message.
    pub fn cut_in_an_option(mut self) -> Self {
        self.options.extend([60, 200, b'x']);
        self.is_ended = false;
        self
    }

    /// Returns the payload of the datagram.
    pub fn octets(&self) -> Vec<u8> {
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
        for (at, field) in &self.replaced {
            octets.splice(*at..at + field.len(), field.iter().copied());
        }
        octets.extend(&self.options);
        if self.is_ended {
            octets.push(255);
            // Some servers and relays require the length of a BOOTP message.
            octets.resize(octets.len().max(BOOTP_OCTETS), 0);
        }
        octets
    }

    fn replace(mut self, at: usize, octets: &[u8]) -> Self {
        self.replaced.push((at, octets.to_owned()));
        self
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
