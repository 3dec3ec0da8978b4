//! A relay on loopback whose messages get at most one reply each, for tests of exchanges of two
//! messages.

use std::{
    net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket},
    time::Duration,
};

use crate::{
    Server, loopback_address,
    plain::{PlainMessage, PlainReply},
};

/// How long a reply may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a test waits for a reply that must not come.
const SILENCE: Duration = Duration::from_millis(500);

/// A relay that is answered at the port it sends from (RFC 8357).
#[derive(Debug)]
pub struct ShortExchange {
    socket: UdpSocket,
    link: Ipv4Addr,
}

impl ShortExchange {
    /// Opens a relay for clients of the subnet of `link`.
    pub fn new(link: Ipv4Addr) -> Self {
        let local = SocketAddrV4::new(loopback_address(), 0);
        let socket = UdpSocket::bind(local).unwrap_or_else(|error| panic!("{local}: {error}"));
        Self { socket, link }
    }

    /// Sends a message, to which this adds giaddr and option 82, and returns the reply to it.
    #[track_caller]
    pub fn ask(&self, server: &Server, message: PlainMessage) -> PlainReply {
        self.send(server, message, PATIENCE).expect("a reply")
    }

    /// Sends a message, and checks that no reply comes.
    #[track_caller]
    pub fn is_ignored(&self, server: &Server, message: PlainMessage) {
        let reply = self.send(server, message, SILENCE);
        assert!(reply.is_none(), "{reply:?}");
    }

    fn send(
        &self,
        server: &Server,
        message: PlainMessage,
        patience: Duration,
    ) -> Option<PlainReply> {
        let SocketAddr::V4(local) = self.socket.local_addr().expect("it is bound") else {
            panic!("IPv4")
        };
        let information = [&[5, 4], &self.link.octets()[..], &[19, 0]].concat();
        let message = message.relayed(*local.ip()).with(82, &information);
        let sent = self.socket.send_to(&message.octets(), server.address());
        sent.expect("loopback takes datagrams");
        self.socket.set_read_timeout(Some(patience)).expect("it is not zero");
        let mut octets = [0; 2048];
        let (length, source) = self.socket.recv_from(&mut octets).ok()?;
        let SocketAddr::V4(source) = source else { panic!("IPv4") };
        let reply = PlainReply::read(octets.get(..length)?, source).expect("a reply");
        assert_eq!(reply.transaction_id, message.transaction_id);
        Some(reply)
    }
}
