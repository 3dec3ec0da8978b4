//! Offenders: the client, line and link that a call is made for, so that a fault is charged to the
//! party that caused it.
//!
//! Does not determine the charge. A client can invent its hardware address and its client
//! identifier, but not its line, and nobody can invent the link (see [`lessor_core::Origin`]). A
//! fault is therefore charged to the client, its line and its link, and the narrowest that costs
//! too much is shut out.

use std::fmt;

use lessor_core::{ClientKey, Link, Origin, RelayInformation, readable};
use serde::{Deserialize, Serialize};

use crate::{LeaseEvent, View};

/// The subject of a plugin call.
pub(crate) trait Chargeable {
    /// The client and the origin of its message.
    fn culprit(&self) -> Culprit;
}

/// A client and its origin.
#[derive(Clone, Debug)]
pub(crate) struct Culprit {
    pub(crate) origin: Origin,
    pub(crate) client: ClientKey,
}

/// A party that faults are charged to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Party {
    /// One client on one line or link.
    Client(Origin, ClientKey),
    /// All clients of one line.
    Line(Origin),
    /// All lines and clients of one link.
    Link(Link),
}

/// The party that caused faults of a plugin: a client, a line, or everything on a link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Offender {
    /// The client key; `None` for a whole line or link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// The circuit id of the line, as text if it is printable; `None` if it has none, and for a
    /// link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub circuit_id: Option<String>,
    /// The remote id of the line, in the same format.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote_id: Option<String>,
    /// The link: `relay 100.64.0.1`, `interface eth0`, or the address that was sent to; `None` if
    /// it is unknown, as for lease events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
}

impl Culprit {
    /// The parties that its faults are charged to, from the narrowest to the widest.
    pub(crate) fn parties(&self) -> impl Iterator<Item = Party> {
        let line = self.origin.names_line().then(|| Party::Line(self.origin.clone()));
        let client = Party::Client(self.origin.clone(), self.client.clone());
        let link = Party::Link(self.origin.link.clone());
        [Some(client), line, Some(link)].into_iter().flatten()
    }
}

impl Chargeable for View {
    fn culprit(&self) -> Culprit {
        let mut origin = Origin::of(&self.request);
        if let Some(remembered) = self.remembered_relay_information() {
            (origin.circuit_id, origin.remote_id) = line_of(remembered);
        }
        Culprit { origin, client: self.client.clone() }
    }
}

impl Chargeable for LeaseEvent {
    fn culprit(&self) -> Culprit {
        let information = self.binding.relay_information.as_ref();
        let (circuit_id, remote_id) = information.map(line_of).unwrap_or_default();
        let origin = Origin { circuit_id, remote_id, ..Origin::UNKNOWN };
        Culprit { origin, client: self.binding.client.clone() }
    }
}

type Part = Option<Box<[u8]>>;

fn line_of(information: &RelayInformation) -> (Part, Part) {
    let part = |part: Option<&[u8]>| part.filter(|octets| !octets.is_empty()).map(Box::from);
    (part(information.circuit_id()), part(information.remote_id()))
}

impl Offender {
    pub(crate) fn of(party: &Party) -> Self {
        let (origin, client) = match party {
            Party::Client(origin, client) => (Some(origin), Some(client)),
            Party::Line(origin) => (Some(origin), None),
            Party::Link(_) => (None, None),
        };
        let link = match party {
            Party::Client(origin, _) | Party::Line(origin) => &origin.link,
            Party::Link(link) => link,
        };
        let part = |part: &Option<Box<[u8]>>| part.as_deref().map(readable);
        Self {
            client: client.map(ToString::to_string),
            circuit_id: origin.and_then(|origin| part(&origin.circuit_id)),
            remote_id: origin.and_then(|origin| part(&origin.remote_id)),
            link: match link {
                Link::Relay(address) => Some(format!("relay {address}")),
                Link::Interface(name) => Some(format!("interface {name}")),
                Link::Server(address) if address.is_unspecified() => None,
                Link::Server(address) => Some(format!("address {address}")),
            },
        }
    }
}

/// `client hw:02:00:00:00:00:66 (circuit id olt1/3, relay 100.64.0.1)`.
impl fmt::Display for Offender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let circuit_id = self.circuit_id.as_ref().map(|id| format!("circuit id {id}"));
        let remote_id = self.remote_id.as_ref().map(|id| format!("remote id {id}"));
        let line: Vec<_> = [circuit_id, remote_id].into_iter().flatten().collect();
        let place: Vec<_> = line.iter().chain(&self.link).map(String::as_str).collect();
        match (&self.client, &line[..]) {
            (Some(client), _) if place.is_empty() => write!(f, "client {client}"),
            (Some(client), _) => write!(f, "client {client} ({})", place.join(", ")),
            (None, []) if place.is_empty() => f.write_str("all clients"),
            (None, []) => write!(f, "everything from {}", place.join(", ")),
            (None, _) => write!(f, "line with {}", place.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{net::Ipv4Addr, sync::Arc};

    use super::*;

    #[test]
    fn offenders_are_named_as_operators_know_them() {
        let relay = Link::Relay(Ipv4Addr::new(100, 64, 0, 1));
        let line = Origin {
            link: relay.clone(),
            circuit_id: Some(Box::from(&b"olt1/3"[..])),
            remote_id: Some(Box::from(&[0, 255][..])),
        };
        let client = ClientKey::Identifier(Box::from(&[1, 2][..]));
        let direct =
            Origin { link: Link::Interface(Arc::from("eth0")), circuit_id: None, remote_id: None };
        let named = |party: Party| Offender::of(&party).to_string();
        assert_eq!(
            named(Party::Client(line.clone(), client.clone())),
            "client id:0102 (circuit id olt1/3, remote id hex:00ff, relay 100.64.0.1)"
        );
        assert_eq!(
            named(Party::Line(line)),
            "line with circuit id olt1/3, remote id hex:00ff, relay 100.64.0.1"
        );
        assert_eq!(named(Party::Link(relay)), "everything from relay 100.64.0.1");
        assert_eq!(named(Party::Client(direct, client.clone())), "client id:0102 (interface eth0)");
        assert_eq!(named(Party::Client(Origin::UNKNOWN, client)), "client id:0102");
        assert_eq!(named(Party::Link(Origin::UNKNOWN.link)), "all clients");
    }
}
