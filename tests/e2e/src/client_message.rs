//! Messages of clients, built octet by octet, for messages that no real client sends; and functions
//! to send them from a host, with or without an address.

use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};

use nix::sys::socket::{setsockopt, sockopt};

use crate::Host;

/// A builder of a client's message: a header, the magic cookie and options.
#[derive(Clone, Debug)]
pub struct ClientMessage(Vec<u8>);

impl ClientMessage {
    /// DHCPDISCOVER, a type of message (option 53).
    pub const DISCOVER: u8 = 1;
    /// DHCPREQUEST.
    pub const REQUEST: u8 = 3;
    /// DHCPDECLINE.
    pub const DECLINE: u8 = 4;
    /// DHCPRELEASE.
    pub const RELEASE: u8 = 7;
    /// DHCPINFORM.
    pub const INFORM: u8 = 8;

    /// Returns a message of this type from an Ethernet device.
    pub fn new(message_type: u8, hardware_address: [u8; 6]) -> Self {
        let mut octets = vec![0; 236];
        octets.splice(..8, [1, 1, 6, 0, 0xc0, 0xff, 0xee, 0]);
        octets.splice(28..34, hardware_address);
        octets.extend([99, 130, 83, 99]);
        Self(octets).option(53, &[message_type])
    }

    /// Returns the message of a hexadecimal file up to its option 255; spaces and lines with
    /// comments (`#`) are ignored.
    pub fn from_hexadecimal(text: &str) -> Self {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let digits: String = lines.flat_map(str::chars).filter(|c| !c.is_whitespace()).collect();
        let pairs = digits.as_bytes().chunks(2);
        let octets = pairs.map(|pair| {
            let pair = std::str::from_utf8(pair).expect("digits are ASCII");
            u8::from_str_radix(pair, 16).expect("hexadecimal digits")
        });
        let mut octets: Vec<u8> = octets.collect();
        assert_eq!(octets.pop(), Some(255), "the message ends with option 255");
        Self(octets)
    }

    /// Sets xid.
    pub fn transaction_id(self, id: u32) -> Self {
        self.header(4, &id.to_be_bytes())
    }

    /// Sets the BROADCAST flag.
    pub fn broadcast_flag(self) -> Self {
        self.header(10, &[0x80, 0])
    }

    /// Sets ciaddr.
    pub fn client_address(self, address: Ipv4Addr) -> Self {
        self.header(12, &address.octets())
    }

    /// Sets giaddr.
    pub fn relay_address(self, address: Ipv4Addr) -> Self {
        self.header(24, &address.octets())
    }

    /// Appends an option of at most 255 octets.
    pub fn option(mut self, code: u8, octets: &[u8]) -> Self {
        self.0.extend([code, u8::try_from(octets.len()).expect("an option has 255 octets")]);
        self.0.extend(octets);
        self
    }

    /// Returns the message with option 255 at its end.
    pub fn octets(&self) -> Vec<u8> {
        [&self.0[..], &[255]].concat()
    }

    /// Returns the message without option 255 and with `octets` at its end.
    pub fn cut_short(&self, octets: &[u8]) -> Vec<u8> {
        [&self.0[..], octets].concat()
    }

    fn header(mut self, at: usize, octets: &[u8]) -> Self {
        self.0.splice(at..at + octets.len(), octets.iter().copied());
        self
    }
}

impl Host {
    /// Broadcasts a client's datagram on the link of an interface, from port 68 and the address of
    /// the host, or 0.0.0.0 if it has none.
    pub fn broadcast(&self, interface: &str, datagram: &[u8]) {
        self.run_here(|| {
            let socket = socket(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 68));
            setsockopt(&socket, sockopt::BindToDevice, &interface.into()).expect("an interface");
            socket.set_broadcast(true).expect("a UDP socket may broadcast");
            let sent = socket.send_to(datagram, (Ipv4Addr::BROADCAST, 67));
            sent.unwrap_or_else(|error| panic!("cannot broadcast on {interface}: {error}"));
        });
    }

    /// Sends a datagram from an address and port of this host.
    pub fn send(&self, from: SocketAddrV4, to: SocketAddrV4, datagram: &[u8]) {
        self.run_here(|| {
            let sent = socket(from).send_to(datagram, to);
            sent.unwrap_or_else(|error| panic!("cannot send from {from} to {to}: {error}"));
        });
    }
}

fn socket(local: SocketAddrV4) -> UdpSocket {
    UdpSocket::bind(local).unwrap_or_else(|error| panic!("cannot bind {local}: {error}"))
}
