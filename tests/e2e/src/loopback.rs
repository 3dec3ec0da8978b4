//! Relays and servers on loopback, for tests that need neither root nor namespaces.

use std::{
    net::{Ipv4Addr, SocketAddrV4},
    sync::atomic::{AtomicU32, Ordering},
};

use lessor_load::Relay;

/// Returns a loopback address that no other test uses; all of 127.0.0.0/8 belongs to this machine.
pub fn loopback_address() -> Ipv4Addr {
    static NUMBER: AtomicU32 = AtomicU32::new(1);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    assert!(number < 255, "too many addresses for one test process");
    let [.., high, low] = std::process::id().to_be_bytes();
    // Never within 127.0.0.0/16, because other programs of the machine listen there.
    Ipv4Addr::new(127, high | 0x80, low, u8::try_from(number).unwrap_or(255))
}

/// Returns a relay on loopback that sends requests to `server` for subscribers of the subnet of
/// `link`.
pub fn relay(server: SocketAddrV4, link: Ipv4Addr) -> Relay {
    let local = SocketAddrV4::new(loopback_address(), 0);
    Relay::bind(local, server, Some(link)).unwrap_or_else(|error| panic!("{local}: {error}"))
}
