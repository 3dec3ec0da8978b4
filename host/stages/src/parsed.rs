//! The first stage: a datagram that is a request.

use std::{net::Ipv4Addr, sync::Arc};

use lessor_core::{Arrival, Reason, Request, RequestKind, Topology};
use lessor_wire::Malformed;

use crate::ended::Ended;

/// A request. It contains the address under which its client knows the server.
#[derive(Clone, Debug)]
pub struct Parsed {
    request: Arc<Request>,
    reply_source: Ipv4Addr,
}

impl Parsed {
    /// Reads a datagram. The reply's option 54 will contain `server_identifier`, or otherwise the
    /// address that the reply comes from.
    ///
    /// # Errors
    /// If the datagram is no request, or one of a BOOTP client and no subnet serves such clients.
    pub fn read(
        payload: &[u8],
        arrival: Arrival,
        topology: &Topology,
        server_identifier: Option<Ipv4Addr>,
    ) -> Result<Self, Malformed> {
        let mut request = lessor_wire::parse(payload, arrival)?;
        if request.kind == RequestKind::Bootp && !topology.serves_bootp() {
            return Err(Malformed::bootp());
        }
        let chosen = topology.answering_address(&request);
        let reply_source = chosen.unwrap_or(request.arrival.server_address);
        request.arrival.server_address = server_identifier.unwrap_or(reply_source);
        Ok(Self { request: Arc::new(request), reply_source })
    }

    /// The request.
    pub const fn request(&self) -> &Arc<Request> {
        &self.request
    }

    /// Ends the exchange before anything else is known of the request.
    pub const fn end(self, reason: Reason, detail: Option<String>) -> Ended<Self> {
        Ended::at(self, reason, detail)
    }

    /// The address of the server that the reply comes from.
    pub const fn reply_source(&self) -> Ipv4Addr {
        self.reply_source
    }
}
