//! Batches: the datagrams that one call receives, and the replies that one call sends.
//!
//! Does not interpret a datagram. Invariant: the contents of a [`ReceiveBatch`] last until the next
//! call fills it; its memory is reused.

use std::{
    array, fmt, io,
    io::IoSliceMut,
    net::{Ipv4Addr, SocketAddrV4},
    os::fd::{AsRawFd, BorrowedFd},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use lessor_core::{Arrival, Destination, Reason};
use nix::{
    cmsg_space,
    errno::Errno,
    libc,
    sys::socket::{ControlMessageOwned, MsgFlags, MultiHeaders, RecvMsg, SockaddrIn, recvmmsg},
};

use super::reach::Unreachable;

/// The largest number of datagrams that one call receives.
pub(super) const BATCH_DATAGRAMS: usize = 64;

/// The number of datagrams for which a call has room if the last one received none.
const ROOM_MIN: usize = 16;

/// The number of octets that are read of a payload. Whatever fits into an Ethernet frame fits, and
/// so does every message of RFC 2131 that a client sends in practice.
pub(super) const DATAGRAM_OCTETS_MAX: usize = 2048;

/// Datagrams that were received together.
pub struct ReceiveBatch {
    octets: Box<[u8]>,
    items: Vec<Item>,
    /// The number of datagrams for which the next call has room.
    room: usize,
    is_full: bool,
}

/// One datagram of a batch.
#[derive(Debug)]
pub struct Received<'a> {
    /// The payload; at most `DATAGRAM_OCTETS_MAX` octets.
    pub payload: &'a [u8],
    /// Whether it was longer, and the rest is lost.
    pub is_cut: bool,
    /// How and where it arrived.
    pub arrival: Arrival,
    /// Whether it was broadcast and arrived on an endpoint for relayed messages: the endpoint of
    /// the interface, if there is one, receives it too.
    pub not_relayed: bool,
    /// How long the datagram waited in the system's receive buffer.
    pub waited: Duration,
}

/// A reply on its way out.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// The payload of the datagram.
    pub packet: Vec<u8>,
    /// Its destination.
    pub destination: Destination,
    /// The server's address that it is sent from; that of the request's arrival.
    pub server_address: Ipv4Addr,
}

/// The outcome of sending replies.
#[derive(Debug, Default)]
pub struct SendReport {
    /// The number of replies that the system accepted.
    pub sent: usize,
    /// The replies that it did not accept, in no particular order.
    pub failed: Vec<Unsent>,
}

/// A reply that was not sent.
#[derive(Debug)]
pub struct Unsent {
    /// Its position among the replies.
    pub position: usize,
    /// Why it was not sent.
    pub failure: SendFailure,
}

/// Why a reply was not sent.
#[derive(Debug)]
pub enum SendFailure {
    /// The system rejected it.
    System(io::Error),
    /// Its next hop does not answer ARP.
    Unreachable(Unreachable),
}

impl SendFailure {
    /// Returns the kind of the system's error, if it is one.
    #[cfg(test)]
    pub(super) fn kind(&self) -> Option<io::ErrorKind> {
        match self {
            Self::System(error) => Some(error.kind()),
            Self::Unreachable(_) => None,
        }
    }

    /// Returns the number of the system's error, if it is one.
    #[cfg(test)]
    pub(super) fn errno(&self) -> Option<i32> {
        match self {
            Self::System(error) => error.raw_os_error(),
            Self::Unreachable(_) => None,
        }
    }

    /// Returns whether the system's buffers had no room.
    pub(super) fn is_for_want_of_room(&self) -> bool {
        matches!(self, Self::System(error) if error.kind() == io::ErrorKind::WouldBlock)
    }

    /// Returns the reason that the exchange ends in, with details.
    pub fn why(&self) -> (Reason, String) {
        let Self::System(error) = self else {
            return (Reason::DestinationUnreachable, self.to_string());
        };
        match error.raw_os_error().map(Errno::from_raw) {
            // The sockets lack SO_BROADCAST, so the system rejects addresses that its routes treat
            // as broadcasts.
            Some(Errno::EACCES) => (
                Reason::BroadcastDestination,
                format!(
                    "the system treats the address as a broadcast address, or a route prohibits it \
                     ({error})"
                ),
            ),
            Some(Errno::EMSGSIZE) => (
                Reason::SendFailed,
                format!("the reply is longer than the MTU of the interface ({error})"),
            ),
            _ => (Reason::SendFailed, error.to_string()),
        }
    }
}

impl fmt::Display for SendFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System(error) => fmt::Display::fmt(error, f),
            Self::Unreachable(unreachable) => fmt::Display::fmt(unreachable, f),
        }
    }
}

/// A received datagram, with its payload where the system put it.
struct Item {
    slot: usize,
    length: usize,
    is_cut: bool,
    arrival: Arrival,
    not_relayed: bool,
    waited: Duration,
}

/// What the system says about a datagram besides its payload.
pub(super) struct DatagramOrigin {
    /// The sender.
    pub(super) source: SocketAddrV4,
    /// The destination in its header.
    pub(super) destination: Ipv4Addr,
    /// The address that the system would answer from: the destination, if that is one of its own
    /// addresses.
    pub(super) own_address: Ipv4Addr,
    /// The index of the interface that it arrived on.
    pub(super) interface_index: u32,
    /// When it arrived, since 1970 by the system's clock.
    pub(super) arrived: Duration,
}

