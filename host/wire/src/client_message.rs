//! Writes messages of clients, for the parts of the server that ask what it would answer.
//!
//! Does not check that a client would send such a message. Invariant: [`crate::parse()`] reads back
//! what was written.

use std::net::Ipv4Addr;

use dhcproto::v4::{MIN_PACKET_SIZE, Opcode};
use lessor_core::{
    BootFileName, HardwareAddress, OptionValue, RelayInformation, Request, RequestKind, ServerName,
    option::code,
};

use crate::{header::HeaderFields, parts::write_parts, value::encode_value};

/// A message of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientMessage {
    /// Option 53, which a message of BOOTP does not have.
    pub kind: RequestKind,
    /// htype, hlen and chaddr.
    pub hardware_address: HardwareAddress,
    /// xid
    pub transaction_id: u32,
    /// secs: how long the client has been trying.
    pub elapsed_secs: u16,
    /// The BROADCAST flag: whether the client can only receive broadcasts.
    pub wants_broadcast: bool,
    /// ciaddr; 0.0.0.0 if the client has no address that it can use.
    pub client_address: Ipv4Addr,
    /// giaddr; 0.0.0.0 if no relay is involved.
    pub relay_address: Ipv4Addr,
    /// The options other than 53 and 82, in this order.
    pub options: Vec<(u8, OptionValue)>,
    /// Option 82, the last one.
    pub relay_information: Option<RelayInformation>,
}

impl ClientMessage {
    /// A message without options but its type. Everything else is zero.
    pub fn new(kind: RequestKind, hardware_address: HardwareAddress) -> Self {
        Self {
            kind,
            hardware_address,
            transaction_id: 0,
            elapsed_secs: 0,
            wants_broadcast: false,
            client_address: Ipv4Addr::UNSPECIFIED,
            relay_address: Ipv4Addr::UNSPECIFIED,
            options: Vec::new(),
            relay_information: None,
        }
    }

    /// The payload of the datagram.
    pub fn to_octets(&self) -> Vec<u8> {
        let mut packet = Vec::with_capacity(300);
        let is_relayed = !self.relay_address.is_unspecified();
        let header = HeaderFields {
            opcode: Opcode::BootRequest,
            hops: u8::from(is_relayed),
            hardware_address: self.hardware_address,
            transaction_id: self.transaction_id,
            elapsed_secs: self.elapsed_secs,
            flags: if self.wants_broadcast { Request::BROADCAST } else { 0 },
            client_address: self.client_address,
            your_address: Ipv4Addr::UNSPECIFIED,
            next_server_address: Ipv4Addr::UNSPECIFIED,
            relay_address: self.relay_address,
            server_name: ServerName::default(),
            boot_file: BootFileName::default(),
        };
        header.write(&mut packet);
        let is_bootp = self.kind == RequestKind::Bootp;
        if !is_bootp {
            write_parts(code::MESSAGE_TYPE, &[self.kind.number()], &mut packet);
        }
        let mut octets = Vec::new();
        for (code, value) in &self.options {
            octets.clear();
            encode_value(value, &mut octets);
            write_parts(*code, &octets, &mut packet);
        }
        if let Some(information) = &self.relay_information {
            write_parts(code::RELAY_AGENT_INFORMATION, information.octets(), &mut packet);
        }
        packet.push(code::END);
        if is_bootp && packet.len() < MIN_PACKET_SIZE {
            packet.resize(MIN_PACKET_SIZE, code::PAD);
        }
        packet
    }
}
