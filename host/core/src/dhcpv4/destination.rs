//! Where replies are sent (RFC 2131 section 4.1), and which requests are not answered because no
//! reply could reach the client.
//!
//! Does not know the host's sockets and links. Invariant: no reply is sent to an address that no
//! host can have, and ciaddr is a destination only for clients that use it.

use std::net::Ipv4Addr;

use crate::{Destination, Reason, RequestKind, is_host_address};

use super::{decider::Decider, identity};

impl Decider<'_, '_> {
    /// Why no reply to the request could reach its client; `None` if one can.
    pub(super) fn no_way(&self) -> Option<Reason> {
        let request = self.request;
        let is_relayed = request.is_relayed();
        if is_relayed && !is_host_address(request.relay_address) {
            return Some(Reason::UnusableRelayAddress);
        }
        let has_address = !request.client_address.is_unspecified();
        // A BOOTP client that has an address is answered there, like the client of an INFORM.
        let is_information = matches!(request.kind, RequestKind::Inform | RequestKind::Bootp);
        if has_address
            && (is_information || self.is_at_client_address())
            && (!is_host_address(request.client_address) || request.client_address.is_loopback())
        {
            return Some(Reason::UnusableClientAddress);
        }
        let is_answered_on_link = match request.kind {
            RequestKind::Inform | RequestKind::Bootp if has_address => false,
            RequestKind::Inform if !is_relayed => return Some(Reason::InformWithoutAddress),
            RequestKind::Discover | RequestKind::Inform | RequestKind::Bootp => true,
            RequestKind::Request => !self.is_at_client_address(),
            RequestKind::Decline | RequestKind::Release => false,
        };
        let has_link = is_relayed || request.arrival.link_addresses.is_some();
        (is_answered_on_link && !has_link).then_some(Reason::UnreachableClient)
    }

    /// The destination of an OFFER, or of the ACK of a REQUEST. A client that accepts an offer or
    /// verifies an address does not use an address yet, regardless of ciaddr. `is_broadcast` says
    /// that the configuration wants a broadcast; an OFFER without an address cannot be sent to one.
    pub(super) fn destination_of_grant(
        &self,
        your_address: Ipv4Addr,
        is_broadcast: bool,
    ) -> Destination {
        let request = self.request;
        let hardware_address = request.hardware_address;
        if let Some(relay) = request.relay_socket() {
            return Destination::Relay(relay);
        }
        match request.client_socket() {
            Some(client) if self.is_at_client_address() => Destination::Client(client),
            _ if is_broadcast
                || your_address.is_unspecified()
                || request.wants_broadcast()
                || hardware_address.octets().is_empty() =>
            {
                Destination::Broadcast
            }
            _ => Destination::Hardware { address: your_address, hardware_address },
        }
    }

    /// The destination of a NAK: all hosts on the client's link. A client that sent its message
    /// directly, from an address that does not belong to the link that received it, is behind a
    /// relay that does not process unicast messages; only its own address reaches it.
    pub(super) fn destination_of_nak(&self) -> Destination {
        let relay = self.request.relay_socket().map(Destination::Relay);
        let is_there = self.is_elsewhere() && self.is_at_client_address();
        let client = self.request.client_socket().filter(|_| is_there);
        relay.or(client.map(Destination::Client)).unwrap_or(Destination::Broadcast)
    }

    /// The destination of the ACK of an INFORM, and of the reply to a BOOTP client that has an
    /// address (RFC 1542 section 5.4): the client directly, even if the message was relayed, unless
    /// the client does not give its address.
    pub(super) fn destination_of_information(&self) -> Destination {
        let client = self.request.client_socket().map(Destination::Client);
        let relay = self.request.relay_socket().map(Destination::Relay);
        client.or(relay).unwrap_or(Destination::Broadcast)
    }

    /// Returns whether the client of a REQUEST can be reached at ciaddr.
    fn is_at_client_address(&self) -> bool {
        self.request.uses_client_address() || self.is_heard_elsewhere()
    }

    /// Returns whether the client of a REQUEST sent it from its address to this server, and that
    /// address does not belong to the link that received it: a renewal from behind a relay,
    /// regardless of the state that its options suggest.
    fn is_heard_elsewhere(&self) -> bool {
        let is_sender = *self.request.arrival.source.ip() == self.request.client_address;
        self.request.kind == RequestKind::Request && self.is_elsewhere() && is_sender
    }

    /// Returns whether the client sent its message directly, and it is on another link than the one
    /// that received the message: ciaddr belongs to another one, or a relay forwarded the client's
    /// last message. The network of one link may have relays as well.
    fn is_elsewhere(&self) -> bool {
        let request = self.request;
        let is_here = |link_address: &Ipv4Addr| {
            let is_of_network = |address| self.plan.subnet_of(u32::from(address)).is_some();
            is_of_network(*link_address) && is_of_network(request.client_address)
        };
        let is_of_link =
            || request.arrival.link_addresses.iter().flat_map(|all| all.iter()).any(is_here);
        request.is_direct()
            && !request.client_address.is_unspecified()
            && (self.is_behind_relay() || !is_of_link())
    }

    /// Returns whether a relay is known to have forwarded the client's last message that did not
    /// come directly.
    fn is_behind_relay(&self) -> bool {
        let relay = identity::relay_address_of(self.plan, self.bindings, self.request);
        relay.is_some_and(|relay| !relay.is_unspecified())
    }
}
