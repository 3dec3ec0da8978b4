//! How an endpoint sends: through its UDP sockets, or through its packet socket to clients that
//! have no address yet.

use std::{
    io,
    net::{Ipv4Addr, SocketAddrV4},
    os::fd::AsFd,
};

use lessor_core::{Destination, HardwareAddress};
use nix::{
    errno::Errno,
    libc,
    sys::socket::{ControlMessage, SockaddrIn},
};
use socket2::Socket;

use super::{Attachment, Endpoint, SERVER_PORT};
use crate::{
    Outgoing, SendFailure, SendReport,
    frame::{self, Station},
    reach::{Lane, Unreachable},
    transmit::{Message, Transmission},
};

/// The port that clients receive on (RFC 2131 section 4.1).
const CLIENT_PORT: u16 = 68;

impl Endpoint {
    /// Sends `replies`, and waits at most `SEND_PATIENCE_MS` for room in the system's buffers. A
    /// reply that cannot be sent does not keep others from being sent.
    ///
    /// A reply to a hardware address that is not Ethernet is broadcast on the link. A reply that is
    /// sent by hardware address or broadcast must fit into a frame of the interface. The system
    /// rejects broadcast addresses in [`Destination::Relay`] and [`Destination::Client`] (EACCES),
    /// so a forged request cannot make the server flood a link.
    pub fn send(&mut self, replies: &[Outgoing]) -> SendReport {
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

    /// Sends through the UDP sockets. Datagrams that may have to wait for ARP use a separate
    /// socket, so that no other datagram waits for them.
    fn send_routed(
        &mut self,
        transmission: &mut Transmission,
        routed: Vec<(usize, &Outgoing, SocketAddrV4)>,
    ) {
        if routed.is_empty() {
            return;
        }
        let destinations: Vec<SocketAddrV4> = routed.iter().map(|(.., to)| *to).collect();
        let lanes = self.reach.lanes(self.links.load(), &destinations);
        let (mut open, mut doubtful) = (Vec::with_capacity(routed.len()), Vec::new());
        for (reply, lane) in routed.into_iter().zip(lanes) {
            match lane {
                Lane::Open => open.push(reply),
                Lane::Doubtful(next_hop) => doubtful.push((reply, next_hop)),
                Lane::Closed(unreachable) => {
                    self.reach.refused(&self.attachment, unreachable);
                    transmission.refused(reply.0, SendFailure::Unreachable(unreachable));
                }
            }
        }
        send_from_addresses(&self.socket, transmission, open);
        if !doubtful.is_empty() {
            self.send_doubtful(transmission, &doubtful);
        }
    }

    /// Sends to next hops that may not answer. A datagram is dropped if there is no room for it.
    fn send_doubtful(
        &mut self,
        transmission: &mut Transmission,
        doubtful: &[((usize, &Outgoing, SocketAddrV4), Unreachable)],
    ) {
        let mut impatient = Transmission::without_patience();
        let replies = doubtful.iter().map(|(reply, _)| *reply).collect();
        send_from_addresses(&self.reach.doubtful, &mut impatient, replies);
        transmission.report.sent += impatient.report.sent;
        for unsent in impatient.report.failed {
            let next_hop = doubtful.iter().find(|((position, ..), _)| *position == unsent.position);
            match next_hop.filter(|_| unsent.failure.is_for_want_of_room()) {
                Some((_, unreachable)) => {
                    self.reach.refused(&self.attachment, *unreachable);
                    transmission.refused(unsent.position, SendFailure::Unreachable(*unreachable));
                }
                None => transmission.report.failed.push(unsent),
            }
        }
    }

    /// Sends through the packet socket.
    fn send_framed(
        &mut self,
        transmission: &mut Transmission,
        framed: &[(usize, &Outgoing, Station)],
    ) {
        let Attachment::OnLink { index, packets, .. } = &self.attachment else {
            for (position, ..) in framed {
                let text = "a client without an address can be answered only on its own link, \
                            and this endpoint is for relayed messages";
                transmission.failed(*position, io::Error::new(io::ErrorKind::Unsupported, text));
            }
            return;
        };
        let link = self.links.load().get(*index);
        let Some(hardware_address) = link.and_then(|link| link.hardware_address) else {
            for (position, ..) in framed {
                transmission.failed(*position, Errno::ENODEV);
            }
            return;
        };
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

/// Sends through a UDP socket; datagrams from one server address are sent together.
fn send_from_addresses(
    socket: &Socket,
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
        transmission.transmit(socket.as_fd(), messages, &control);
    }
}

/// Returns the station of the client that is about to have `address`, or all hosts if it is not on
/// Ethernet.
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
