//! Why a subscriber sends a message, and which fields that fills (RFC 2131 table 5).

use std::net::Ipv4Addr;

use dhcproto::v4::MessageType;

/// The purpose of a subscriber's message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Intent {
    Discover,
    Select { address: Ipv4Addr, server_identifier: Ipv4Addr },
    InitReboot { address: Ipv4Addr },
    Renew { address: Ipv4Addr },
    Rebind { address: Ipv4Addr },
    Release { address: Ipv4Addr, server_identifier: Ipv4Addr },
    Decline { address: Ipv4Addr, server_identifier: Ipv4Addr },
    Inform { address: Ipv4Addr },
}

impl Intent {
    /// Returns the name of the message, for errors.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Discover => "DISCOVER",
            Self::Select { .. } => "REQUEST (selecting)",
            Self::InitReboot { .. } => "REQUEST (init-reboot)",
            Self::Renew { .. } => "REQUEST (renewing)",
            Self::Rebind { .. } => "REQUEST (rebinding)",
            Self::Release { .. } => "RELEASE",
            Self::Decline { .. } => "DECLINE",
            Self::Inform { .. } => "INFORM",
        }
    }

    pub(crate) fn message_type(self) -> MessageType {
        match self {
            Self::Discover => MessageType::Discover,
            Self::Select { .. }
            | Self::InitReboot { .. }
            | Self::Renew { .. }
            | Self::Rebind { .. } => MessageType::Request,
            Self::Release { .. } => MessageType::Release,
            Self::Decline { .. } => MessageType::Decline,
            Self::Inform { .. } => MessageType::Inform,
        }
    }

    /// Returns ciaddr, which a client sets only if it can answer ARP for the address (RFC 2131
    /// table 5).
    pub(crate) fn client_address(self) -> Ipv4Addr {
        match self {
            Self::Renew { address }
            | Self::Rebind { address }
            | Self::Release { address, .. }
            | Self::Inform { address } => address,
            _ => Ipv4Addr::UNSPECIFIED,
        }
    }

    pub(crate) fn requested_address(self) -> Option<Ipv4Addr> {
        match self {
            Self::Select { address, .. }
            | Self::InitReboot { address }
            | Self::Decline { address, .. } => Some(address),
            _ => None,
        }
    }

    pub(crate) fn server_identifier(self) -> Option<Ipv4Addr> {
        match self {
            Self::Select { server_identifier, .. }
            | Self::Release { server_identifier, .. }
            | Self::Decline { server_identifier, .. } => Some(server_identifier),
            _ => None,
        }
    }
}
