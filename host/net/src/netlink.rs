//! Queries the kernel about links, addresses, neighbours and routes, and receives its notifications
//! of changes (rtnetlink).
//!
//! Does not interpret the answers; see [`super::links`], [`super::neighbours`] and
//! [`super::routes`]. Invariant: no query waits forever, and a message that cannot be read is
//! skipped.

use std::{
    io,
    net::Ipv4Addr,
    os::fd::{AsFd, BorrowedFd},
};

use netlink_packet_core::{
    NLM_F_DUMP, NLM_F_REQUEST, NetlinkBuffer, NetlinkHeader, NetlinkMessage, NetlinkPayload,
};
use netlink_packet_route::{
    AddressFamily, RouteNetlinkMessage,
    address::AddressMessage,
    link::LinkMessage,
    neighbour::NeighbourMessage,
    route::{RouteAddress, RouteAttribute, RouteMessage},
};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};
use nix::{
    libc,
    sys::{
        socket::{setsockopt, sockopt},
        time::{TimeVal, TimeValLike},
    },
};

use super::NetError;

/// A kind of changes that the kernel can notify of.
#[derive(Clone, Copy, Debug)]
pub(super) enum Group {
    Links = libc::RTNLGRP_LINK as isize,
    Addresses = libc::RTNLGRP_IPV4_IFADDR as isize,
    Neighbours = libc::RTNLGRP_NEIGH as isize,
    Routes = libc::RTNLGRP_IPV4_ROUTE as isize,
    Rules = libc::RTNLGRP_IPV4_RULE as isize,
}

/// A netlink socket.
pub(super) struct Netlink {
    socket: Socket,
    buffer: Vec<u8>,
}

/// How long to wait for an answer.
const PATIENCE_SECS: i64 = 2;

/// The largest datagram that the kernel sends.
const BUFFER_OCTETS: usize = 64 << 10;

/// The size of the buffer for notifications that arrive while the reader is busy.
const NOTIFICATIONS_OCTETS: usize = 1 << 20;

/// The number of routes that one datagram asks for: the answers must fit into the socket's buffer.
pub(super) const ROUTES_AT_ONCE_MAX: usize = 64;

impl Netlink {
    /// Opens a socket for queries.
    ///
    /// # Errors
    /// If the system provides none, for example because AF_NETLINK is forbidden.
    pub(super) fn open() -> Result<Self, NetError> {
        let open = || -> io::Result<Self> {
            let mut socket = Socket::new(NETLINK_ROUTE)?;
            socket.bind_auto()?;
            socket.connect(&SocketAddr::new(0, 0))?;
            // The kernel answers before `send` returns; the timeout covers anything unexpected.
            let patience = TimeVal::seconds(PATIENCE_SECS);
            setsockopt(&socket, sockopt::ReceiveTimeout, &patience)?;
            Ok(Self { socket, buffer: Vec::with_capacity(BUFFER_OCTETS) })
        };
        open().map_err(|error| NetError::system("open a netlink socket", error))
    }

    /// Opens a socket that receives the notifications of some groups, and does not wait for them.
    ///
    /// # Errors
    /// As [`Netlink::open`].
    pub(super) fn subscribe(groups: &[Group]) -> Result<Self, NetError> {
        let netlink = Self::open()?;
        let prepare = || -> io::Result<()> {
            // The system may grant a smaller buffer.
            let _ = netlink.socket.set_rx_buf_sz(NOTIFICATIONS_OCTETS as libc::c_int);
            netlink.socket.set_non_blocking(true)?;
            groups.iter().try_for_each(|group| netlink.socket.add_membership(*group as u32))
        };
        match prepare() {
            Ok(()) => Ok(netlink),
            Err(error) => Err(NetError::system("subscribe to changes of interfaces", error)),
        }
    }

    /// Returns every link and every IPv4 address.
    ///
    /// # Errors
    /// Those of the socket.
    pub(super) fn links(&mut self) -> io::Result<(Vec<LinkMessage>, Vec<AddressMessage>)> {
        let mut links = Vec::new();
        self.dump(RouteNetlinkMessage::GetLink(LinkMessage::default()), |found| {
            if let RouteNetlinkMessage::NewLink(link) = found {
                links.push(link);
            }
        })?;
        let mut question = AddressMessage::default();
        question.header.family = AddressFamily::Inet;
        let mut addresses = Vec::new();
        self.dump(RouteNetlinkMessage::GetAddress(question), |found| {
            if let RouteNetlinkMessage::NewAddress(address) = found {
                addresses.push(address);
            }
        })?;
        Ok((links, addresses))
    }

