//! Endpoints: a socket for relayed messages, or the sockets of one interface.

use std::{
    collections::HashMap,
    fmt, io,
    net::{Ipv4Addr, SocketAddrV4},
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    sync::Arc,
    time::Instant,
};

use lessor_core::{Arrival, Destination, HardwareAddress};
use nix::{
    errno::Errno,
    libc,
    net::if_::if_indextoname,
    sys::socket::{ControlMessage, SockaddrIn},
};
use socket2::Socket;

use super::{
    NetError, Outgoing, ReceiveBatch, SendReport,
    batch::Origin,
    frame::{self, Station},
    interface::Interface,
    losses::Losses,
    sockets::{
        RECEIVE_BUFFER_OCTETS, bind_to_device, bind_udp, packet_socket, refuse_taken, udp_socket,
    },
    transmit::{Message, Transmission},
};

/// The port that servers and relays receive on (RFC 2131 section 4.1).
const SERVER_PORT: u16 = 67;

/// The port that clients receive on (RFC 2131 section 4.1).
const CLIENT_PORT: u16 = 68;

/// What an endpoint on the link is bound to, on its interface.
const ON_LINK: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, SERVER_PORT);

/// How many names of interfaces a relayed endpoint remembers.
const NAMES_REMEMBERED_MAX: usize = 1024;

/// Where messages come in and replies go out. Belongs to one worker.
#[derive(Debug)]
pub(crate) struct Endpoint {
    socket: Socket,
    place: Place,
    losses: Losses,
    /// When nothing waited, as far as is known.
    empty_at: Instant,
}

#[derive(Debug)]
enum Place {
    Relayed {
        listen: SocketAddrV4,
        names: HashMap<u32, Arc<str>>,
    },
    OnLink {
        interface: Interface,
        /// Sends to clients without an address; receives nothing.
        packets: OwnedFd,
    },
}

impl Endpoint {
    /// An endpoint for messages that relays send to `listen`. Several may be opened on one
    /// address, one for each worker; the system spreads senders among them.
    ///
    /// # Errors
    /// If the address is none of this machine's, or is taken by another process, or the right to
    /// use the port is missing.
    pub(crate) fn relayed(listen: SocketAddrV4) -> Result<Self, NetError> {
        let socket = udp_socket()?;
        bind_udp(&socket, listen)?;
        Ok(Self::new(socket, Place::Relayed { listen, names: HashMap::new() }))
    }

    /// The endpoint for clients on the link of `interface`, and for relays that send to an address
    /// of it. One for each interface in the whole process: see [the module](super).
    ///
    /// An interface that is deleted and made again is another one, even under the same name: the
    /// endpoint then receives nothing, fails to send with ENODEV or ENXIO, and must be opened anew.
    ///
    /// # Errors
    /// If there is no such interface, or it is not Ethernet, or its port is taken by another
    /// process, or the right to use packet sockets or the port is missing.
    pub(crate) fn on_link(interface: &str) -> Result<Self, NetError> {
        let interface = Interface::read(interface)?;
        let name = &*interface.name;
        let socket = udp_socket()?;
        bind_to_device(&socket, Some(name))?;
        bind_udp(&socket, ON_LINK)?;
        let packets = packet_socket(&interface)?;
        Ok(Self::new(socket, Place::OnLink { interface, packets }))
    }

    /// Refuses what another server has already, even one of this program. To be called before any
    /// endpoint is opened: endpoints share their addresses with each other.
    ///
    /// # Errors
    /// If an address is taken, or none of this machine's; or if there is no such interface.
    pub(crate) fn refuse_taken(
        listen: &[SocketAddrV4],
        interfaces: &[String],
    ) -> Result<(), NetError> {
        for address in listen {
            refuse_taken(*address, None)?;
        }
        for name in interfaces {
            Interface::read(name)?;
            refuse_taken(ON_LINK, Some(name))?;
        }
        Ok(())
    }

    fn new(socket: Socket, place: Place) -> Self {
        let endpoint = Self { socket, place, losses: Losses::default(), empty_at: Instant::now() };
        let granted_octets = endpoint.receive_buffer_octets();
        let wanted_octets = 2 * RECEIVE_BUFFER_OCTETS;
        if granted_octets < wanted_octets {
            tracing::warn!(
                %endpoint, granted_octets, wanted_octets,
                "the receive buffer is small and may not hold a burst of requests; raise \
                 net.core.rmem_max, or give the server the capability CAP_NET_ADMIN"
            );
        }
        endpoint
    }

