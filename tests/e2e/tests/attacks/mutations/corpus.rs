//! The corpus: the next messages of clients on the link and behind the relay, most of them randomly
//! damaged.
//!
//! The clients store their leases, so their messages reach every state of the server.

use std::net::Ipv4Addr;

use fastrand::Rng;

use super::{
    field::{FIELD, SERVER, SeenReply},
    message::{Datagram, Way, at},
};

const CLIENTS: usize = 300;
/// The giaddr of the relay, an address of the subnet of its clients.
const RELAY_LINK: Ipv4Addr = Ipv4Addr::new(100, 64, 0, 1);
/// The hardware address of the client that sends the probes.
const PROBE: [u8; 6] = [2, 0xff, 0, 0, 0, 1];

/// Types of message (RFC 2132 section 9.6).
const DISCOVER: u8 = 1;
const REQUEST: u8 = 3;
const DECLINE: u8 = 4;
const RELEASE: u8 = 7;
const INFORM: u8 = 8;

pub(crate) struct Corpus {
    random: Rng,
    clients: Vec<Client>,
    next_xid: u32,
}

struct Client {
    number: u16,
    is_relayed: bool,
    has_identifier: bool,
    offered: Option<Ipv4Addr>,
    address: Option<Ipv4Addr>,
}

impl Corpus {
    pub(crate) fn new(random: Rng) -> Self {
        let clients = (0..CLIENTS).map(|number| Client {
            number: number as u16,
            is_relayed: number % 2 == 0,
            has_identifier: number % 3 == 0,
            offered: None,
            address: None,
        });
        Self { random, clients: clients.collect(), next_xid: 1 }
    }

    /// Returns the next datagram. Three of four are damaged, and each has a unique transaction id.
    pub(crate) fn next(&mut self) -> Datagram {
        let client = self.random.usize(..self.clients.len());
        let mut datagram = self.clients[client].says(&mut self.random);
        if self.random.u8(..4) != 0 {
            for _ in 0..self.random.usize(1..6) {
                self.damage(&mut datagram.octets);
            }
        }
        self.number(datagram)
    }

    /// Returns a DISCOVER that the server must answer.
    pub(crate) fn probe(&mut self) -> Datagram {
        let mut message = header(RELAY_LINK, Ipv4Addr::UNSPECIFIED, &PROBE, 0);
        option(&mut message, 53, &[DISCOVER]);
        message.push(255);
        self.number(Datagram { way: Way::Relay, octets: message })
    }

    /// Passes a reply to the clients, which store their leases.
    pub(crate) fn hears(&mut self, reply: &SeenReply) {
        let octets = &reply.message;
        let Some(&[high, low]) = octets.get(32..34) else { return };
        let number = usize::from(u16::from_be_bytes([high, low]));
        let Some(client) = self.clients.get_mut(number) else { return };
        let address = octets.get(at::YIADDR).and_then(|field| <[u8; 4]>::try_from(field).ok());
        let address = address.map(Ipv4Addr::from).filter(|address| !address.is_unspecified());
        match octets.get(at::OPTIONS..at::OPTIONS + 3) {
            Some([53, 1, 2]) => client.offered = address,
            Some([53, 1, 5]) => client.address = address.or(client.address),
            Some([53, 1, 6]) => (client.offered, client.address) = (None, None),
            _ => {}
        }
    }

    fn number(&mut self, mut datagram: Datagram) -> Datagram {
        datagram.set_xid(self.next_xid);
        self.next_xid += 1;
        datagram
    }

