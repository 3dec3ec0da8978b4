//! The state of an endpoint: a pure function of the configuration and of the host's interfaces.
//!
//! Opens no sockets. Invariant: a state other than serving has a detail that says what to do.

use std::{
    fmt,
    net::{Ipv4Addr, SocketAddrV4},
    sync::Arc,
};

use lessor_core::HardwareAddress;
use serde::{Deserialize, Serialize};

use lessor_net::{Links, PartOf};

/// A place where the configuration wants messages to be received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ListenOn {
    /// The link of the interface with this name.
    Link(Arc<str>),
    /// The address that relays send to.
    Relays(SocketAddrV4),
}

/// Whether an endpoint serves, or why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EndpointState {
    /// Messages are received and answered.
    Serving,
    /// No interface has that name.
    Missing,
    /// The interface is not Ethernet.
    NotEthernet,
    /// The interface is part of a bridge or bond, which takes its frames.
    Taken,
    /// The interface is switched off.
    Down,
    /// Nothing is connected to the interface.
    NoCarrier,
    /// The interface has no IPv4 address, so the subnet of its clients is unknown.
    NoAddress,
    /// No interface of the host has the address that relays send to.
    AddressMissing,
    /// The socket could not be opened.
    Failed,
}

/// The observed state of an endpoint. Each different value is a change that is logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) state: EndpointState,
    /// Why it does not serve, and what to do; `None` if it serves.
    pub(super) detail: Option<String>,
    /// The index of the interface.
    pub(super) index: Option<u32>,
    pub(super) hardware_address: Option<HardwareAddress>,
    pub(super) addresses: Arc<[Ipv4Addr]>,
}

impl ListenOn {
    /// `link` or `relays`.
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::Link(_) => "link",
            Self::Relays(_) => "relays",
        }
    }

    /// Determines the state according to `links`.
    pub(super) fn seen(&self, links: &Links) -> Seen {
        let mut seen = Seen {
            state: EndpointState::Serving,
            detail: None,
            index: None,
            hardware_address: None,
            addresses: Arc::from([]),
        };
        match self {
            Self::Relays(listen) if listen.ip().is_unspecified() => {}
            Self::Relays(listen) => match links.with_address(*listen.ip()) {
                Some(link) if link.is_up => seen.index = Some(link.index),
                Some(link) => seen.refuse(EndpointState::Down, down(&link.name)),
                None => seen.refuse(
                    EndpointState::AddressMissing,
                    format!(
                        "no interface of this host has the address {}; relays are served as soon \
                         as one has it",
                        listen.ip()
                    ),
                ),
            },
            Self::Link(name) => seen.look_at_link(name, links),
        }
        seen
    }
}

impl Seen {
    fn look_at_link(&mut self, name: &str, links: &Links) {
        let Some(link) = links.named(name) else {
            let present = links.names();
            let detail = format!(
                "there is no interface {name:?}, only {present}; its clients are served as soon as \
                 it exists"
            );
            return self.refuse(EndpointState::Missing, detail);
        };
        self.index = Some(link.index);
        self.hardware_address = link.hardware_address.map(HardwareAddress::ethernet);
        self.addresses = Arc::clone(&link.addresses);
        if link.hardware_address.is_none() {
            let detail = format!("interface {name} is not Ethernet; use a relay for its clients");
            self.refuse(EndpointState::NotEthernet, detail);
        } else if let Some(PartOf { kind, name: controller }) = &link.part_of {
            let detail = format!(
                "interface {name} is part of the {kind} {controller}, which takes all its frames; \
                 list {controller} under `interfaces` instead"
            );
            self.refuse(EndpointState::Taken, detail);
        } else if !link.is_up {
            self.refuse(EndpointState::Down, down(name));
        } else if !link.has_carrier {
            let detail = format!("nothing is connected to interface {name}: it has no carrier");
            self.refuse(EndpointState::NoCarrier, detail);
        } else if link.addresses.is_empty() {
            let detail = format!(
                "interface {name} has no IPv4 address, so the subnet of its clients is unknown; \
                 give it an address in their subnet"
            );
            self.refuse(EndpointState::NoAddress, detail);
        }
    }

    /// Notes that the endpoint does not serve.
    pub(super) fn refuse(&mut self, state: EndpointState, detail: String) {
        self.state = state;
        self.detail = Some(detail);
    }
}

impl EndpointState {
    /// Whether messages are received and answered.
    pub(crate) fn is_serving(self) -> bool {
        self == Self::Serving
    }
}

impl fmt::Display for ListenOn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Link(name) => f.write_str(name),
            Self::Relays(listen) => write!(f, "{listen}"),
        }
    }
}

impl fmt::Display for EndpointState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Serving => "serving",
            Self::Missing => "missing",
            Self::NotEthernet => "not-ethernet",
            Self::Taken => "taken",
            Self::Down => "down",
            Self::NoCarrier => "no-carrier",
            Self::NoAddress => "no-address",
            Self::AddressMissing => "address-missing",
            Self::Failed => "failed",
        })
    }
}

fn down(name: &str) -> String {
    format!("interface {name} is down; enable it with `ip link set {name} up`")
}