    /// The size of the receive buffer in octets, as the system counts it: twice
    /// [`RECEIVE_BUFFER_OCTETS`] if all was granted, less if `net.core.rmem_max` is lower and the
    /// capability CAP_NET_ADMIN is missing.
    pub(crate) fn receive_buffer_octets(&self) -> usize {
        self.socket.recv_buffer_size().unwrap_or_default()
    }

    /// How many datagrams the system dropped since this was last asked, because the receive buffer was
    /// full: the server was too slow for them. Known when the next one is received.
    pub(crate) fn take_lost_datagrams(&mut self) -> u64 {
        self.losses.take_new()
    }

    /// Receives what waits, [`BATCH_DATAGRAMS`] at most, into `batch`, whose contents are dropped
    /// before. Returns how many datagrams it holds then: none, if nothing waits.
    ///
    /// [`BATCH_DATAGRAMS`]: super::batch::BATCH_DATAGRAMS
    ///
    /// # Errors
    /// Those of `recvmmsg`; the endpoint can be used further.
    pub(crate) fn receive(&mut self, batch: &mut ReceiveBatch) -> io::Result<usize> {
        let place = &mut self.place;
        let now = Instant::now();
        let waited_max = now.saturating_duration_since(self.empty_at);
        let describe = |origin: &Origin| place.describe(origin);
        let (count, lost) = batch.fill(self.socket.as_fd(), waited_max, describe)?;
        if !batch.is_full() {
            self.empty_at = now;
        }
        if let Some(lost) = lost {
            self.losses.note(lost);
        }
        Ok(count)
    }

    /// Sends `replies`, waiting [`SEND_PATIENCE_MS`] at most for room in the system's buffers. One
    /// that cannot be sent stops no other.
    ///
    /// A reply to a hardware address that is not Ethernet goes to everybody on the link. One that
    /// goes by hardware address or to everybody must fit into a frame of the interface. Broadcast
    /// addresses in [`Destination::Relay`] and [`Destination::Client`] are refused by the system
    /// (EACCES): a forged request makes the server flood nobody.
    ///
    /// [`SEND_PATIENCE_MS`]: super::transmit::SEND_PATIENCE_MS
    pub(crate) fn send(&mut self, replies: &[Outgoing]) -> SendReport {
        let mut transmission = Transmission::new();
        let mut routed = Vec::with_capacity(replies.len());
        let mut framed = Vec::new();
        for (position, reply) in replies.iter().enumerate() {
            match reply.destination {
                Destination::Relay(to) | Destination::Client(to) => {
                    routed.push((position, reply, to));
                }
                Destination::Hardware { address, hardware_address } => {
                    framed.push((position, reply, client(address, &hardware_address)));
                }
                Destination::Broadcast => framed.push((position, reply, everybody())),
            }
        }
        self.send_routed(&mut transmission, routed);
        if !framed.is_empty() {
            self.send_framed(&mut transmission, &framed);
        }
        transmission.report
    }

    /// Sends by the UDP socket, those from one server address together.
    fn send_routed(
        &self,
        transmission: &mut Transmission,
        mut routed: Vec<(usize, &Outgoing, SocketAddrV4)>,
    ) {
        routed.sort_by_key(|(_, reply, _)| reply.server_address);
        for group in routed.chunk_by(|a, b| a.1.server_address == b.1.server_address) {
            let Some((_, first, _)) = group.first() else { continue };
            let info = libc::in_pktinfo {
                ipi_ifindex: 0,
                ipi_spec_dst: libc::in_addr {
                    s_addr: u32::from_ne_bytes(first.server_address.octets()),
                },
                ipi_addr: libc::in_addr { s_addr: 0 },
            };
            let messages = group.iter().map(|(position, reply, to)| Message {
                position: *position,
                parts: [io::IoSlice::new(&reply.packet)],
                address: Some(SockaddrIn::from(*to)),
            });
            let control = [ControlMessage::Ipv4PacketInfo(&info)];
            transmission.transmit(self.socket.as_fd(), messages, &control);
        }
    }

