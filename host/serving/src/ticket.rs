//! Tickets identify messages that wait.

use std::net::Ipv4Addr;

use lessor_core::{HardwareAddress, RelayInformation, Request, RequestKind};

/// Identifies a message; it is the same when the client repeats the message.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Ticket {
    transaction_id: u32,
    kind: RequestKind,
    hardware_address: HardwareAddress,
    client_identifier: Option<Box<[u8]>>,
}

/// Identifies a client that asks for an address: over another line or relay, another client may
/// have the same identifiers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Asker {
    hardware_address: HardwareAddress,
    client_identifier: Option<Box<[u8]>>,
    relay_address: Ipv4Addr,
    relay_information: Option<RelayInformation>,
}

impl Asker {
    /// Creates one of several clients, for tests.
    #[cfg(test)]
    pub(crate) fn numbered(number: u8) -> Self {
        Self {
            hardware_address: HardwareAddress::ethernet([2, 0, 0, 0, 0, number]),
            client_identifier: None,
            relay_address: Ipv4Addr::UNSPECIFIED,
            relay_information: None,
        }
    }

    /// Returns the client of a message that asks for an address; `None` if it does not.
    pub(crate) fn of(request: &Request) -> Option<Self> {
        let asks = match request.kind {
            RequestKind::Discover | RequestKind::Request | RequestKind::Bootp => true,
            RequestKind::Decline | RequestKind::Release | RequestKind::Inform => false,
        };
        asks.then(|| Self {
            hardware_address: request.hardware_address,
            client_identifier: request.client_identifier.clone(),
            relay_address: request.relay_address,
            relay_information: request.relay_information.clone(),
        })
    }
}

impl Ticket {
    /// Creates one of several tickets, for tests.
    #[cfg(test)]
    pub(crate) fn numbered(number: u8) -> Self {
        Self {
            transaction_id: 7,
            kind: RequestKind::Discover,
            hardware_address: HardwareAddress::ethernet([2, 0, 0, 0, 0, number]),
            client_identifier: None,
        }
    }

    /// Creates the ticket of a change by hand, which no client repeats: an INFORM never waits.
    pub(crate) fn by_hand(number: u32) -> Self {
        Self {
            transaction_id: number,
            kind: RequestKind::Inform,
            hardware_address: HardwareAddress::ethernet([0; 6]),
            client_identifier: None,
        }
    }

    pub(crate) fn of(request: &Request) -> Self {
        Self {
            transaction_id: request.transaction_id,
            kind: request.kind,
            hardware_address: request.hardware_address,
            client_identifier: request.client_identifier.clone(),
        }
    }
}
