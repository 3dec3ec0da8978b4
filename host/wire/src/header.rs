//! The header of a message (RFC 2131 section 2): reads that of a datagram that is not a request, so
//! that a log can still name its sender, and writes that of every message.
//!
//! Does not check the rest of a datagram. Invariants: it returns a header for every datagram that
//! contains one; sname and file are written with at least one zero at their ends.

use std::net::Ipv4Addr;

use dhcproto::v4::{MAGIC, Opcode, borrowed};
use lessor_core::{BootFileName, HardwareAddress, ServerName};

use crate::{BOOT_FILE, OPTIONS_START, SERVER_NAME};

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

// For every hardware address, sname begins at the end of the chaddr field.
const _: () = assert!(HARDWARE_ADDRESS_START + HardwareAddress::OCTETS_MAX == SERVER_NAME.start);

/// A header to be written.
pub(crate) struct HeaderFields {
    pub(crate) opcode: Opcode,
    pub(crate) hops: u8,
    /// htype, hlen and chaddr.
    pub(crate) hardware_address: HardwareAddress,
    /// xid
    pub(crate) transaction_id: u32,
    /// secs
    pub(crate) elapsed_secs: u16,
    pub(crate) flags: u16,
    /// ciaddr
    pub(crate) client_address: Ipv4Addr,
    /// yiaddr
    pub(crate) your_address: Ipv4Addr,
    /// siaddr
    pub(crate) next_server_address: Ipv4Addr,
    /// giaddr
    pub(crate) relay_address: Ipv4Addr,
    /// sname
    pub(crate) server_name: ServerName,
    /// file
    pub(crate) boot_file: BootFileName,
}

// A zero ends the longest text that a field can have.
const _: () = assert!(ServerName::OCTETS_MAX < SERVER_NAME.end - SERVER_NAME.start);
const _: () = assert!(BootFileName::OCTETS_MAX < BOOT_FILE.end - BOOT_FILE.start);

impl HeaderFields {
    /// Writes the header and the magic cookie into `packet`, which is empty.
    pub(crate) fn write(&self, packet: &mut Vec<u8>) {
        let chaddr = self.hardware_address.octets();
        let kind = self.hardware_address.kind();
        packet.extend_from_slice(&[self.opcode.into(), kind, chaddr.len() as u8, self.hops]);
        packet.extend_from_slice(&self.transaction_id.to_be_bytes());
        packet.extend_from_slice(&self.elapsed_secs.to_be_bytes());
        packet.extend_from_slice(&self.flags.to_be_bytes());
        packet.extend_from_slice(&self.client_address.octets());
        packet.extend_from_slice(&self.your_address.octets());
        packet.extend_from_slice(&self.next_server_address.octets());
        packet.extend_from_slice(&self.relay_address.octets());
        packet.extend_from_slice(chaddr);
        for (field, text) in [(SERVER_NAME, &*self.server_name), (BOOT_FILE, &*self.boot_file)] {
            packet.resize(field.start, 0);
            packet.extend_from_slice(text.as_bytes());
        }
        packet.resize(OPTIONS_START - MAGIC.len(), 0);
        packet.extend_from_slice(&MAGIC);
    }
}
