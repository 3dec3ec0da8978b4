//! Replies and their destinations.
//!
//! Does not encode them; the `wire` crate does. Invariant: a reply contains nothing that it copies
//! from its request.

use std::{
    net::{Ipv4Addr, SocketAddrV4},
    ops::Deref,
    sync::Arc,
};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{BootFileName, HardwareAddress, OptionValue, ReplyKind, ServerName, option::recorded};

/// The answer to a request. Fields that every reply copies from its request (transaction id,
/// hardware address, flags, relay address, option 82) are not repeated here: the code that writes
/// the reply has the request too.
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
    /// sname, the name of that server. If it is not empty, the field has no room for options.
    #[serde(default, skip_serializing_if = "ServerName::is_empty")]
    pub server_name: ServerName,
    /// file, what the client boots. If it is not empty, the field has no room for options.
    #[serde(default, skip_serializing_if = "BootFileName::is_empty")]
    pub boot_file: BootFileName,
    /// Whether to set the BROADCAST bit regardless of the request, as for a NAK through a relay
    /// (RFC 2131 section 4.3.2).
    pub force_broadcast: bool,
    /// Whether to omit the sub-option of option 82 with which the relay asks whether the server
    /// used the VPN that it selected (RFC 6607): it did.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub confirms_vpn: bool,
    /// Options in the order in which they are written; if not all fit, the last ones are left out.
    /// Option 53 is in `kind` and option 82 is copied from the request, so neither is included.
    pub options: Vec<(u8, ReplyValue)>,
    /// The destination of the reply.
    pub destination: Destination,
}

/// The value of an option in a reply.
#[derive(Clone, Debug)]
pub enum ReplyValue {
    /// A value that was made for this reply.
    Made(OptionValue),
    /// A value of the configuration or of a policy, which is not copied for each reply.
    Shared(Arc<OptionValue>),
}

impl Deref for ReplyValue {
    type Target = OptionValue;

    fn deref(&self) -> &OptionValue {
        match self {
            Self::Made(value) => value,
            Self::Shared(value) => value,
        }
    }
}

impl PartialEq for ReplyValue {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for ReplyValue {}

impl From<OptionValue> for ReplyValue {
    fn from(value: OptionValue) -> Self {
        Self::Made(value)
    }
}

impl From<Arc<OptionValue>> for ReplyValue {
    fn from(value: Arc<OptionValue>) -> Self {
        Self::Shared(value)
    }
}

impl Serialize for ReplyValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        recorded::Form::serialize(self, serializer)
    }
}

impl<'de> Deserialize<'de> for ReplyValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        recorded::Form::deserialize(deserializer).map(Self::Made)
    }
}

/// The destination of a reply (RFC 2131 section 4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Destination {
    /// To the relay, at its server port.
    Relay(SocketAddrV4),
    /// To a client that has an address and answers ARP for it.
    Client(SocketAddrV4),
    /// To a client that has no address yet: by hardware address, on the link from which it asked.
    Hardware {
        /// The address that the client is about to have.
        address: Ipv4Addr,
        /// The destination of the frame.
        hardware_address: HardwareAddress,
    },
    /// To all hosts on the link from which the request came.
    Broadcast,
}
