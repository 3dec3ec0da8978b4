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

use etherparse::{NetSlice, SlicedPacket};
use lessor_load::Reply as Message;

use super::packet::{Packet, frame};
use crate::{Datagram, Host, Link};

/// The server's address on the link of the clients.
pub const ON_LINK: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
/// The server's address on the link to the relay.
pub const TO_RELAY: Ipv4Addr = Ipv4Addr::new(10, 78, 0, 1);
/// The relay's address on the link to the server.
pub const RELAY: Ipv4Addr = Ipv4Addr::new(10, 78, 0, 2);
/// The relay's address on the link of its clients (giaddr).
pub const GIADDR: Ipv4Addr = Ipv4Addr::new(100, 64, 0, 1);

/// Its address on the link of its other clients.
pub const SECOND_GIADDR: Ipv4Addr = Ipv4Addr::new(100, 64, 1, 1);

const EVERYBODY: [u8; 6] = [0xff; 6];
/// The timeout of an answer. All servers answer within milliseconds or never.
const PATIENCE: Duration = Duration::from_millis(1_000);
/// The time within which a server processes a message.
const TAKEN_IN_WITHIN: Duration = Duration::from_millis(50);
const INTERVAL: Duration = Duration::from_millis(5);

/// The hosts and links around one server.
#[derive(Debug)]
pub struct Site {
    /// The host of the server, with `eth0` on the link of the clients and `eth1` towards the relay.
    pub server: Host,
    clients: Port,
    relay: Port,
    /// The hardware addresses of the server, on both links.
    on_link_hardware: [u8; 6],
    server_hardware: [u8; 6],
    patience: Duration,
    // Dropped last, because the interfaces belong to them.
    client_host: Host,
    relay_host: Host,
    links: [Link; 2],
}

/// An interface, with everything that arrives on it.
#[derive(Debug)]
struct Port {
    socket: OwnedFd,
    hardware: [u8; 6],
}

/// The outcome of a message.
#[derive(Clone, Debug)]
pub enum Answer {
    /// Nothing arrives.
    Nothing,
    /// The server asks by ARP for ciaddr, which no host has, and nothing arrives.
    AsksForClientAddress,
    /// A reply arrived in fragments, because it is longer than the MTU of the link.
    InFragments,
    /// A reply arrived.
    Reply(Reply),
}

/// A reply that arrived.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The datagram as it arrived.
    pub datagram: Datagram,
    /// Where it was sent.
    pub place: Place,
}

/// The destination of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Place {
    Broadcast,
    ToYourAddress,
    ToClientAddress,
    ToRelay,
    /// Another destination.
    To(Ipv4Addr),
}

impl Site {
    /// Returns a site whose server has these addresses on the link of the clients.
    pub fn new(on_link: &[&str]) -> Self {
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
        relay_host.add_address("lo", &format!("{SECOND_GIADDR}/32"));
        server.add_route("100.64.0.0/16", &RELAY.to_string());
        let client_host = clients.host("client");
        let (clients_port, relay) = (Port::open(&client_host), Port::open(&relay_host));
        let on_link_hardware = hardware(&server.hardware_address("eth0"));
        let server_hardware = hardware(&server.hardware_address("eth1"));
        Self {
            server,
            clients: clients_port,
            relay,
            on_link_hardware,
            server_hardware,
            patience: PATIENCE,
            client_host,
            relay_host,
            links: [clients, uplink],
        }
    }

    /// Broadcasts a message from a client on the link.
    pub fn broadcast(&self, packet: &Packet) -> Answer {
        self.answer(&self.clients, &broadcast(packet), packet)
    }

    /// Broadcasts a message that is not answered from a client on the link.
    pub fn tell(&self, packet: &Packet) {
        self.clients.send(&broadcast(packet));
        thread::sleep(TAKEN_IN_WITHIN);
    }

    /// Sends a message that is not answered from a client behind the relay directly to the server.
    pub fn tell_directly(&self, packet: &Packet) {
        let from = SocketAddrV4::new(packet.client_address, 68);
        self.relay.send(&self.towards_server(from, packet));
        thread::sleep(TAKEN_IN_WITHIN);
    }

    /// Gives an address to the host of the clients, which then answers ARP and ICMP echo.
    pub fn client_host_uses(&self, address: Ipv4Addr) {
        self.client_host.add_address("eth0", &format!("{address}/24"));
    }

    /// Gives a further address to the relay, on the link of its clients.
    pub fn relay_has(&self, address: Ipv4Addr) {
        self.relay_host.add_address("lo", &format!("{address}/32"));
    }

    /// Deletes the server's interface on the link of the clients, and makes it again.
    pub fn server_gets_its_interface_again(&self, address: &str) {
        let [clients, _] = &self.links;
        self.server.ip(&["link", "delete", "dev", "eth0"]);
        clients.attach(&self.server, "eth0");
        self.server.add_address("eth0", address);
    }

