//! Sources of lookups: the real servers, started for one test.

mod freeradius;
mod postgresql;
mod web_service;

use std::net::{Ipv4Addr, TcpListener, UdpSocket};

pub use freeradius::FreeRadius;
pub use postgresql::PostgreSql;
pub use web_service::{Answer, Asked, Stream, WebService};

/// Returns a free port of loopback, for TCP and UDP.
fn free_port() -> u16 {
    (0..100)
        .find_map(|_| {
            let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).ok()?;
            let port = tcp.local_addr().ok()?.port();
            UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).ok().map(|_| port)
        })
        .expect("a port is free")
}
