//! The field: the host that all datagrams come from. It owns every address that the server may
//! answer on its link, is the server's default route, and sees every frame that the server sends.

use std::{
    io::{self, Read as _},
    net::{Ipv4Addr, SocketAddrV4, UdpSocket},
    time::{Duration, Instant},
};

use lessor_e2e::Host;
use socket2::{Domain, Protocol, Socket, Type};

use super::message::{Datagram, Way, at};

/// The server's address.
pub(crate) const SERVER: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);

/// The field's own address.
pub(crate) const FIELD: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 2);

/// Addresses of the link that the field answers ARP for: all but the first four.
const OWNED: [&str; 6] = [
    "10.77.0.4/30",
    "10.77.0.8/29",
    "10.77.0.16/28",
    "10.77.0.32/27",
    "10.77.0.64/26",
    "10.77.0.128/25",
];

/// The type of Ethernet frames with IPv4.
const ETHERTYPE_IPV4: u16 = 0x0800;

/// The room for the replies to all datagrams in flight.
const CAPTURE_BUFFER_OCTETS: usize = 16 << 20;

pub(crate) struct Field {
    relay: UdpSocket,
    client: UdpSocket,
    capture: Socket,
}

/// A reply as it was seen on the wire.
pub(crate) struct SeenReply {
    pub(crate) frame_destination: [u8; 6],
    /// The length of the IP packet, in octets.
    pub(crate) packet_octets: usize,
    pub(crate) destination: SocketAddrV4,
    pub(crate) message: Vec<u8>,
}

impl Field {
    /// Makes `host` the field and opens its sockets.
    pub(crate) fn open(host: &Host) -> Self {
        host.add_address("eth0", &format!("{FIELD}/24"));
        for prefix in OWNED {
            host.ip(&["route", "add", "local", prefix, "dev", "lo"]);
        }
        host.run_here(|| {
            let bound = |address, port| {
                let socket = Socket::new(Domain::IPV4, Type::DGRAM, None)?;
                socket.bind_device(Some(b"eth0"))?;
                socket.set_broadcast(true)?;
                socket.bind(&SocketAddrV4::new(address, port).into())?;
                Ok::<UdpSocket, io::Error>(socket.into())
            };
            let protocol = Protocol::from(i32::from(ETHERTYPE_IPV4.to_be()));
            let capture = Socket::new(Domain::PACKET, Type::RAW, Some(protocol)).unwrap();
            capture.set_recv_buffer_size(CAPTURE_BUFFER_OCTETS).unwrap();
            capture.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
            let (relay, client) = (bound(FIELD, 67).unwrap(), bound(FIELD, 68).unwrap());
            Self { relay, client, capture }
        })
    }

    /// Sends a datagram in its way.
    pub(crate) fn send(&self, datagram: &Datagram) {
        let (socket, to) = match datagram.way {
            Way::Relay => (&self.relay, SERVER),
            Way::Broadcast => (&self.client, Ipv4Addr::BROADCAST),
            Way::Unicast => (&self.client, SERVER),
        };
        socket.send_to(&datagram.octets, (to, 67)).unwrap();
    }

    /// Passes replies to `is_last` until it returns true, at most for `patience`. Returns whether
    /// the last reply arrived.
    pub(crate) fn replies_until(
        &self,
        patience: Duration,
        mut is_last: impl FnMut(&SeenReply) -> bool,
    ) -> bool {
        let deadline = Instant::now() + patience;
        let mut buffer = vec![0; 65_536];
        while Instant::now() < deadline {
            // A timeout is an error, too; the deadline ends the wait.
            let Ok(length) = (&self.capture).read(&mut buffer) else { continue };
            if SeenReply::in_frame(&buffer[..length]).is_some_and(|reply| is_last(&reply)) {
                return true;
            }
        }
        false
    }
}

impl SeenReply {
    /// Parses Ethernet, IPv4 and UDP of a frame that the server sent. Returns `None` for any other
    /// frame.
    fn in_frame(frame: &[u8]) -> Option<Self> {
        let (frame_destination, rest) = frame.split_first_chunk::<6>()?;
        let packet = rest.get(6..)?.strip_prefix(&ETHERTYPE_IPV4.to_be_bytes())?;
        let header_octets = usize::from(packet.first()? & 0x0f) * 4;
        let address = |at: usize| Some(Ipv4Addr::from(*packet.get(at..)?.first_chunk::<4>()?));
        let udp = packet.get(header_octets..)?;
        let number = |at: usize| Some(u16::from_be_bytes(*udp.get(at..)?.first_chunk::<2>()?));
        let is_udp = packet.get(9) == Some(&17);
        if !is_udp || address(12)? != SERVER || number(0)? != 67 {
            return None;
        }
        Some(Self {
            frame_destination: *frame_destination,
            packet_octets: u16::from_be_bytes(*packet.get(2..)?.first_chunk::<2>()?).into(),
            destination: SocketAddrV4::new(address(16)?, number(2)?),
            message: udp.get(8..usize::from(number(4)?))?.to_owned(),
        })
    }

    /// Returns the transaction id.
    pub(crate) fn xid(&self) -> Option<u32> {
        let field = self.message.get(at::XID)?;
        Some(u32::from_be_bytes(field.try_into().ok()?))
    }
}
