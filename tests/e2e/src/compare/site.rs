//! The site: a server between a link with clients and a link to a relay, and the frames that arrive
//! on both.

use std::{
    fmt,
    net::{Ipv4Addr, SocketAddrV4},
    os::fd::{AsRawFd, OwnedFd},
    thread,
    time::{Duration, Instant},
};

use nix::{
    ifaddrs::getifaddrs,
    sys::socket::{
        AddressFamily, LinkAddr, MsgFlags, SockFlag, SockProtocol, SockType, bind, recv, send,
        socket,
    },
};

use super::packet::{Packet, frame};
use crate::{Datagram, Host, Link};

/// The server's address on the link of the clients.
pub(super) const ON_LINK: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
/// The server's address on the link to the relay.
pub(super) const TO_RELAY: Ipv4Addr = Ipv4Addr::new(10, 78, 0, 1);
/// The relay's address on the link to the server.
const RELAY: Ipv4Addr = Ipv4Addr::new(10, 78, 0, 2);
/// The relay's address on the link of its clients (giaddr).
pub(super) const GIADDR: Ipv4Addr = Ipv4Addr::new(100, 64, 0, 1);

const EVERYBODY: [u8; 6] = [0xff; 6];
/// The timeout of an answer. All servers answer within milliseconds or never.
const PATIENCE: Duration = Duration::from_millis(1_000);
/// The time within which a server processes a message.
const TAKEN_IN_WITHIN: Duration = Duration::from_millis(50);
const INTERVAL: Duration = Duration::from_millis(5);

/// The hosts and links around one server.
#[derive(Debug)]
pub(super) struct Site {
    pub(super) server: Host,
    clients: Port,
    relay: Port,
    server_hardware: [u8; 6],
    // Dropped last, because the interfaces belong to them.
    _client_host: Host,
    _relay_host: Host,
    _links: [Link; 2],
}

/// An interface, with everything that arrives on it.
#[derive(Debug)]
struct Port {
    socket: OwnedFd,
    hardware: [u8; 6],
}

/// The outcome of a message.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    /// Nothing arrives.
    Nothing,
    /// The server asks by ARP for ciaddr, which no host has, and nothing arrives.
    AsksForClientAddress,
    /// A reply arrived.
    Reply(Reply),
}

/// A reply that arrived.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    pub(super) datagram: Datagram,
    /// The link on which it arrived, and its destination.
    place: Destination,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Destination {
    Broadcast,
    ToYourAddress,
    ToClientAddress,
    ToRelay,
    /// Another destination.
    To(Ipv4Addr),
}

impl Site {
    /// Returns a site whose server has these addresses on the link of the clients.
    pub(super) fn new(on_link: &[&str]) -> Self {
        let (clients, uplink) = (Link::new(), Link::new());
        let server = clients.host("server");
        uplink.attach(&server, "eth1");
        for address in on_link {
            server.add_address("eth0", address);
        }
        server.add_address("eth1", &format!("{TO_RELAY}/24"));
        let relay_host = uplink.host("relay");
        relay_host.add_address("eth0", &format!("{RELAY}/24"));
        relay_host.add_address("lo", &format!("{GIADDR}/32"));
        server.add_route("100.64.0.0/16", &RELAY.to_string());
        let client_host = clients.host("client");
        let (clients_port, relay) = (Port::open(&client_host), Port::open(&relay_host));
        let server_hardware = hardware(&server.hardware_address("eth1"));
        Self {
            server,
            clients: clients_port,
            relay,
            server_hardware,
            _client_host: client_host,
            _relay_host: relay_host,
            _links: [clients, uplink],
        }
    }

    /// Broadcasts a message from a client on the link.
    pub(super) fn broadcast(&self, packet: &Packet) -> Answer {
        self.answer(&self.clients, &broadcast(packet), packet)
    }

    /// Broadcasts a message that is not answered from a client on the link.
    pub(super) fn tell(&self, packet: &Packet) {
        self.clients.send(&broadcast(packet));
        thread::sleep(TAKEN_IN_WITHIN);
    }

    /// Sends a message from the relay.
    pub(super) fn relay(&self, packet: &Packet) -> Answer {
        let from = SocketAddrV4::new(GIADDR, 67);
        self.towards_server(from, packet)
    }

    /// Sends a message from a client behind the relay directly to the server, from the client's
    /// address.
    pub(super) fn unicast(&self, packet: &Packet) -> Answer {
        self.towards_server(SocketAddrV4::new(packet.client_address, 68), packet)
    }

    fn towards_server(&self, from: SocketAddrV4, packet: &Packet) -> Answer {
        let to = SocketAddrV4::new(TO_RELAY, 67);
        let hardware = (self.relay.hardware, self.server_hardware);
        let sent = frame(hardware, (from, to), &packet.octets());
        self.answer(&self.relay, &sent, packet)
    }

    /// Returns the outcome of a message. If nothing arrives, the message is sent once more, as
    /// clients do, because the first one may have been lost on a busy machine.
    fn answer(&self, port: &Port, sent: &[u8], asked: &Packet) -> Answer {
        match self.answer_of_one(port, sent, asked) {
            Answer::Nothing => self.answer_of_one(port, sent, asked),
            answer => answer,
        }
    }

    fn answer_of_one(&self, port: &Port, sent: &[u8], asked: &Packet) -> Answer {
        while self.clients.take().is_some() || self.relay.take().is_some() {}
        port.send(sent);
        let until = Instant::now() + PATIENCE;
        let mut answer = Answer::Nothing;
        while Instant::now() < until {
            let found = [&self.clients, &self.relay].into_iter().find_map(|port| port.take());
            let Some(found) = found else {
                thread::sleep(INTERVAL);
                continue;
            };
            if let Some(reply) = Reply::to(asked, &found) {
                return Answer::Reply(reply);
            }
            let is_known = !asked.client_address.is_unspecified();
            if is_known && asked_by_arp(&found) == Some(asked.client_address) {
                answer = Answer::AsksForClientAddress;
            }
        }
        answer
    }
}

