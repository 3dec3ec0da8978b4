//! Messages of clients, in the states of RFC 2131 section 4.3.2.

use std::net::Ipv4Addr;

use lessor_e2e::subject::{ON_LINK, Packet, Type, device};

use crate::Heard;

/// A DISCOVER with the usual list of parameters.
pub fn discover(number: u8) -> Packet {
    Packet::new(Type::Discover, device(number))
}

/// A DISCOVER that asks for these options.
pub fn discover_asking(number: u8, codes: &[u8]) -> Packet {
    Packet::without_parameters(Type::Discover, device(number)).option(55, codes)
}

/// A REQUEST that accepts an offer.
pub fn selecting(hardware_address: [u8; 6], offer: &Heard) -> Packet {
    let server = offer.said.server_identifier().unwrap_or(ON_LINK);
    let request = Packet::new(Type::Request, hardware_address);
    request.address_option(50, offer.said.your_address).address_option(54, server)
}

/// A REQUEST after a restart of the client: is this address still right?
pub fn init_reboot(number: u8, address: Ipv4Addr) -> Packet {
    Packet::new(Type::Request, device(number)).address_option(50, address)
}

/// A REQUEST that extends a lease, in the state RENEWING or REBINDING.
pub fn extending(number: u8, address: Ipv4Addr) -> Packet {
    Packet::new(Type::Request, device(number)).from_address(address)
}

/// A DECLINE of an address on the link.
pub fn decline(number: u8, address: Ipv4Addr) -> Packet {
    let packet = Packet::without_parameters(Type::Decline, device(number));
    packet.address_option(50, address).address_option(54, ON_LINK)
}

/// A RELEASE of an address that this server gave.
pub fn release(number: u8, address: Ipv4Addr, server: Ipv4Addr) -> Packet {
    let packet = Packet::without_parameters(Type::Release, device(number));
    packet.from_address(address).address_option(54, server)
}

/// An INFORM of a client that has this address.
pub fn inform(number: u8, address: Ipv4Addr) -> Packet {
    Packet::new(Type::Inform, device(number)).from_address(address)
}