    /// Damages a datagram in one of many ways.
    fn damage(&mut self, octets: &mut Vec<u8>) {
        let random = &mut self.random;
        if octets.is_empty() {
            return;
        }
        let options = at::OPTIONS.min(octets.len());
        match random.u8(..12) {
            0 => {
                let place = random.usize(..octets.len());
                octets[place] = random.u8(..);
            }
            1 => {
                let place = random.usize(..octets.len());
                octets[place] ^= 1 << random.u8(..8);
            }
            2 => octets.truncate(random.usize(..=octets.len())),
            3 => {
                let place = random.usize(options..=octets.len());
                let some: Vec<u8> = (0..random.usize(1..40)).map(|_| random.u8(..)).collect();
                octets.splice(place..place, some);
            }
            // Inserts an option that the server reads, with random octets, before the others.
            4 | 5 => {
                let codes = [12, 50, 51, 52, 53, 54, 55, 57, 61, 82, 118, 116, 124, 255, 0];
                let code = codes[random.usize(..codes.len())];
                let length_max = if random.bool() { 6 } else { 200 };
                let length = random.usize(..length_max);
                let mut some = vec![code, length as u8];
                some.extend((0..length).map(|_| random.u8(..)));
                octets.splice(options..options, some);
            }
            // Sets a field of the header to an extreme value.
            6 | 7 => {
                let fields = [at::SECS, at::FLAGS, at::CIADDR, at::YIADDR, at::GIADDR, at::CHADDR];
                let field = fields[random.usize(..fields.len())].clone();
                let values = [
                    SERVER,
                    FIELD,
                    RELAY_LINK,
                    Ipv4Addr::BROADCAST,
                    Ipv4Addr::UNSPECIFIED,
                    Ipv4Addr::new(224, 0, 0, 1),
                    Ipv4Addr::new(10, 77, 0, 255),
                    Ipv4Addr::new(127, 0, 0, 1),
                    Ipv4Addr::new(10, 77, 0, random.u8(4..)),
                    Ipv4Addr::new(100, 64, 1, random.u8(..)),
                    Ipv4Addr::new(198, 51, 100, random.u8(..)),
                ];
                let value = values[random.usize(..values.len())].octets();
                for (octet, value) in octets.iter_mut().take(field.end).skip(field.start).zip(value)
                {
                    *octet = value;
                }
            }
            8 => {
                let small = [at::HTYPE, at::HLEN, at::HOPS];
                let place = small[random.usize(..small.len())];
                if let Some(octet) = octets.get_mut(place) {
                    *octet = random.u8(..20);
                }
            }
            9 => {
                let from = random.usize(options..=octets.len());
                let part = octets[from..octets.len().min(from + 20)].to_vec();
                let place = random.usize(options..=octets.len());
                octets.splice(place..place, part);
            }
            10 => octets.extend((0..random.usize(1..600)).map(|_| random.u8(..))),
            _ => octets.resize(octets.len() + random.usize(1..300), 0),
        }
    }
}

impl Client {
    /// Returns one of the messages that the client could send now.
    fn says(&self, random: &mut Rng) -> Datagram {
        let none = Ipv4Addr::UNSPECIFIED;
        let known = self.address.or(self.offered).unwrap_or(Ipv4Addr::new(100, 64, 1, 7));
        let (kind, ciaddr, requested, names_server, is_unicast) = match random.u8(..16) {
            0..=4 => (DISCOVER, none, self.address, false, false),
            5..=8 => (REQUEST, none, Some(known), true, false),
            9 => (REQUEST, none, Some(known), false, false),
            10 | 11 => (REQUEST, known, None, false, true),
            12 => (REQUEST, known, None, false, false),
            13 => (INFORM, known, None, false, random.bool()),
            14 => (RELEASE, known, None, true, true),
            _ if random.u8(..4) == 0 => (DECLINE, none, Some(known), true, false),
            _ => (DISCOVER, none, None, false, false),
        };
        let giaddr = if self.is_relayed { RELAY_LINK } else { none };
        let [high, low] = self.number.to_be_bytes();
        let chaddr = [2, 0, 0, 0, high, low];
        let flags = if random.u8(..4) == 0 { 0x8000 } else { 0 };
        let mut message = header(giaddr, ciaddr, &chaddr, flags);
        option(&mut message, 53, &[kind]);
        if let Some(address) = requested {
            option(&mut message, 50, &address.octets());
        }
        if names_server {
            option(&mut message, 54, &SERVER.octets());
        }
        if self.has_identifier {
            option(&mut message, 61, &[255, 0, 0, 0, high, low]);
        }
        if random.bool() {
            option(&mut message, 57, &random.u16(300..1600).to_be_bytes());
        }
        option(&mut message, 55, &[1, 3, 6, 15, 51, 54]);
        if self.is_relayed {
            option(&mut message, 82, &[1, 4, b'o', b'n', b'u', low, 2, 2, 0, high]);
        }
        message.push(255);
        let way = match (self.is_relayed, is_unicast) {
            (true, _) => Way::Relay,
            (false, true) => Way::Unicast,
            (false, false) => Way::Broadcast,
        };
        Datagram { way, octets: message }
    }
}

fn header(giaddr: Ipv4Addr, ciaddr: Ipv4Addr, chaddr: &[u8; 6], flags: u16) -> Vec<u8> {
    let mut octets = vec![0; at::OPTIONS];
    octets[0] = 1;
    octets[at::HTYPE] = 1;
    octets[at::HLEN] = 6;
    octets[at::HOPS] = u8::from(!giaddr.is_unspecified());
    octets[at::FLAGS].copy_from_slice(&flags.to_be_bytes());
    octets[at::CIADDR].copy_from_slice(&ciaddr.octets());
    octets[at::GIADDR].copy_from_slice(&giaddr.octets());
    octets[28..34].copy_from_slice(chaddr);
    octets[at::COOKIE].copy_from_slice(&[99, 130, 83, 99]);
    octets
}

fn option(message: &mut Vec<u8>, code: u8, octets: &[u8]) {
    message.extend([code, octets.len() as u8]);
    message.extend(octets);
}