    /// Sets the MTU of the server's interface on the link to the relay.
    pub fn link_to_relay_carries(&self, octets: u16) {
        self.server.ip(&["link", "set", "dev", "eth1", "mtu", &octets.to_string()]);
    }

    /// Sets how long to wait for an answer.
    pub fn be_patient(&mut self, patience: Duration) {
        self.patience = patience;
    }

    /// Sends a message from the relay.
    pub fn relay(&self, packet: &Packet) -> Answer {
        self.relay_from(SocketAddrV4::new(GIADDR, 67), packet)
    }

    /// Sends a message from the relay, from this address and port.
    pub fn relay_from(&self, from: SocketAddrV4, packet: &Packet) -> Answer {
        self.answer(&self.relay, &self.towards_server(from, packet), packet)
    }

    /// Sends a message from a client behind the relay directly to the server, from the client's
    /// address.
    pub fn unicast(&self, packet: &Packet) -> Answer {
        self.relay_from(SocketAddrV4::new(packet.client_address, 68), packet)
    }

    /// Sends a message from a client on the link directly to the server, from the client's address.
    pub fn unicast_on_link(&self, packet: &Packet) -> Answer {
        let from = SocketAddrV4::new(packet.client_address, 68);
        let to = SocketAddrV4::new(ON_LINK, 67);
        let hardware = (self.clients.hardware, self.on_link_hardware);
        self.answer(&self.clients, &frame(hardware, (from, to), &packet.octets()), packet)
    }

    fn towards_server(&self, from: SocketAddrV4, packet: &Packet) -> Vec<u8> {
        let to = SocketAddrV4::new(TO_RELAY, 67);
        frame((self.relay.hardware, self.server_hardware), (from, to), &packet.octets())
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
        let until = Instant::now() + self.patience;
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
            if is_first_fragment(&found) {
                answer = Answer::InFragments;
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
            Ipv4Addr::BROADCAST => Place::Broadcast,
            to if to == asked.client_address && !to.is_unspecified() => Place::ToClientAddress,
            to if to == asked.relay_address => Place::ToRelay,
            to if to == your_address(&datagram) => Place::ToYourAddress,
            to => Place::To(to),
        };
        Some(Self { datagram, place })
    }

    /// Returns the type of the reply: OFFER, ACK or NAK.
    pub fn kind(&self) -> &'static str {
        match self.datagram.option(53) {
            Some([2]) => "OFFER",
            Some([5]) => "ACK",
            Some([6]) => "NAK",
            _ => "something else",
        }
    }

    /// yiaddr.
    pub fn your_address(&self) -> Ipv4Addr {
        your_address(&self.datagram)
    }

    /// Returns the message, read with the code of the load generator.
    ///
    /// # Panics
    /// Panics if it is malformed.
    #[track_caller]
    pub fn message(&self) -> Message {
        let read = Message::read(&self.datagram.message);
        read.unwrap_or_else(|error| panic!("the reply is malformed: {error}"))
    }
}

impl Answer {
    /// Returns the reply, if one arrived.
    pub const fn reply(&self) -> Option<&Reply> {
        match self {
            Self::Reply(reply) => Some(reply),
            Self::Nothing | Self::AsksForClientAddress | Self::InFragments => None,
        }
    }

    /// yiaddr of the reply.
    pub fn your_address(&self) -> Option<Ipv4Addr> {
        self.reply().map(Reply::your_address)
    }

    /// Returns the octets of an option of the reply.
    pub fn option(&self, code: u8) -> Option<&[u8]> {
        self.reply()?.datagram.option(code)
    }

    /// Returns the type of the reply, without its destination.
    pub fn kind(&self) -> &'static str {
        self.reply().map_or("nothing", Reply::kind)
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => out.write_str("nothing"),
            Self::InFragments => out.write_str("a reply in fragments"),
            Self::AsksForClientAddress => out.write_str("nothing arrives (sent to ciaddr)"),
            Self::Reply(reply) => {
                let kind = reply.kind();
                match reply.place {
                    Place::Broadcast => write!(out, "{kind} by broadcast"),
                    Place::ToYourAddress => write!(out, "{kind} to yiaddr"),
                    Place::ToClientAddress => write!(out, "{kind} to ciaddr"),
                    Place::ToRelay => write!(out, "{kind} to giaddr"),
                    Place::To(address) => write!(out, "{kind} to {address}"),
                }
            }
        }
    }
}

/// Returns whether a frame is the first fragment of a datagram from the port of servers.
fn is_first_fragment(frame: &[u8]) -> bool {
    let packet = SlicedPacket::from_ethernet(frame).ok();
    let Some(NetSlice::Ipv4(packet)) = packet.and_then(|packet| packet.net) else { return false };
    let header = packet.header();
    let is_first = header.more_fragments() && header.fragments_offset().value() == 0;
    is_first && packet.payload().payload.starts_with(&67_u16.to_be_bytes())
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
