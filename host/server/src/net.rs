//! The server's sockets: batches of datagrams in, batches of replies out. Linux only.
//!
//! Nothing here reads a DHCP message or decides anything; what comes in is handed on with its
//! [`lessor_core::Arrival`], what goes out is addressed by its [`lessor_core::Destination`].
//! Nothing here waits, except [`Poller::wait`], and [`Endpoint::send`] for at most
//! [`SEND_PATIENCE_MS`](transmit::SEND_PATIENCE_MS).
//!
//! # Receiving is by UDP sockets
//! On the link too, where many servers listen with packet sockets instead. A UDP socket bound to
//! the interface receives what a client without an address sends, source 0.0.0.0 and destination
//! 255.255.255.255, and it has these advantages:
//! - the kernel has checked the checksums and joined the fragments; a packet socket sees what the
//!   sender left to its network card, and so has to guess when a checksum may be wrong;
//! - the port is taken, so the kernel does not answer a unicast renewal with port unreachable;
//! - the kernel filters by port, so nothing else is copied to the server, and the machine's
//!   firewall rules hold for DHCP as for everything else.
//!
//! # Sending
//! To relays, and to clients that have an address, by the same UDP socket, with the source address
//! that the request was sent to. To a client on the link that has no address yet, by a packet
//! socket: such a client does not answer ARP, so the Ethernet frame is built here. The packet
//! socket has protocol 0 and so receives nothing.
//!
//! # Which endpoint receives what
//! - A broadcast is delivered to *every* socket that matches. So there is one [`Endpoint::on_link`]
//!   for each interface in the whole process: a second one would see every broadcast again. For
//!   the same reason an [`Endpoint::relayed`] on 0.0.0.0 sees the broadcasts of clients on the
//!   link; it marks them [`Received::not_relayed`].
//! - A unicast datagram is delivered once: to a relayed endpoint on exactly its destination if
//!   there is one, else to that of the interface it came in by or to one on 0.0.0.0. Of these two
//!   the system takes the one that was opened last, so interfaces are opened after addresses.
//! - Among several relayed endpoints on one address the kernel chooses by a hash of source and
//!   destination, so all messages of one relay reach the same endpoint.
//! - An endpoint on the link sends through its interface only, whatever the routes say. Relays
//!   behind a router are better served by a relayed endpoint.

mod batch;
mod changes;
mod endpoint;
mod error;
mod frame;
mod host;
mod links;
mod losses;
mod neighbours;
mod netlink;
mod own;
mod poll;
mod reach;
mod routes;
mod sockets;
mod transmit;
mod trials;

#[cfg(test)]
mod tests;

pub(crate) use batch::{Outgoing, ReceiveBatch, Received, SendFailure, SendReport, Unsent};
pub(crate) use changes::{Changes, StopSignal};
pub(crate) use endpoint::Endpoint;
pub(crate) use error::NetError;
pub(crate) use host::Host;
pub(crate) use links::{Link, Links, PartOf};
pub(crate) use own::{OwnSockets, Refused};
pub(crate) use poll::{Poller, Waker};
pub(crate) use sockets::buffers_are_allowed;
