//! Packets and replies for tests.
//!
//! Requests are assembled octet by octet, so that they do not depend on the crate under test.

#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part")]

use std::net::Ipv4Addr;

use lessor_core::{Arrival, Destination, OptionValue, Reply, ReplyKind, Request};
use lessor_wire::{LeftOut, write};

pub const COOKIE: [u8; 4] = [99, 130, 83, 99];
pub const HARDWARE: [u8; 6] = [0x02, 0x00, 0x5e, 0x00, 0x53, 0x01];
pub const RELAY: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 254);
pub const SERVER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

/// A client's packet under construction. The default is a header without options.
#[derive(Clone, Debug)]
pub struct Packet {
    pub header: [u8; 236],
    pub options: Vec<u8>,
}

impl Packet {
    pub fn new() -> Self {
        let mut header = [0; 236];
        header[..4].copy_from_slice(&[1, 1, 6, 0]);
        header[4..8].copy_from_slice(&[0xde, 0xad, 0xbe, 0xef]);
        header[28..34].copy_from_slice(&HARDWARE);
        Self { header, options: Vec::new() }
    }

    /// A message with this type in option 53.
    pub fn of_type(message_type: u8) -> Self {
        Self::new().option(53, &[message_type])
    }

    pub fn discover() -> Self {
        Self::of_type(1)
    }

    /// Overwrites octets of the header.
    pub fn header(mut self, at: usize, octets: &[u8]) -> Self {
        self.header[at..at + octets.len()].copy_from_slice(octets);
        self
    }

    /// Adds one part of an option; at most 255 octets.
    pub fn option(mut self, code: u8, octets: &[u8]) -> Self {
        self.options.extend([code, u8::try_from(octets.len()).unwrap()]);
        self.options.extend(octets);
        self
    }

    /// Adds octets unchanged.
    pub fn raw(mut self, octets: &[u8]) -> Self {
        self.options.extend(octets);
        self
    }

    /// The packet without an END.
    pub fn unended(&self) -> Vec<u8> {
        [&self.header[..], &COOKIE, &self.options].concat()
    }

    pub fn bytes(&self) -> Vec<u8> {
        [&self.unended()[..], &[255]].concat()
    }

    pub fn parse(&self) -> Request {
        lessor_wire::parse(&self.bytes(), arrival()).unwrap()
    }
}

pub fn arrival() -> Arrival {
    Arrival {
        source: "192.0.2.254:67".parse().unwrap(),
        server_address: SERVER,
        link_addresses: None,
        own_addresses: Default::default(),
        unicast: true,
        interface: None,
        mtu_octets: None,
    }
}

/// A reply with these options; its other fields do not matter.
pub fn reply(kind: ReplyKind, options: Vec<(u8, OptionValue)>) -> Reply {
    Reply {
        kind,
        client_address: Ipv4Addr::UNSPECIFIED,
        your_address: Ipv4Addr::new(192, 0, 2, 77),
        next_server_address: Ipv4Addr::UNSPECIFIED,
        server_name: Default::default(),
        boot_file: Default::default(),
        force_broadcast: false,
        confirms_vpn: false,
        options: options.into_iter().map(|(code, value)| (code, value.into())).collect(),
        destination: Destination::Broadcast,
    }
}

pub fn octets(length: usize) -> OptionValue {
    OptionValue::Octets((0..length).map(|position| position as u8).collect())
}

/// Every part of every option of one field, in order. This reader is independent of the crate under
/// test and strict: the field must end with END, followed only by zeros.
pub fn parts(field: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut parts = Vec::new();
    let mut rest = field;
    loop {
        match rest {
            [255, padding @ ..] => {
                assert!(padding.iter().all(|octet| *octet == 0), "something behind END");
                return parts;
            }
            [code, length, tail @ ..] => {
                let (octets, after) = tail.split_at(usize::from(*length));
                parts.push((*code, octets.to_vec()));
                rest = after;
            }
            _ => panic!("a field without END"),
        }
    }
}

/// The parts of the options field of a reply.
pub fn option_parts(packet: &[u8]) -> Vec<(u8, Vec<u8>)> {
    assert_eq!(packet[236..240], COOKIE);
    parts(&packet[240..])
}

/// The codes of the parts of the options field of a reply.
pub fn codes(packet: &[u8]) -> Vec<u8> {
    option_parts(packet).into_iter().map(|(code, _)| code).collect()
}

/// The octets before the options of a reply: header, cookie and option 53.
pub const BEFORE_OPTIONS: usize = 243;

/// A reply as it is written, and what was left out of it.
pub fn written(request: &Request, reply: &Reply) -> (Vec<u8>, LeftOut) {
    let mut packet = Vec::new();
    let written = write(request, reply, &mut packet).unwrap();
    (packet, written)
}

/// A reply as it is written, with everything in it.
pub fn encode(request: &Request, reply: &Reply) -> Vec<u8> {
    let (packet, written) = written(request, reply);
    assert_eq!(written, LeftOut::default());
    packet
}

/// A text with zeros behind it.
pub fn padded<const N: usize>(text: &[u8]) -> Box<[u8; N]> {
    let mut field = Box::new([0; N]);
    field[..text.len()].copy_from_slice(text);
    field
}
