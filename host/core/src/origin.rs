//! Origins: where a message came from, according to the network. A client can invent its hardware
//! address and its client identifier, but not the relay, the interface or the line.
//!
//! Does not identify the client that sent the message. Invariant: an origin contains only what the
//! relay or the server itself reported.

use std::{net::Ipv4Addr, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{Line, RelayInformation, Request};

/// The origin of a message: a link, and the line on it if a relay agent named one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Origin {
    /// The link that the message came over.
    pub link: Link,
    /// Sub-option 1 of option 82 (RFC 3046).
    #[serde(default, skip_serializing_if = "Option::is_none", with = "crate::octets::optional")]
    pub circuit_id: Option<Box<[u8]>>,
    /// Sub-option 2 of option 82 (RFC 3046).
    #[serde(default, skip_serializing_if = "Option::is_none", with = "crate::octets::optional")]
    pub remote_id: Option<Box<[u8]>>,
}

/// What messages arrive over. A link has many lines, or many clients that no relay distinguishes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Link {
    /// The relay with this address (giaddr).
    Relay(Ipv4Addr),
    /// An interface of the server.
    Interface(Arc<str>),
    /// The address of the server that the message was sent to, if the interface is not known.
    Server(Ipv4Addr),
}

impl Origin {
    /// The origin of messages whose link is unknown.
    pub const UNKNOWN: Self =
        Self { link: Link::Server(Ipv4Addr::UNSPECIFIED), circuit_id: None, remote_id: None };

    /// The origin of a request.
    pub fn of(request: &Request) -> Self {
        let link = match &request.arrival.interface {
            _ if request.is_relayed() => Link::Relay(request.relay_address),
            Some(interface) => Link::Interface(Arc::clone(interface)),
            None => Link::Server(request.arrival.server_address),
        };
        let information = request.relay_information.as_ref();
        let part = |part: Option<&[u8]>| part.filter(|octets| !octets.is_empty()).map(Box::from);
        Self {
            link,
            circuit_id: part(information.and_then(RelayInformation::circuit_id)),
            remote_id: part(information.and_then(RelayInformation::remote_id)),
        }
    }

    /// The line that a relay agent named, if one did.
    pub fn line(&self) -> Option<Line> {
        Line::from_parts(self.circuit_id.as_deref(), self.remote_id.as_deref())
    }

    /// Returns whether a relay agent named the line.
    pub fn names_line(&self) -> bool {
        self.circuit_id.is_some() || self.remote_id.is_some()
    }
}
