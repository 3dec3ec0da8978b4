//! The first stage: a datagram that is a request.

use std::{net::Ipv4Addr, sync::Arc};

use lessor_core::{Arrival, Reason, Request, RequestKind, Topology};
use lessor_wire::Malformed;

use crate::ended::Ended;

/// A request. It contains the addresses by which its client can know the server.
#[derive(Clone, Debug)]
pub struct Parsed {
    request: Arc<Request>,
    reply_source: Ipv4Addr,
}

impl Parsed {
    /// Reads a datagram. Unless the configuration or a relay says otherwise, the reply's option 54
    /// will contain the address that the reply comes from.
    ///
    /// # Errors
    /// If the datagram is no request, or one of a BOOTP client and no subnet serves such clients.
    pub fn read(payload: &[u8], arrival: Arrival, topology: &Topology) -> Result<Self, Malformed> {
        let mut request = lessor_wire::parse(payload, arrival)?;
        if request.kind == RequestKind::Bootp && !topology.serves_bootp() {
            return Err(Malformed::bootp());
        }
        let chosen = topology.answering_address(&request);
        let reply_source = chosen.unwrap_or(request.arrival.server_address);
        request.arrival.server_address = reply_source;
        request.arrival.own_addresses.set_configured(topology.server_identifiers());
        Ok(Self { request: Arc::new(request), reply_source })
    }

    /// The request.
    pub const fn request(&self) -> &Arc<Request> {
        &self.request
    }

    /// The request, to add its classes.
    pub(crate) const fn request_mut(&mut self) -> &mut Arc<Request> {
        &mut self.request
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