impl Default for ReceiveBatch {
    fn default() -> Self {
        Self::new()
    }
}

impl ReceiveBatch {
    /// Creates an empty batch.
    pub fn new() -> Self {
        Self {
            octets: vec![0; BATCH_DATAGRAMS * DATAGRAM_OCTETS_MAX].into_boxed_slice(),
            items: Vec::with_capacity(BATCH_DATAGRAMS),
            room: ROOM_MIN,
            is_full: false,
        }
    }

    /// Takes the datagrams out, in the order of their arrival.
    pub fn drain(&mut self) -> impl Iterator<Item = Received<'_>> {
        let octets = &*self.octets;
        self.items.drain(..).map(|item| {
            let start = item.slot * DATAGRAM_OCTETS_MAX;
            Received {
                payload: octets.get(start..start + item.length).unwrap_or_default(),
                is_cut: item.is_cut,
                arrival: item.arrival,
                not_relayed: item.not_relayed,
                waited: item.waited,
            }
        })
    }

    /// Returns whether the last call filled the batch, so that more datagrams may wait.
    pub fn is_full(&self) -> bool {
        self.is_full
    }

    /// Receives what waits in `socket`, at most [`BATCH_DATAGRAMS`]. `describe` converts the origin
    /// of each datagram to its arrival, and returns whether it was not relayed. The waiting time of
    /// a datagram is limited to `waited_max`, whatever the system's clock says. Returns the number
    /// of datagrams in the batch, and the system's count of lost ones, if there is one.
    ///
    /// # Errors
    /// Those of `recvmmsg`, except that an empty socket is not an error.
    pub(super) fn fill(
        &mut self,
        socket: BorrowedFd<'_>,
        waited_max: Duration,
        mut describe: impl FnMut(&DatagramOrigin) -> (Arrival, bool),
    ) -> io::Result<(usize, Option<u32>)> {
        self.items.clear();
        self.is_full = false;
        let mut lost = None;
        // The headers are allocated for each call, because the system writes lengths into them that
        // nix does not reset, and because they are tied to a thread, while a batch is not. So a
        // call has no more of them than four times what the last one used.
        let room = self.room;
        let mut headers = MultiHeaders::<SockaddrIn>::preallocate(
            room,
            Some(cmsg_space!(libc::in_pktinfo, u32, libc::timespec)),
        );
        let mut slots = self.octets.chunks_exact_mut(DATAGRAM_OCTETS_MAX);
        let mut slices: [_; BATCH_DATAGRAMS] =
            array::from_fn(|_| [IoSliceMut::new(slots.next().unwrap_or_default())]);
        let received = match recvmmsg(
            socket.as_raw_fd(),
            &mut headers,
            slices.iter_mut(),
            MsgFlags::MSG_DONTWAIT,
            None,
        ) {
            Ok(received) => received,
            Err(Errno::EAGAIN | Errno::EINTR) => return Ok((0, None)),
            Err(error) => return Err(error.into()),
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        for (slot, message) in received.enumerate() {
            self.is_full = slot + 1 == room;
            let (origin, lost_before) = origin(&message);
            lost = lost_before.or(lost);
            // The system always provides the origin; see `origin`.
            let Some(origin) = origin else { continue };
            let (arrival, not_relayed) = describe(&origin);
            let waited = now.saturating_sub(origin.arrived).min(waited_max);
            let is_cut = message.flags.contains(MsgFlags::MSG_TRUNC);
            let length = message.bytes.min(DATAGRAM_OCTETS_MAX);
            self.items.push(Item { slot, length, is_cut, arrival, not_relayed, waited });
        }
        self.room = (4 * self.items.len()).clamp(ROOM_MIN, BATCH_DATAGRAMS);
        Ok((self.items.len(), lost))
    }
}

impl fmt::Debug for ReceiveBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReceiveBatch")
            .field("datagrams", &self.items.len())
            .field("is_full", &self.is_full)
            .finish()
    }
}

/// Returns the origin of a message, which the system always provides on a socket with IP_PKTINFO,
/// and how many messages were lost since the socket was opened, which it provides once any were.
fn origin(message: &RecvMsg<'_, '_, SockaddrIn>) -> (Option<DatagramOrigin>, Option<u32>) {
    let mut origin = None;
    let mut lost = None;
    let mut arrived = Duration::MAX;
    for control in message.cmsgs().into_iter().flatten() {
        match control {
            ControlMessageOwned::Ipv4PacketInfo(info) => {
                origin = message.address.map(|source| DatagramOrigin {
                    source: source.into(),
                    destination: Ipv4Addr::from(info.ipi_addr.s_addr.to_ne_bytes()),
                    own_address: Ipv4Addr::from(info.ipi_spec_dst.s_addr.to_ne_bytes()),
                    interface_index: info.ipi_ifindex.cast_unsigned(),
                    arrived: Duration::MAX,
                });
            }
            ControlMessageOwned::RxqOvfl(count) => lost = Some(count),
            ControlMessageOwned::ScmTimestampns(time) => arrived = time.into(),
            _ => {}
        }
    }
    // Without a time, it counts as just arrived.
    (origin.map(|origin| DatagramOrigin { arrived, ..origin }), lost)
}
