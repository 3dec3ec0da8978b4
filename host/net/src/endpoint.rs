//! Endpoints: a socket for relayed messages, or the sockets of one interface.
//!
//! Does not choose which endpoints there are; see the server's `endpoints`. Invariant: a reply that
//! cannot be sent does not keep others from being sent.

mod sending;

use std::{
    fmt, io,
    net::{Ipv4Addr, SocketAddrV4},
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    sync::Arc,
    time::Instant,
};

use lessor_core::Arrival;
use socket2::Socket;

use super::{
    Host, NetError, ReceiveBatch,
    batch::DatagramOrigin,
    host::LinksCache,
    links::{Link, Links},
    losses::Losses,
    reach::Reach,
    sockets::{
        RECEIVE_BUFFER_OCTETS, bind_to_device, bind_udp, packet_socket, refuse_taken, udp_socket,
    },
    thinning::Thinning,
};

/// The port that servers and relays receive on (RFC 2131 section 4.1).
const SERVER_PORT: u16 = 67;

/// The address of an endpoint on the link, bound on its interface.
const ON_LINK: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, SERVER_PORT);

/// Receives messages and sends replies. Belongs to one worker.
pub struct Endpoint {
    socket: Socket,
    attachment: Attachment,
    links: LinksCache,
    reach: Reach,
    losses: Losses,
    /// The last time at which the socket was known to be empty.
    empty_at: Instant,
}

#[derive(Debug)]
enum Attachment {
    Relayed {
        listen: SocketAddrV4,
    },
    OnLink {
        name: Arc<str>,
        index: u32,
        /// Sends to clients without an address; receives nothing.
        packets: OwnedFd,
    },
}

impl Endpoint {
    /// Opens an endpoint for messages that relays send to `listen`. Several may be opened on one
    /// address, one for each worker; the system spreads senders among them. An endpoint on an
    /// address that the host does not have yet receives nothing until the host has it.
    ///
    /// # Errors
    /// If another process uses the address, or the right to use the port is missing.
    pub fn relayed(host: &Arc<Host>, listen: SocketAddrV4) -> Result<Self, NetError> {
        let socket = udp_socket(host.send_buffer_octets())?;
        bind_udp(&socket, listen)?;
        let reach = Reach::new(host, listen.port(), None)?;
        Ok(Self::new(host, socket, reach, Attachment::Relayed { listen }))
    }

    /// Opens the endpoint for clients on the link of an interface, and for relays that send to an
    /// address of it. There may be one for each interface in the whole process: see [the
    /// module](super).
    ///
    /// An interface that is deleted and created again is another interface, even with the same
    /// name: the endpoint then receives nothing, fails to send with ENODEV or ENXIO, and must be
    /// replaced.
    ///
    /// # Errors
    /// If the interface no longer exists, or is not Ethernet, or its port is used by another
    /// process, or the right to use packet sockets or the port is missing.
    pub fn on_link(host: &Arc<Host>, link: &Link) -> Result<Self, NetError> {
        let name = Arc::clone(&link.name);
        if link.hardware_address.is_none() {
            return Err(NetError::NotEthernet { name: name.to_string() });
        }
        let index = link.index;
        let socket = udp_socket(host.send_buffer_octets())?;
        bind_to_device(&socket, Some(&name))?;
        bind_udp(&socket, ON_LINK)?;
        let packets = packet_socket(&name, index, host.send_buffer_octets())?;
        let reach = Reach::new(host, SERVER_PORT, Some((&name, index)))?;
        Ok(Self::new(host, socket, reach, Attachment::OnLink { name, index, packets }))
    }