impl Port {
    fn open(host: &Host) -> Self {
        let link = host.run_here(|| {
            let mut interfaces = getifaddrs().expect("interfaces can be listed");
            let is_link =
                |address: &nix::sys::socket::SockaddrStorage| address.as_link_addr().copied();
            let found = interfaces.find_map(|found| {
                (found.interface_name == "eth0").then(|| is_link(found.address.as_ref()?)).flatten()
            });
            let link: LinkAddr = found.expect("the host has eth0");
            let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
            let protocol = SockProtocol::EthAll;
            let socket = socket(AddressFamily::Packet, SockType::Raw, flags, protocol)
                .expect("root may open packet sockets");
            bind(socket.as_raw_fd(), &link).expect("the interface is there");
            (socket, link.addr().expect("an Ethernet has addresses"))
        });
        let (socket, hardware) = link;
        Self { socket, hardware }
    }

    fn send(&self, frame: &[u8]) {
        let sent = send(self.socket.as_raw_fd(), frame, MsgFlags::empty());
        assert_eq!(sent, Ok(frame.len()));
    }

    /// Returns the next frame that has arrived.
    fn take(&self) -> Option<Vec<u8>> {
        let mut frame = vec![0; 2048];
        let length = recv(self.socket.as_raw_fd(), &mut frame, MsgFlags::empty()).ok()?;
        frame.truncate(length);
        Some(frame)
    }
}

impl Reply {
    /// Returns the reply to a message, if this frame is one.
    fn to(asked: &Packet, frame: &[u8]) -> Option<Self> {
        const BOOTREPLY: u8 = 2;

        let datagram = Datagram::in_frame(frame)?;
        let transaction_id = asked.transaction_id.to_be_bytes();
        let is_reply = datagram.message.first() == Some(&BOOTREPLY)
            && datagram.message.get(4..8) == Some(&transaction_id);
        if !is_reply {
            return None;
        }
        let to = *datagram.destination.ip();
        let place = match to {
            Ipv4Addr::BROADCAST => Destination::Broadcast,
            to if to == asked.client_address && !to.is_unspecified() => {
                Destination::ToClientAddress
            }
            to if to == asked.relay_address => Destination::ToRelay,
            to if to == your_address(&datagram) => Destination::ToYourAddress,
            to => Destination::To(to),
        };
        Some(Self { datagram, place })
    }

    /// Returns the type of the reply: OFFER, ACK or NAK.
    pub(super) fn kind(&self) -> &'static str {
        match self.datagram.option(53) {
            Some([2]) => "OFFER",
            Some([5]) => "ACK",
            Some([6]) => "NAK",
            _ => "something else",
        }
    }

    /// yiaddr.
    pub(super) fn your_address(&self) -> Ipv4Addr {
        your_address(&self.datagram)
    }
}

impl Answer {
    /// Returns the reply, if one arrived.
    pub(super) const fn reply(&self) -> Option<&Reply> {
        match self {
            Self::Reply(reply) => Some(reply),
            Self::Nothing | Self::AsksForClientAddress => None,
        }
    }

    /// yiaddr of the reply.
    pub(super) fn your_address(&self) -> Option<Ipv4Addr> {
        self.reply().map(Reply::your_address)
    }

    /// Returns the octets of an option of the reply.
    pub(super) fn option(&self, code: u8) -> Option<&[u8]> {
        self.reply()?.datagram.option(code)
    }

    /// Returns the type of the reply, without its destination.
    pub(super) fn kind(&self) -> &'static str {
        self.reply().map_or("nothing", Reply::kind)
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => out.write_str("nothing"),
            Self::AsksForClientAddress => out.write_str("nothing arrives (sent to ciaddr)"),
            Self::Reply(reply) => {
                let kind = reply.kind();
                match reply.place {
                    Destination::Broadcast => write!(out, "{kind} by broadcast"),
                    Destination::ToYourAddress => write!(out, "{kind} to yiaddr"),
                    Destination::ToClientAddress => write!(out, "{kind} to ciaddr"),
                    Destination::ToRelay => write!(out, "{kind} to giaddr"),
                    Destination::To(address) => write!(out, "{kind} to {address}"),
                }
            }
        }
    }
}

fn broadcast(packet: &Packet) -> Vec<u8> {
    let from = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 68);
    let to = SocketAddrV4::new(Ipv4Addr::BROADCAST, 67);
    frame((packet.hardware_address, EVERYBODY), (from, to), &packet.octets())
}

fn your_address(datagram: &Datagram) -> Ipv4Addr {
    let field = datagram.message.get(16..20).and_then(|octets| <[u8; 4]>::try_from(octets).ok());
    field.unwrap_or_default().into()
}

/// Returns the address that a frame asks for, if it is an ARP request (RFC 826).
fn asked_by_arp(frame: &[u8]) -> Option<Ipv4Addr> {
    let packet = frame.get(12..)?.strip_prefix(&[0x08, 0x06])?;
    let is_request = packet.get(6..8) == Some(&[0, 1]);
    let target = <[u8; 4]>::try_from(packet.get(24..28)?).ok()?;
    is_request.then(|| target.into())
}

fn hardware(text: &str) -> [u8; 6] {
    let octets: Vec<u8> = text.split(':').flat_map(|part| u8::from_str_radix(part, 16)).collect();
    octets.try_into().unwrap_or_else(|_| panic!("{text} is no hardware address"))
}
