//! Replies, and where they are sent.

use std::{
    net::{Ipv4Addr, SocketAddrV4},
    sync::Arc,
};

use serde::{Deserialize, Serialize};

use crate::{HardwareAddress, OptionValue};

/// What answers a request. Fields that every reply copies from its request (transaction id,
/// hardware address, flags, relay address, option 82) are not repeated here: whoever writes the
/// reply has the request at hand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Reply {
    /// Option 53.
    pub kind: ReplyKind,
    /// ciaddr: copied in an ACK, zero otherwise (RFC 2131 table 3).
    pub client_address: Ipv4Addr,
    /// yiaddr.
    pub your_address: Ipv4Addr,
    /// siaddr, the next server in bootstrap; zero if there is none.
    pub next_server_address: Ipv4Addr,
    /// Set the BROADCAST bit whatever the request has: a NAK through a relay (RFC 2131 section
    /// 4.3.2).
    pub force_broadcast: bool,
    /// Options in the order in which they are written; if not all fit, the last ones are left
    /// out. Option 53 is in `kind`, option 82 is echoed from the request: neither is here.
    pub options: Vec<(u8, Arc<OptionValue>)>,
    /// Where to send it.
    pub destination: Destination,
}

/// The kinds of reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReplyKind {
    /// DHCPOFFER.
    Offer,
    /// DHCPACK.
    Ack,
    /// DHCPNAK.
    Nak,
}

/// Where a reply goes (RFC 2131 section 4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Destination {
    /// To the relay, at its server port.
    Relay(SocketAddrV4),
    /// To a client that has an address and answers ARP for it.
    Client(SocketAddrV4),
    /// To a client that has no address yet: by hardware address, on the link it asked from.
    Hardware {
        /// The address it is about to have.
        address: Ipv4Addr,
        /// Where the frame goes.
        hardware_address: HardwareAddress,
    },
    /// To everybody on the link the request came from.
    Broadcast,
}