    /// Rejects addresses that another server uses already, even another process of this program.
    /// Must be called before any endpoint is opened: endpoints share their addresses with each
    /// other.
    ///
    /// # Errors
    /// If an address is taken, by itself or on one of `interfaces`.
    pub fn refuse_taken<'n>(
        listen: &[SocketAddrV4],
        interfaces: impl Iterator<Item = &'n str>,
    ) -> Result<(), NetError> {
        for address in listen {
            refuse_taken(*address, None)?;
        }
        for name in interfaces {
            refuse_taken(ON_LINK, Some(name))?;
        }
        Ok(())
    }

    fn new(host: &Host, socket: Socket, reach: Reach, attachment: Attachment) -> Self {
        let links = host.links_cache();
        Self {
            socket,
            attachment,
            links,
            reach,
            losses: Losses::default(),
            empty_at: Instant::now(),
        }
    }

    /// Warns if the system granted smaller buffers than the endpoint requested.
    pub fn warn_of_small_buffers(&self, host: &Host) {
        let granted_octets = self.receive_buffer_octets();
        let wanted_octets = 2 * RECEIVE_BUFFER_OCTETS;
        if granted_octets < wanted_octets {
            tracing::warn!(
                endpoint = %self, granted_octets, wanted_octets,
                "the receive buffer is small and may not hold a burst of requests; raise \
                 net.core.rmem_max, or give the server the capability CAP_NET_ADMIN"
            );
        }
        let granted_octets = self.socket.send_buffer_size().unwrap_or_default();
        let wanted_octets = 2 * host.send_buffer_octets();
        if granted_octets < wanted_octets {
            tracing::warn!(
                endpoint = %self, granted_octets, wanted_octets,
                "the send buffer is small and may not hold a burst of replies; raise \
                 net.core.wmem_max, or give the server the capability CAP_NET_ADMIN"
            );
        }
    }

    /// Returns the size of the receive buffer in octets, as the system counts it: twice
    /// `RECEIVE_BUFFER_OCTETS` if everything was granted, less if `net.core.rmem_max` is lower
    /// and the capability CAP_NET_ADMIN is missing.
    pub fn receive_buffer_octets(&self) -> usize {
        self.socket.recv_buffer_size().unwrap_or_default()
    }

    /// Returns how many datagrams the system dropped since the last call because the receive buffer
    /// was full: the server was too slow for them. A loss is known once the next datagram is
    /// received.
    pub fn take_lost_datagrams(&mut self) -> u64 {
        self.losses.take_new()
    }

    /// Makes the system drop a share of the DISCOVERs of some relays before they are received, in
    /// place of what it dropped before. Those that are dropped count as lost datagrams.
    ///
    /// # Errors
    /// If the system refuses; what it dropped before, it goes on to drop.
    pub fn thin(&mut self, thinning: Option<&Thinning>) -> io::Result<()> {
        match thinning {
            Some(thinning) => self.socket.attach_filter(&thinning.program()),
            None => self.socket.detach_filter(),
        }
    }

    /// Receives what waits, at most `BATCH_DATAGRAMS`, into `batch`, whose former contents are
    /// dropped. Returns the number of datagrams in it, 0 if none waited.
    ///
    /// # Errors
    /// Those of `recvmmsg`; the endpoint remains usable.
    pub fn receive(&mut self, batch: &mut ReceiveBatch) -> io::Result<usize> {
        let (attachment, links) = (&self.attachment, self.links.load());
        let now = Instant::now();
        let waited_max = now.saturating_duration_since(self.empty_at);
        let describe = |origin: &DatagramOrigin| attachment.describe(links, origin);
        let (count, lost) = batch.fill(self.socket.as_fd(), waited_max, describe)?;
        if !batch.is_full() {
            self.empty_at = now;
        }
        if let Some(lost) = lost {
            self.losses.note(lost);
        }
        Ok(count)
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint").field("place", &self.attachment).finish_non_exhaustive()
    }
}

impl AsFd for Endpoint {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.attachment, f)
    }
}

impl fmt::Display for Attachment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Relayed { listen } => write!(f, "{listen}"),
            Self::OnLink { name, .. } => f.write_str(name),
        }
    }
}

impl Attachment {
    /// Returns the arrival of a datagram from `origin`, and whether it was not relayed, so that the
    /// endpoint of the interface receives it too.
    fn describe(&self, links: &Links, origin: &DatagramOrigin) -> (Arrival, bool) {
        // The system would answer a broadcast, directed or not, from another address.
        let unicast = origin.destination == origin.own_address;
        let mut arrival = Arrival {
            source: origin.source,
            server_address: origin.own_address,
            link_addresses: None,
            own_addresses: links.own_addresses().clone(),
            unicast,
            interface: None,
            mtu_octets: None,
        };
        let link = links.get(origin.interface_index);
        arrival.mtu_octets = link.map(|link| link.mtu_octets());
        match self {
            Self::Relayed { .. } => {
                arrival.interface = link.map(|link| Arc::clone(&link.name));
                (arrival, !unicast)
            }
            Self::OnLink { name, index, .. } => {
                arrival.interface = Some(Arc::clone(name));
                let addresses = links.get(*index).map(|link| Arc::clone(&link.addresses));
                let addresses = addresses.unwrap_or_else(|| Arc::from([]));
                // The system answers a broadcast from the address that its route to the source
                // selects, which for a roaming client can be that of another interface.
                if !unicast
                    && !addresses.contains(&origin.own_address)
                    && let Some(primary) = addresses.first()
                {
                    arrival.server_address = *primary;
                }
                arrival.link_addresses = Some(addresses);
                (arrival, false)
            }
        }
    }
}
