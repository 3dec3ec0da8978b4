//! Reads the header of a datagram that is not a request, so that a log can still name its sender.
//!
//! Does not check the rest of the datagram. Invariant: it returns a header for every datagram that
//! contains one.

use std::net::Ipv4Addr;

use dhcproto::v4::borrowed;
use lessor_core::HardwareAddress;

use crate::OPTIONS_START;

/// The fields of the header (RFC 2131 section 2) that identify the sender of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// xid
    pub transaction_id: u32,
    /// chaddr, as long as hlen specifies; all 16 octets if hlen is larger.
    pub hardware_address: HardwareAddress,
    /// ciaddr; 0.0.0.0 if the client has no address.
    pub client_address: Ipv4Addr,
    /// giaddr; 0.0.0.0 if the message was not relayed.
    pub relay_address: Ipv4Addr,
}

/// Reads the header of a datagram, regardless of errors in the rest. Returns `None` if the datagram
/// has fewer than the 240 octets of header and magic cookie.
pub fn header(packet: &[u8]) -> Option<Header> {
    packet.get(..OPTIONS_START)?;
    let message = borrowed::Message::new(packet).ok()?;
    let length = usize::from(message.hlen()).min(HardwareAddress::OCTETS_MAX);
    let octets = packet.get(HARDWARE_ADDRESS_START..)?.get(..length)?;
    Some(Header {
        transaction_id: message.xid(),
        hardware_address: HardwareAddress::new(message.htype().into(), octets)?,
        client_address: message.ciaddr(),
        relay_address: message.giaddr(),
    })
}

/// The offset of chaddr (RFC 2131 section 2).
const HARDWARE_ADDRESS_START: usize = 28;
