//! Opens sockets, and explains every option that they have.
//!
//! Does not receive or send. Invariant: no socket of this server shares a port with another server.

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

/// The receive buffer that an endpoint requests: room for the requests of several thousand clients
/// that start at once. The system doubles it for its own bookkeeping.
pub(super) const RECEIVE_BUFFER_OCTETS: usize = 8 << 20;

/// The type of the Ethernet frames that carry ARP (RFC 826).
pub(super) const ETHERTYPE_ARP: u16 = 0x0806;

/// The number of loopback addresses that are tried for a socket that only sends.
const SENDING_ADDRESSES: u8 = 4;

/// Returns whether the limits of this machine allow the buffers that sockets request. Otherwise
/// they need the capability CAP_NET_ADMIN.
#[allow(clippy::disallowed_methods, reason = "the kernel's own files")]
pub fn buffers_are_allowed(send_buffer_octets: usize) -> bool {
    let limit = |name: &str| {
        let text = std::fs::read_to_string(format!("/proc/sys/net/core/{name}")).ok()?;
        text.trim().parse::<usize>().ok()
    };
    limit("rmem_max").is_some_and(|octets| octets >= RECEIVE_BUFFER_OCTETS)
        && limit("wmem_max").is_some_and(|octets| octets >= send_buffer_octets)
}

/// Opens a UDP socket with all options that are set before it is bound.
///
/// It shares its port only with sockets of the same user that also set SO_REUSEPORT, which are
/// those of this server. With SO_REUSEADDR another DHCP server could take the port as well, and
/// each would receive half of the messages; without it, one of them fails at its start.
/// SO_BROADCAST is needed only to send broadcasts, and this socket sends none.
pub(super) fn udp_socket(send_buffer_octets: usize) -> Result<Socket, NetError> {
    let kind = Type::DGRAM.nonblocking().cloexec();
    let socket = Socket::new(Domain::IPV4, kind, Some(Protocol::UDP))
        .map_err(|error| NetError::system("open a UDP socket", error))?;
    socket
        .set_reuse_port(true)
        .and_then(|()| Ok(setsockopt(&socket, sockopt::Ipv4PacketInfo, &true)?))
        .and_then(|()| Ok(setsockopt(&socket, sockopt::RxqOvfl, &1)?))
        // An address may appear and disappear; the socket stays open and receives while the address
        // exists.
        .and_then(|()| socket.set_freebind_v4(true))
        .and_then(|()| Ok(setsockopt(&socket, sockopt::ReceiveTimestampns, &true)?))
        .map_err(|error| NetError::system("set the options of a UDP socket", error))?;
    // The first call needs CAP_NET_ADMIN; the second is limited silently by the system.
    if setsockopt(&socket, sockopt::RcvBufForce, &RECEIVE_BUFFER_OCTETS).is_err() {
        let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER_OCTETS);
    }
    ask_for_send_buffer(&socket, send_buffer_octets);
    Ok(socket)
}

/// Opens a UDP socket that sends from `port`, from the address that each datagram names. It
/// receives nothing, because it is bound to a loopback address that nobody sends to; this server
/// refuses to ([`is_sending_address`]). `prepare` is called before it is bound.
pub(super) fn sending_socket(
    port: u16,
    send_buffer_octets: usize,
    prepare: impl Fn(&Socket) -> Result<(), NetError>,
) -> Result<Socket, NetError> {
    let kind = Type::DGRAM.nonblocking().cloexec();
    let mut refused = None;
    // Servers of other users on this host may use the first addresses.
    for address in sending_addresses() {
        let socket = Socket::new(Domain::IPV4, kind, Some(Protocol::UDP))
            .map_err(|error| NetError::system("open a UDP socket", error))?;
        socket
            .set_reuse_port(true)
            .and_then(|()| socket.set_freebind_v4(true))
            .map_err(|error| NetError::system("set the options of a UDP socket", error))?;
        ask_for_send_buffer(&socket, send_buffer_octets);
        prepare(&socket)?;
        match bind_udp(&socket, SocketAddrV4::new(address, port)) {
            Ok(()) => return Ok(socket),
            Err(error) => refused = Some(error),
        }
    }
    let failed = || NetError::system("bind a socket for replies", Errno::EADDRINUSE);
    Err(refused.unwrap_or_else(failed))
}

