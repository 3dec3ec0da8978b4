//! Knows where a reply would go, and why it is not sent there.
//!
//! Does not repeat what follows from the message alone, which the core decides. Invariant: each
//! reason has a detail that names the address.

use std::net::SocketAddrV4;

use lessor_core::{Reason, Request, RequestKind};
use lessor_net::{NotSentTo, OwnSockets};

/// Knows the destinations that nothing is sent to.
pub trait Reach {
    /// Returns why a request is not answered because of the destination of the reply, with details,
    /// or `None` if the reply may go there.
    fn refusal(&self, request: &Request) -> Option<(Reason, Option<String>)>;
}

impl Reach for OwnSockets {
    fn refusal(&self, request: &Request) -> Option<(Reason, Option<String>)> {
        let is_information = matches!(request.kind, RequestKind::Inform | RequestKind::Bootp);
        let uses_client_address = is_information || request.uses_client_address();
        let is_direct = is_information || !request.is_relayed();
        let client = request.client_socket().filter(|_| uses_client_address && is_direct);
        let relay = request.relay_socket();
        let refused = |field: &str, to: Option<SocketAddrV4>| {
            let to = to?;
            Some(match self.refuses(to)? {
                NotSentTo::OwnSocket => {
                    (Reason::OwnSocket, Some(format!("{field} is {to}, a socket of this server")))
                }
                NotSentTo::Broadcast => (
                    Reason::BroadcastDestination,
                    Some(format!("{field} is {}, a broadcast address of this host", to.ip())),
                ),
            })
        };
        refused("the relay address (giaddr)", relay)
            .or_else(|| refused("the client address (ciaddr)", client))
    }
}
