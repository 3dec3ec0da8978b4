//! A client that has an address and communicates with the server directly, as clients do that
//! extend their leases (RFC 2131 section 4.4.5).
//!
//! It works only if its address is one of this machine's, and requires the right to use port 68.

use std::{
    io,
    net::{Ipv4Addr, SocketAddrV4},
    time::Duration,
};

use crate::{
    error::ExchangeError,
    relay::{Answer, Relay},
    subscriber::Subscriber,
};

/// The port that clients receive on (RFC 2131 section 4.1).
const CLIENT_PORT: u16 = 68;

/// A client's socket, bound to the address of its lease.
#[derive(Debug)]
pub struct ClientSocket {
    socket: Relay,
    address: Ipv4Addr,
}

impl ClientSocket {
    /// Binds the socket of a client that has `address`.
    ///
    /// # Errors
    /// If `address` is not an address of this machine, or the right to use port 68 is missing.
    pub fn bind(address: Ipv4Addr, server: SocketAddrV4) -> io::Result<Self> {
        let socket = Relay::absent(SocketAddrV4::new(address, CLIENT_PORT), server)?;
        Ok(Self { socket, address })
    }

    /// Sends a REQUEST that extends the lease (state RENEWING) from the client's address to the
    /// server's. No relay sees it, so it contains nothing about the client's line.
    ///
    /// # Errors
    /// If the message cannot be written, or the socket fails.
    pub fn renew(
        &mut self,
        subscriber: &Subscriber,
        timeout: Duration,
    ) -> Result<Answer, ExchangeError> {
        self.socket.renew(subscriber, self.address, timeout)
    }
}