/// Returns whether a socket of this server that only sends may have this address.
pub(super) fn is_sending_address(address: Ipv4Addr) -> bool {
    // Most addresses are spared the system call.
    address.is_loopback() && sending_addresses().any(|sending| sending == address)
}

fn sending_addresses() -> impl Iterator<Item = Ipv4Addr> {
    let [.., high, low] = std::process::id().to_be_bytes();
    (0..SENDING_ADDRESSES).map(move |attempt| Ipv4Addr::new(127, 67 + attempt, high, low))
}

fn ask_for_send_buffer(socket: &impl AsFd, octets: usize) {
    if setsockopt(socket, sockopt::SndBufForce, &octets).is_err() {
        let _ = setsockopt(socket, sockopt::SndBuf, &octets);
    }
}

/// Rejects an address, or the port on an interface, that is already taken. This server's own
/// sockets count, so it must be called before the first of them is bound to the address. Without
/// this check the sockets would share the port with those of a second server of the same user, and
/// each would receive a part of the messages.
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

/// Binds the socket to an address and port.
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

/// Opens a packet socket that sends through the interface `name`, which has this index. It receives
/// nothing, because it has no protocol.
pub(super) fn packet_socket(
    name: &str,
    index: u32,
    send_buffer_octets: usize,
) -> Result<OwnedFd, NetError> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let packets = socket(AddressFamily::Packet, SockType::Raw, flags, None)
        .map_err(|error| NetError::system("open a packet socket", error))?;
    ask_for_send_buffer(&packets, send_buffer_octets);
    bind_to_link(&packets, name, index)?;
    Ok(packets)
}

/// Opens a packet socket that sends and receives the ARP messages of the interface `name`, which
/// has this index.
pub(super) fn arp_socket(name: &str, index: u32) -> Result<OwnedFd, NetError> {
    let kind = Type::RAW.nonblocking().cloexec();
    // As the system expects it, in network byte order.
    let protocol = Protocol::from(i32::from(ETHERTYPE_ARP.to_be()));
    let packets = Socket::new(Domain::PACKET, kind, Some(protocol))
        .map_err(|error| NetError::system("open a packet socket for ARP", error))?;
    bind_to_link(&packets, name, index)?;
    Ok(packets.into())
}

/// Opens a socket for ICMP echo. Without the right to open a raw one, the kernel may allow one that
/// sends nothing else (`net.ipv4.ping_group_range`).
pub(super) fn echo_socket() -> Result<(Socket, EchoKind), NetError> {
    let open = |kind: Type| {
        Socket::new(Domain::IPV4, kind.nonblocking().cloexec(), Some(Protocol::ICMPV4))
    };
    if let Ok(socket) = open(Type::RAW) {
        return Ok((socket, EchoKind::Raw));
    }
    let socket = open(Type::DGRAM);
    let socket = socket.map_err(|error| NetError::system("open a socket for ICMP", error))?;
    Ok((socket, EchoKind::EchoOnly))
}

/// What an ICMP socket receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EchoKind {
    /// All ICMP messages of the host, each after its IPv4 header.
    Raw,
    /// The answers to its own echo requests, without an IPv4 header.
    EchoOnly,
}

/// Binds a packet socket to the interface `name`, and keeps its protocol.
fn bind_to_link(packets: &impl AsRawFd, name: &str, index: u32) -> Result<(), NetError> {
    // Only the system can create such an address.
    let mut entries =
        getifaddrs().map_err(|error| NetError::system("list the interfaces", error))?;
    let link = entries.find_map(|entry| {
        let address = *entry.address?.as_link_addr()?;
        (address.ifindex() == index as usize).then_some(address)
    });
    link.map_or(Err(Errno::ENODEV), |link| bind(packets.as_raw_fd(), &link))
        .map_err(|error| NetError::system(format!("bind a packet socket to {name}"), error))
}
