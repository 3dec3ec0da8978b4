//! The server's sockets: batches of datagrams in, batches of replies out. Linux only.
//!
//! Reads no DHCP message, except in the filter of [`Thinning`], and decides nothing: what arrives
//! is passed on with its [`lessor_core::Arrival`], and what leaves is addressed by its
//! [`lessor_core::Destination`]. Nothing here waits, except [`Poller::wait`], and
//! [`Endpoint::send`] for at most `SEND_PATIENCE_MS`.
//!
//! # Receiving uses UDP sockets
//! This is so on the link too, where many servers use packet sockets instead. A UDP socket bound to
//! the interface receives what a client without an address sends, from 0.0.0.0 to 255.255.255.255,
//! and it has these advantages:
//! - The kernel has checked the checksums and joined the fragments. A packet socket sees what the
//!   sender left to its network card, so it has to guess when a checksum may be wrong.
//! - The port is taken, so the kernel does not answer a unicast renewal with port unreachable.
//! - The kernel filters by port, so nothing else is copied to the server, and the machine's
//!   firewall rules apply to DHCP as to everything else.
//!
//! # Sending
//! Replies to relays, and to clients that have an address, leave through the same UDP socket, with
//! the source address that the request was sent to. Replies to a client on the link that has no
//! address yet leave through a packet socket: such a client does not answer ARP, so the Ethernet
//! frame is built here. The packet socket has protocol 0, so it receives nothing.
//!
//! # Which endpoint receives what
//! - A broadcast is delivered to *every* socket that matches. So there is one [`Endpoint::on_link`]
//!   for each interface in the whole process: a second one would see every broadcast again. For
//!   the same reason an [`Endpoint::relayed`] on 0.0.0.0 sees the broadcasts of clients on the
//!   link; it marks them [`Received::not_relayed`].
//! - A unicast datagram is delivered once: to a relayed endpoint on exactly its destination if
//!   there is one, otherwise to that of the interface it arrived on or to one on 0.0.0.0. Of these
//!   two the system chooses the one that was opened last, so interfaces are opened after addresses.
//! - Among several relayed endpoints on one address the kernel chooses by a hash of source and
//!   destination, so all messages of one relay reach the same endpoint.
//! - An endpoint on the link sends through its interface only, whatever the routes say. Relays
//!   behind a router are better served by a relayed endpoint.

#![deny(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

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
mod probes;
mod reach;
mod routes;
mod sockets;
mod thinning;
mod transmit;
mod trials;

#[cfg(test)]
mod tests;

pub use batch::{Outgoing, ReceiveBatch, Received, SendFailure, SendReport, Unsent};
pub use changes::{Changes, StopSignal};
pub use endpoint::Endpoint;
pub use error::NetError;
pub use host::Host;
pub use links::{Link, Links, PartOf};
pub use own::{NotSentTo, OwnSockets};
pub use poll::{Poller, Waker};
pub use probes::{ProbeAnswer, ProbeBell, ProbeSockets};
pub use sockets::buffers_are_allowed;
pub use thinning::Thinning;
