//! Keeps destinations that do not answer ARP from using up the send buffer of the others.
//!
//! The kernel charges a datagram that waits for ARP to the send buffer of its socket. So there are
//! two sockets: destinations whose next hop answers ARP use the endpoint's own, and all others use
//! one that only sends, on which [`Trials`] limits what may wait. Does not track what the kernel
//! knows; see [`super::neighbours`] and [`super::routes`]. Invariant: a next hop that does not
//! answer, or is forged, takes no room from those that answer.

use std::{
    fmt,
    net::{Ipv4Addr, SocketAddrV4},
    sync::Arc,
    time::{Duration, Instant},
};

use socket2::Socket;

use super::{
    Host, NetError,
    links::Links,
    neighbours::{Neighbour, Standing},
    routes::NextHops,
    sockets::{bind_to_device, sending_socket},
    trials::Trials,
};

/// What one endpoint knows about the way to its destinations.
#[derive(Debug)]
pub(super) struct Reach {
    host: Arc<Host>,
    /// The only interface that the endpoint sends through, if it is bound to one.
    through: Option<u32>,
    next_hops: NextHops,
    trials: Trials,
    /// The socket for destinations whose next hop is not known to answer.
    pub(super) doubtful: Socket,
    refused: Refused,
}

/// The socket for a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lane {
    /// The endpoint's own.
    Open,
    /// The one for next hops that are not known to answer.
    Doubtful(Unreachable),
    /// None: this next hop does not answer.
    Closed(Unreachable),
}

/// A destination that a reply was not sent to, because its next hop does not answer ARP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreachable {
    destination: Ipv4Addr,
    next_hop: Ipv4Addr,
}

/// Replies that were not sent, and how many of them were logged.
#[derive(Debug, Default)]
struct Refused {
    untold: u64,
    told_at: Option<Instant>,
}

/// The shortest time between two warnings.
const WARN_AGAIN_AFTER: Duration = Duration::from_secs(10);

impl Reach {
    /// Creates the state of an endpoint with this port, and of the interface that it is bound to,
    /// if any.
    ///
    /// # Errors
    /// If the system provides no socket.
    pub(super) fn new(
        host: &Arc<Host>,
        port: u16,
        interface: Option<(&str, u32)>,
    ) -> Result<Self, NetError> {
        let doubtful = sending_socket(port, host.send_buffer_octets(), |socket| {
            bind_to_device(socket, interface.map(|(name, _)| name))
        })?;
        let granted = doubtful.send_buffer_size().unwrap_or_default();
        Ok(Self {
            host: Arc::clone(host),
            through: interface.map(|(_, index)| index),
            next_hops: NextHops::default(),
            trials: Trials::new(granted),
            doubtful,
            refused: Refused::default(),
        })
    }

    /// Returns the socket for each destination.
    pub(super) fn lanes(&mut self, links: &Links, destinations: &[SocketAddrV4]) -> Vec<Lane> {
        let addresses: Vec<Ipv4Addr> = destinations.iter().map(|to| *to.ip()).collect();
        let next_hops =
            self.next_hops.of(self.host.routes_version(), links, self.through, &addresses);
        let standings = self.host.neighbours().standings(&next_hops);
        let now = Instant::now();
        let ways = addresses.iter().zip(next_hops).zip(standings);
        ways.map(|((destination, next_hop), standing)| {
            let (Some(next_hop), Some(standing)) = (next_hop, standing) else { return Lane::Open };
            self.lane(*destination, next_hop, standing, now)
        })
        .collect()
    }

    fn lane(
        &mut self,
        destination: Ipv4Addr,
        next_hop: Neighbour,
        standing: Standing,
        now: Instant,
    ) -> Lane {
        if standing == Standing::Answers {
            self.trials.succeeded(next_hop);
            return Lane::Open;
        }
        let unreachable = Unreachable { destination, next_hop: next_hop.address };
        let answered_before = standing == Standing::AnsweredBefore;
        let answers = |other: &Neighbour| self.host.neighbours().answers(other);
        if self.trials.admit(next_hop, answered_before, now, answers) {
            return Lane::Doubtful(unreachable);
        }
        Lane::Closed(unreachable)
    }

    /// Notes that a reply was not sent, and warns about it unless there was a warning recently.
    pub(super) fn refused(&mut self, endpoint: &dyn fmt::Display, unreachable: Unreachable) {
        let now = Instant::now();
        self.refused.untold += 1;
        let is_due = |told: Instant| now.saturating_duration_since(told) >= WARN_AGAIN_AFTER;
        if self.refused.told_at.is_none_or(is_due) {
            self.refused.told_at = Some(now);
            let replies = std::mem::take(&mut self.refused.untold);
            let Unreachable { destination, next_hop } = unreachable;
            tracing::warn!(
                %endpoint, replies, %destination, %next_hop,
                "replies were not sent because their next hop does not answer ARP; this is the \
                 latest"
            );
        }
    }
}

impl fmt::Display for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { destination, next_hop } = self;
        if destination == next_hop {
            write!(f, "{destination} does not answer ARP")
        } else {
            write!(f, "{next_hop}, the next hop on the way to {destination}, does not answer ARP")
        }
    }
}
