//! Opens sockets: every option that they have, and why.
//!
//! Not here: what is received or sent. Invariant: no socket of this server shares a port with
//! another server.

use std::{
    net::{Ipv4Addr, SocketAddrV4},
    os::fd::{AsFd, AsRawFd, OwnedFd},
};

use nix::{
    errno::Errno,
    ifaddrs::getifaddrs,
    sys::socket::{AddressFamily, SockFlag, SockType, bind, setsockopt, socket, sockopt},
};
use socket2::{Domain, Protocol, Socket, Type};

use super::NetError;

/// The receive buffer that an endpoint asks for: room for the requests of several thousand
/// clients that start at once. The system doubles it for its own bookkeeping.
pub(super) const RECEIVE_BUFFER_OCTETS: usize = 8 << 20;

/// How many loopback addresses are tried for a socket that only sends.
const SENDING_ADDRESSES: u8 = 4;

/// Whether the limits of this machine allow the buffers that sockets request. Otherwise that takes
/// the capability CAP_NET_ADMIN.
#[allow(clippy::disallowed_methods, reason = "the kernel's own files")]
pub(crate) fn buffers_are_allowed(send_buffer_octets: usize) -> bool {
    let limit = |name: &str| {
        let text = std::fs::read_to_string(format!("/proc/sys/net/core/{name}")).ok()?;
        text.trim().parse::<usize>().ok()
    };
    limit("rmem_max").is_some_and(|octets| octets >= RECEIVE_BUFFER_OCTETS)
        && limit("wmem_max").is_some_and(|octets| octets >= send_buffer_octets)
}

/// A UDP socket with all options that are set before it is bound.
///
/// It shares its port only with sockets of the same user that want it so (SO_REUSEPORT), which are
/// this server's own. With SO_REUSEADDR another DHCP server could take the port as well, and both
/// would see half of the messages; without it, one of them says so at its start. SO_BROADCAST is
/// needed to send broadcasts only, and this socket sends none.
pub(super) fn udp_socket(send_buffer_octets: usize) -> Result<Socket, NetError> {
    let kind = Type::DGRAM.nonblocking().cloexec();
    let socket = Socket::new(Domain::IPV4, kind, Some(Protocol::UDP))
        .map_err(|error| NetError::system("open a UDP socket", error))?;
    socket
        .set_reuse_port(true)
        .and_then(|()| Ok(setsockopt(&socket, sockopt::Ipv4PacketInfo, &true)?))
        .and_then(|()| Ok(setsockopt(&socket, sockopt::RxqOvfl, &1)?))
        // An address may come and go; the socket stays and receives while the address exists.
        .and_then(|()| socket.set_freebind_v4(true))
        .and_then(|()| Ok(setsockopt(&socket, sockopt::ReceiveTimestampns, &true)?))
        .map_err(|error| NetError::system("set the options of a UDP socket", error))?;
    // As much as the system grants: the first needs CAP_NET_ADMIN, the second is cut silently.
    if setsockopt(&socket, sockopt::RcvBufForce, &RECEIVE_BUFFER_OCTETS).is_err() {
        let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER_OCTETS);
    }
    ask_for_send_buffer(&socket, send_buffer_octets);
    Ok(socket)
}

/// A UDP socket that sends from `port`, from the address that each datagram names, and receives
/// nothing: it is bound to a loopback address that nobody sends to. `prepare` is called before it
/// is bound.
pub(super) fn sending_socket(
    port: u16,
    send_buffer_octets: usize,
    prepare: impl Fn(&Socket) -> Result<(), NetError>,
) -> Result<Socket, NetError> {
    let kind = Type::DGRAM.nonblocking().cloexec();
    let [.., high, low] = std::process::id().to_be_bytes();
    let mut refused = None;
    // Servers of other users on this host may use the first ones.
    for attempt in 0..SENDING_ADDRESSES {
        let socket = Socket::new(Domain::IPV4, kind, Some(Protocol::UDP))
            .map_err(|error| NetError::system("open a UDP socket", error))?;
        socket
            .set_reuse_port(true)
            .and_then(|()| socket.set_freebind_v4(true))
            .map_err(|error| NetError::system("set the options of a UDP socket", error))?;
        ask_for_send_buffer(&socket, send_buffer_octets);
        prepare(&socket)?;
        let address = Ipv4Addr::new(127, 67 + attempt, high, low);
        match bind_udp(&socket, SocketAddrV4::new(address, port)) {
            Ok(()) => return Ok(socket),
            Err(error) => refused = Some(error),
        }
    }
    let failed = || NetError::system("bind a socket for replies", Errno::EADDRINUSE);
    Err(refused.unwrap_or_else(failed))
}

fn ask_for_send_buffer(socket: &impl AsFd, octets: usize) {
    if setsockopt(socket, sockopt::SndBufForce, &octets).is_err() {
        let _ = setsockopt(socket, sockopt::SndBuf, &octets);
    }
}

/// Refuses an address, or the port on an interface, that is taken already: by this server too, so
/// ask before the first socket is bound to it. For the sockets that it then opens would share the
/// port with those of a second server of the same user, and each would see a part of the messages.
pub(super) fn refuse_taken(address: SocketAddrV4, interface: Option<&str>) -> Result<(), NetError> {
    let kind = Type::DGRAM.cloexec();
    let probe = Socket::new(Domain::IPV4, kind, Some(Protocol::UDP))
        .map_err(|error| NetError::system("open a UDP socket", error))?;
    probe
        .set_freebind_v4(true)
        .map_err(|error| NetError::system("set the options of a UDP socket", error))?;
    bind_to_device(&probe, interface)?;
    let taken = probe.bind(&address.into());
    let place = interface.map_or_else(String::new, |name| format!(" on {name}"));
    taken.map_err(|error| NetError::system(format!("bind a UDP socket to {address}{place}"), error))
}

/// Takes the port.
pub(super) fn bind_udp(socket: &Socket, address: SocketAddrV4) -> Result<(), NetError> {
    socket
        .bind(&address.into())
        .map_err(|error| NetError::system(format!("bind a UDP socket to {address}"), error))
}

/// Restricts the socket to one interface, if there is a name.
pub(super) fn bind_to_device(socket: &Socket, interface: Option<&str>) -> Result<(), NetError> {
    let Some(name) = interface else { return Ok(()) };
    socket
        .bind_device(Some(name.as_bytes()))
        .map_err(|error| NetError::system(format!("bind a socket to {name}"), error))
}

/// A packet socket that sends through the interface `name`, which has this index. Without a protocol
/// it receives nothing.
pub(super) fn packet_socket(
    name: &str,
    index: u32,
    send_buffer_octets: usize,
) -> Result<OwnedFd, NetError> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let packets = socket(AddressFamily::Packet, SockType::Raw, flags, None)
        .map_err(|error| NetError::system("open a packet socket", error))?;
    ask_for_send_buffer(&packets, send_buffer_octets);
    // Only the system can make such an address.
    let mut entries =
        getifaddrs().map_err(|error| NetError::system("list the interfaces", error))?;
    let link = entries.find_map(|entry| {
        let address = *entry.address?.as_link_addr()?;
        (address.ifindex() == index as usize).then_some(address)
    });
    link.map_or(Err(Errno::ENODEV), |link| bind(packets.as_raw_fd(), &link))
        .map_err(|error| NetError::system(format!("bind a packet socket to {name}"), error))?;
    Ok(packets)
}