    /// Sends by the packet socket.
    fn send_framed(&self, transmission: &mut Transmission, framed: &[(usize, &Outgoing, Station)]) {
        let Place::OnLink { interface, packets } = &self.place else {
            for (position, ..) in framed {
                let text = "a client without an address can be answered only on its own link, \
                            and this endpoint is for relayed messages";
                transmission.failed(*position, io::Error::new(io::ErrorKind::Unsupported, text));
            }
            return;
        };
        let hardware_address = interface.hardware_address();
        let mut headed = Vec::with_capacity(framed.len());
        for (position, reply, to) in framed {
            let address = SocketAddrV4::new(reply.server_address, SERVER_PORT);
            let from = Station { hardware_address, address };
            match frame::headers(from, *to, &reply.packet) {
                Some(headers) => headed.push((*position, headers, &reply.packet)),
                None => transmission.failed(*position, Errno::EMSGSIZE),
            }
        }
        let messages = headed.iter().map(|(position, headers, packet)| Message {
            position: *position,
            parts: [io::IoSlice::new(headers), io::IoSlice::new(packet)],
            address: None::<()>,
        });
        transmission.transmit(packets.as_fd(), messages, &[]);
    }
}

impl AsFd for Endpoint {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Relayed { listen, .. } => write!(f, "{listen}"),
            Place::OnLink { interface, .. } => f.write_str(&interface.name),
        }
    }
}

impl Place {
    /// The arrival of a datagram from `origin`, and whether it should have come in elsewhere.
    fn describe(&mut self, origin: &Origin) -> (Arrival, bool) {
        // The system would answer a broadcast, directed or not, from another address.
        let unicast = origin.destination == origin.own_address;
        let mut arrival = Arrival {
            source: origin.source,
            server_address: origin.own_address,
            link_address: None,
            unicast,
            interface: None,
        };
        match self {
            Self::Relayed { names, .. } => {
                arrival.interface = interface_name(names, origin.interface_index);
                (arrival, !unicast)
            }
            Self::OnLink { interface, .. } => {
                arrival.interface = Some(interface.name.clone());
                arrival.link_address = Some(origin.own_address);
                // The system answers a broadcast from the address that its routes to the source
                // lead by, which a roaming client can make another interface's. And what is sent
                // to another interface's address need not come from a client on the link.
                if !interface.has_address(origin.own_address)
                    && let Some(primary) = interface.primary_address()
                {
                    arrival.link_address = (!unicast).then_some(primary);
                    arrival.server_address = if unicast { origin.own_address } else { primary };
                }
                (arrival, false)
            }
        }
    }
}

/// The client that is about to have `address`; everybody, if it is not on an Ethernet.
fn client(address: Ipv4Addr, hardware_address: &HardwareAddress) -> Station {
    match <[u8; 6]>::try_from(hardware_address.octets()) {
        Ok(octets) if hardware_address.kind() == HardwareAddress::ETHERNET => {
            Station { hardware_address: octets, address: SocketAddrV4::new(address, CLIENT_PORT) }
        }
        _ => everybody(),
    }
}

fn everybody() -> Station {
    Station {
        hardware_address: frame::BROADCAST,
        address: SocketAddrV4::new(Ipv4Addr::BROADCAST, CLIENT_PORT),
    }
}

/// The name of the interface with `index`, from memory if it was asked for before.
fn interface_name(names: &mut HashMap<u32, Arc<str>>, index: u32) -> Option<Arc<str>> {
    if let Some(name) = names.get(&index) {
        return Some(name.clone());
    }
    let found = if_indextoname(index).ok()?;
    // An interface that is gone has an empty name rather than an error.
    let name: Arc<str> = found.to_str().ok().filter(|name| !name.is_empty())?.into();
    if names.len() >= NAMES_REMEMBERED_MAX {
        names.clear();
    }
    names.insert(index, name.clone());
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_interfaces_are_remembered_up_to_a_limit() {
        let mut names: HashMap<u32, Arc<str>> = (1 << 20..)
            .take(NAMES_REMEMBERED_MAX)
            .map(|index| (index, Arc::from("gone")))
            .collect();
        let loopback = nix::net::if_::if_nametoindex("lo").unwrap();
        assert_eq!(interface_name(&mut names, loopback).as_deref(), Some("lo"));
        assert_eq!(names.len(), 1);
        names.insert(loopback, Arc::from("remembered"));
        assert_eq!(interface_name(&mut names, loopback).as_deref(), Some("remembered"));
    }

    #[test]
    fn an_interface_that_is_gone_has_no_name() {
        let mut names = HashMap::new();
        assert_eq!(interface_name(&mut names, 1 << 30), None);
        assert!(names.is_empty());
    }
}