    /// Returns every IPv4 neighbour.
    ///
    /// # Errors
    /// Those of the socket.
    pub(super) fn neighbours(&mut self) -> io::Result<Vec<NeighbourMessage>> {
        let mut question = NeighbourMessage::default();
        question.header.family = AddressFamily::Inet;
        let mut neighbours = Vec::new();
        self.dump(RouteNetlinkMessage::GetNeighbour(question), |found| {
            if let RouteNetlinkMessage::NewNeighbour(neighbour) = found {
                neighbours.push(neighbour);
            }
        })?;
        Ok(neighbours)
    }

    /// Returns the routes to `addresses`, of which there may be [`ROUTES_AT_ONCE_MAX`]. With
    /// `through`, only routes through the interface with that index count. An address without a
    /// route has `None`.
    ///
    /// # Errors
    /// Those of the socket.
    pub(super) fn routes(
        &mut self,
        addresses: &[Ipv4Addr],
        through: Option<u32>,
    ) -> io::Result<Vec<Option<RouteMessage>>> {
        let mut routes = vec![None; addresses.len()];
        let mut questions = Vec::new();
        for (number, address) in (1..).zip(addresses) {
            let mut question = RouteMessage::default();
            question.header.address_family = AddressFamily::Inet;
            question.header.destination_prefix_length = 32;
            question.attributes.push(RouteAttribute::Destination(RouteAddress::Inet(*address)));
            question.attributes.extend(through.map(RouteAttribute::Oif));
            let question = RouteNetlinkMessage::GetRoute(question);
            append(&mut questions, question, NLM_F_REQUEST, number);
        }
        if questions.is_empty() {
            return Ok(routes);
        }
        self.socket.send(&questions, 0)?;
        let mut left = addresses.len();
        while left > 0 {
            self.receive(0, |header, payload| {
                let slot = (header.sequence_number as usize).checked_sub(1);
                let Some(slot) = slot.and_then(|slot| routes.get_mut(slot)) else { return };
                left = left.saturating_sub(1);
                if let NetlinkPayload::InnerMessage(RouteNetlinkMessage::NewRoute(route)) = payload
                {
                    *slot = Some(route);
                }
            })?;
        }
        Ok(routes)
    }

    /// Reads the notifications that wait. Returns `false` if the kernel had to drop some.
    ///
    /// # Errors
    /// Those of the socket; it is not an error if nothing waits.
    pub(super) fn notifications(
        &mut self,
        mut take: impl FnMut(RouteNetlinkMessage),
    ) -> io::Result<bool> {
        let mut is_complete = true;
        loop {
            let received = self.receive(0, |_, payload| {
                if let NetlinkPayload::InnerMessage(found) = payload {
                    take(found);
                }
            });
            match received {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(is_complete),
                Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => is_complete = false,
                Err(error) => return Err(error),
            }
        }
    }

    fn dump(
        &mut self,
        question: RouteNetlinkMessage,
        mut take: impl FnMut(RouteNetlinkMessage),
    ) -> io::Result<()> {
        let mut octets = Vec::new();
        append(&mut octets, question, NLM_F_REQUEST | NLM_F_DUMP, 1);
        self.socket.send(&octets, 0)?;
        let mut outcome = None;
        while outcome.is_none() {
            self.receive(0, |_, payload| match payload {
                NetlinkPayload::InnerMessage(found) => take(found),
                NetlinkPayload::Done(_) => outcome = Some(Ok(())),
                NetlinkPayload::Error(error) => outcome = Some(Err(error.to_io())),
                _ => {}
            })?;
        }
        outcome.unwrap_or(Ok(()))
    }

    /// Receives one datagram, and passes on each message in it. A message that cannot be read is
    /// skipped, because a newer kernel may send messages that this program does not know.
    fn receive(
        &mut self,
        flags: libc::c_int,
        mut take: impl FnMut(&NetlinkHeader, NetlinkPayload<RouteNetlinkMessage>),
    ) -> io::Result<()> {
        self.buffer.clear();
        loop {
            match self.socket.recv(&mut self.buffer, flags) {
                Ok(_) => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        let mut rest = self.buffer.as_slice();
        while let Ok(message) = NetlinkBuffer::new_checked(rest) {
            let length = message.length() as usize;
            match NetlinkMessage::<RouteNetlinkMessage>::deserialize(rest) {
                Ok(message) => take(&message.header, message.payload),
                Err(error) => tracing::debug!(%error, "a message of the kernel cannot be read"),
            }
            // Messages are aligned to four octets.
            rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        }
        Ok(())
    }
}

impl AsFd for Netlink {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl std::fmt::Debug for Netlink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Netlink")
    }
}

fn append(octets: &mut Vec<u8>, question: RouteNetlinkMessage, flags: u16, number: u32) {
    let mut header = NetlinkHeader::default();
    header.flags = flags;
    header.sequence_number = number;
    let mut message = NetlinkMessage::new(header, NetlinkPayload::from(question));
    message.finalize();
    let start = octets.len();
    octets.resize(start + message.buffer_len().next_multiple_of(4), 0);
    if let Some(room) = octets.get_mut(start..) {
        message.serialize(room);
    }
}
