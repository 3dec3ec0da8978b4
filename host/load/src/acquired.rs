//! The lease that a subscriber holds after an ACK, or is promised by an OFFER.

use std::net::Ipv4Addr;

use dhcproto::v4::MessageType;

use crate::{
    code,
    mistake::{self, Violation},
    reply::{Reply, ReplyOptions},
};

/// The contents of an ACK, or of an OFFER.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acquired {
    /// The subscriber's address (yiaddr); 0.0.0.0 only in an OFFER to an IPv6-only client
    /// (RFC 8925 section 3.3).
    pub address: Ipv4Addr,
    /// Option 54.
    pub server_identifier: Ipv4Addr,
    /// Option 51; `u32::MAX` means for ever.
    pub lease_time_secs: u32,
    /// Option 58.
    pub renewal_time_secs: Option<u32>,
    /// Option 59.
    pub rebinding_time_secs: Option<u32>,
    /// Option 1.
    pub subnet_mask: Option<Ipv4Addr>,
    /// Option 3.
    pub routers: Vec<Ipv4Addr>,
    /// Option 6.
    pub domain_name_servers: Vec<Ipv4Addr>,
    /// siaddr.
    pub next_server: Ipv4Addr,
    /// sname, unless it contained options.
    pub server_name: Vec<u8>,
    /// file, unless it contained options.
    pub boot_file: Vec<u8>,
    /// Option 82 as it was echoed, without code and length.
    pub relay_information: Option<Vec<u8>>,
    /// Every option, including those above.
    pub options: ReplyOptions,
}

impl Acquired {
    /// Reads an OFFER, or an ACK to a REQUEST. Returns a mistake if it lacks what RFC 2131 table 3
    /// demands.
    pub fn from_reply(reply: Reply) -> Result<Self, Violation> {
        let missing = |what| Violation::Missing { what };
        let server_identifier =
            reply.server_identifier().ok_or(missing(mistake::SERVER_IDENTIFIER))?;
        let lease_time_secs = reply.lease_time_secs().ok_or(missing(mistake::LEASE_TIME))?;
        let may_lack_address = reply.message_type == MessageType::Offer
            && reply.options.get(code::IPV6_ONLY_PREFERRED).is_some();
        if reply.your_address.is_unspecified() && !may_lack_address {
            return Err(missing(mistake::ADDRESS));
        }
        let options = reply.options;
        Ok(Self {
            address: reply.your_address,
            server_identifier,
            lease_time_secs,
            renewal_time_secs: options.number(code::RENEWAL_TIME),
            rebinding_time_secs: options.number(code::REBINDING_TIME),
            subnet_mask: options.address(code::SUBNET_MASK),
            routers: options.addresses(code::ROUTERS),
            domain_name_servers: options.addresses(code::DOMAIN_NAME_SERVERS),
            next_server: reply.next_server,
            server_name: reply.server_name,
            boot_file: reply.boot_file,
            relay_information: options.get(code::RELAY_AGENT_INFORMATION).map(<[u8]>::to_owned),
            options,
        })
    }
}
