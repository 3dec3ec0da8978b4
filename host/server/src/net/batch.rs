//! Batches: the datagrams that one call receives, and the replies that one call sends.
//!
//! Not here: the meaning of a datagram. Invariant: what a [`ReceiveBatch`] holds lasts until the
//! next call fills it; its memory is reused.

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

/// One call receives no more datagrams than this.
pub(super) const BATCH_DATAGRAMS: usize = 64;

/// Of a datagram with more octets of payload than this, the rest is not read. What fits into an
/// Ethernet frame fits, and so does every message of RFC 2131 that a client sends in practice.
pub(super) const DATAGRAM_OCTETS_MAX: usize = 2048;

/// Datagrams that were received together.
pub(crate) struct ReceiveBatch {
    octets: Box<[u8]>,
    items: Vec<Item>,
    is_full: bool,
}

/// One datagram of a batch.
#[derive(Debug)]
pub(crate) struct Received<'a> {
    /// The payload; at most [`DATAGRAM_OCTETS_MAX`] octets.
    pub(crate) payload: &'a [u8],
    /// It was longer, and the rest is gone.
    pub(crate) is_cut: bool,
    /// How and where it came in.
    pub(crate) arrival: Arrival,
    /// It was broadcast, and came in on an endpoint for relayed messages: the endpoint of the
    /// interface, if there is one, has it too.
    pub(crate) not_relayed: bool,
    /// How long the datagram waited in the system's receive buffer.
    pub(crate) waited: Duration,
}

/// A reply on its way out.
#[derive(Clone, Debug)]
pub(crate) struct Outgoing {
    /// The payload of the datagram.
    pub(crate) packet: Vec<u8>,
    /// Where it goes.
    pub(crate) destination: Destination,
    /// Which of the server's addresses it comes from; the one of the request's arrival.
    pub(crate) server_address: Ipv4Addr,
}

/// What became of replies that were to be sent.
#[derive(Debug, Default)]
pub(crate) struct SendReport {
    /// How many the system took.
    pub(crate) sent: usize,
    /// Those that it did not take, in no particular order.
    pub(crate) failed: Vec<Unsent>,
}

/// A reply that was not sent.
#[derive(Debug)]
pub(crate) struct Unsent {
    /// Its position among the replies.
    pub(crate) position: usize,
    /// Why not.
    pub(crate) failure: SendFailure,
}

/// Why a reply was not sent.
#[derive(Debug)]
pub(crate) enum SendFailure {
    /// The system would not take it.
    System(io::Error),
    /// Its next hop does not answer ARP.
    Unreachable(Unreachable),
}

impl SendFailure {
    /// The kind of the system's error, if it is one.
    #[cfg(test)]
    pub(super) fn kind(&self) -> Option<io::ErrorKind> {
        match self {
            Self::System(error) => Some(error.kind()),
            Self::Unreachable(_) => None,
        }
    }

    /// The number of the system's error, if it is one.
    #[cfg(test)]
    pub(super) fn errno(&self) -> Option<i32> {
        match self {
            Self::System(error) => error.raw_os_error(),
            Self::Unreachable(_) => None,
        }
    }

    /// Whether the system's buffers had no room.
    pub(super) fn is_for_want_of_room(&self) -> bool {
        matches!(self, Self::System(error) if error.kind() == io::ErrorKind::WouldBlock)
    }

    /// The reason that the exchange ends in, and more about it.
    pub(crate) fn why(&self) -> (Reason, String) {
        let Self::System(error) = self else {
            return (Reason::DestinationUnreachable, self.to_string());
        };
        match error.raw_os_error().map(Errno::from_raw) {
            // The sockets lack SO_BROADCAST, so the system refuses what its routes take for one.
            Some(Errno::EACCES) => (
                Reason::BroadcastDestination,
                format!(
                    "the system takes the address for a broadcast address, or a route of its \
                     prohibits it ({error})"
                ),
            ),
            Some(Errno::EMSGSIZE) => (
                Reason::SendFailed,
                format!("the reply is longer than the interface carries ({error})"),
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

/// A received datagram, its payload still where the system put it.
struct Item {
    slot: usize,
    length: usize,
    is_cut: bool,
    arrival: Arrival,
    not_relayed: bool,
    waited: Duration,
}

/// What the system says of a datagram beside its payload.
pub(super) struct Origin {
    /// Who sent it.
    pub(super) source: SocketAddrV4,
    /// The destination in its header.
    pub(super) destination: Ipv4Addr,
    /// The address that the system would answer with: the destination, if that is an own address.
    pub(super) own_address: Ipv4Addr,
    /// The interface that it came in by.
    pub(super) interface_index: u32,
    /// When it came in, since 1970 by the system's clock.
    pub(super) arrived: Duration,
}

impl ReceiveBatch {
    /// An empty batch.
    pub(crate) fn new() -> Self {
        Self {
            octets: vec![0; BATCH_DATAGRAMS * DATAGRAM_OCTETS_MAX].into_boxed_slice(),
            items: Vec::with_capacity(BATCH_DATAGRAMS),
            is_full: false,
        }
    }

    /// Takes the datagrams out, in the order in which they came.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = Received<'_>> {
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

    /// Whether the last call filled the batch, so that more datagrams may wait.
    pub(crate) fn is_full(&self) -> bool {
        self.is_full
    }

    /// Receives what waits in `socket`, [`BATCH_DATAGRAMS`] at most; `describe` turns the origin
    /// of each into its arrival, and says whether it was not relayed. No datagram has waited for longer
    /// than `waited_max`, whatever the system's clock says. Returns how many datagrams
    /// the batch holds, and the system's count of those lost, if it says.
    ///
    /// # Errors
    /// Those of `recvmmsg`; that nothing waits is none.
    pub(super) fn fill(
        &mut self,
        socket: BorrowedFd<'_>,
        waited_max: Duration,
        mut describe: impl FnMut(&Origin) -> (Arrival, bool),
    ) -> io::Result<(usize, Option<u32>)> {
        self.items.clear();
        self.is_full = false;
        let mut lost = None;
        // Allocated for each call, because the system writes lengths into the headers which nix
        // does not reset, and because they are tied to a thread, which a batch is not.
        let mut headers = MultiHeaders::<SockaddrIn>::preallocate(
            BATCH_DATAGRAMS,
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
            self.is_full = slot + 1 == BATCH_DATAGRAMS;
            let (origin, lost_before) = origin(&message);
            lost = lost_before.or(lost);
            // The system always says it, see `origin`.
            let Some(origin) = origin else { continue };
            let (arrival, not_relayed) = describe(&origin);
            let waited = now.saturating_sub(origin.arrived).min(waited_max);
            let is_cut = message.flags.contains(MsgFlags::MSG_TRUNC);
            let length = message.bytes.min(DATAGRAM_OCTETS_MAX);
            self.items.push(Item { slot, length, is_cut, arrival, not_relayed, waited });
        }
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

/// Where a message came from, which the system always says on a socket with IP_PKTINFO, and how
/// many were lost before it since the socket was opened, which it says once any were.
fn origin(message: &RecvMsg<'_, '_, SockaddrIn>) -> (Option<Origin>, Option<u32>) {
    let mut origin = None;
    let mut lost = None;
    let mut arrived = Duration::MAX;
    for control in message.cmsgs().into_iter().flatten() {
        match control {
            ControlMessageOwned::Ipv4PacketInfo(info) => {
                origin = message.address.map(|source| Origin {
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
    // Without a time, it came in at this moment.
    (origin.map(|origin| Origin { arrived, ..origin }), lost)
}
