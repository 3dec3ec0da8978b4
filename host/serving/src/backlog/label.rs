//! Labels: the properties of a message that decide its place in the backlog.
//!
//! Does not assign the places. Invariant: no sender can choose to share the label of another
//! sender.

use std::{
    hash::BuildHasher,
    net::{Ipv4Addr, SocketAddrV4},
};

use foldhash::quality::RandomState;
use lessor_core::RequestKind;
use lessor_wire::Glance;

/// How urgent a message is, the most urgent first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Urgency {
    /// A client extends the lease that it uses.
    Renewal,
    /// Any other REQUEST, a RELEASE or a DECLINE.
    Other,
    /// DISCOVER and INFORM, and every datagram that is not a DHCP message of a client.
    Least,
}

/// The properties of a message that determine its place. Names are hashed with a secret seed, so
/// that no sender can choose to share the place of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Label {
    pub(super) urgency: Urgency,
    pub(super) relay: u64,
    pub(super) line: u64,
    pub(super) client: u64,
    /// Distinguishes a repeated message from a new one.
    pub(super) message: u64,
    pub(super) octets: usize,
    /// The relay of a DISCOVER that the system can be told to drop, see [`Thinning`]. Without a
    /// relay, it is 0.0.0.0.
    ///
    /// [`Thinning`]: lessor_net::Thinning
    pub(crate) thinned_by: Option<Ipv4Addr>,
}

/// Makes labels.
#[derive(Debug, Default)]
pub(crate) struct Labeller {
    seed: RandomState,
    /// The number of datagrams so far that are not messages of clients.
    strangers: u64,
}

impl Urgency {
    pub(super) const COUNT: usize = 3;

    fn of(glance: &Glance<'_>) -> Self {
        match glance.kind {
            Some(RequestKind::Request) if glance.extends => Self::Renewal,
            Some(RequestKind::Request | RequestKind::Release | RequestKind::Decline) => Self::Other,
            Some(RequestKind::Discover | RequestKind::Inform | RequestKind::Bootp) | None => {
                Self::Least
            }
        }
    }

    pub(super) const fn lane(self) -> usize {
        self as usize
    }
}

impl Label {
    pub(super) const fn path(&self) -> [u64; 2] {
        [self.relay, self.line]
    }

    /// Returns whether `later` is a repetition of this message.
    pub(super) fn is_repeated_by(&self, later: &Self) -> bool {
        self.message == later.message && self.path() == later.path()
    }
}

impl Labeller {
    /// Labels a datagram that arrived from `source` on `endpoint`.
    pub(crate) fn label(&mut self, endpoint: usize, source: SocketAddrV4, payload: &[u8]) -> Label {
        let glance = lessor_wire::glance(payload);
        let client = match (glance.client_identifier, glance.hardware_address) {
            (Some(identifier), _) if glance.kind.is_some() => self.seed.hash_one((0, identifier)),
            (None, Some(address)) if glance.kind.is_some() => self.seed.hash_one((1, address)),
            // Each one counts as a separate client, so that none is taken for a repetition of
            // another.
            _ => {
                self.strangers += 1;
                self.seed.hash_one((2, self.strangers))
            }
        };
        // Without a relay, the endpoint counts as the relay: clients that send to it directly share
        // it as clients behind one relay do.
        let relay = match glance.relay_address {
            Some(relay) => self.seed.hash_one((0, relay)),
            None => self.seed.hash_one((1, endpoint)),
        };
        let line = match glance.has_line() {
            true => self.seed.hash_one((0, glance.line)),
            // A client that sends from its own address is identified by it: unlike the contents of
            // the message, that address is where replies go.
            false if glance.relay_address.is_none() && !source.ip().is_unspecified() => {
                self.seed.hash_one((1, source.ip()))
            }
            false => self.seed.hash_one((2, glance.hardware_address)),
        };
        let kind = glance.kind.map(|kind| kind as u8);
        let message = self.seed.hash_one((kind, glance.transaction_id, glance.extends));
        let urgency = Urgency::of(&glance);
        let is_discover = glance.kind == Some(RequestKind::Discover);
        let thinned_by = (is_discover && lessor_net::Thinning::recognises(payload))
            .then(|| glance.relay_address.unwrap_or(Ipv4Addr::UNSPECIFIED));
        Label { urgency, relay, line, client, message, octets: payload.len(), thinned_by }
    }
}
