//! Codes of the options that the simulated relay and its subscribers read or write.
//!
//! The numbers are taken from the RFCs, and are independent of those of the server under test.

pub(crate) const PAD: u8 = 0;
pub(crate) const SUBNET_MASK: u8 = 1;
pub(crate) const ROUTERS: u8 = 3;
pub(crate) const DOMAIN_NAME_SERVERS: u8 = 6;
pub(crate) const LEASE_TIME: u8 = 51;
pub(crate) const OVERLOAD: u8 = 52;
pub(crate) const MESSAGE_TYPE: u8 = 53;
pub(crate) const SERVER_IDENTIFIER: u8 = 54;
pub(crate) const MESSAGE: u8 = 56;
pub(crate) const RENEWAL_TIME: u8 = 58;
pub(crate) const REBINDING_TIME: u8 = 59;
pub(crate) const CLIENT_IDENTIFIER: u8 = 61;
pub(crate) const RELAY_AGENT_INFORMATION: u8 = 82;
pub(crate) const IPV6_ONLY_PREFERRED: u8 = 108;
pub(crate) const END: u8 = 255;

/// The octets of a sub-option of option 82 at most: its length is one octet (RFC 3046 section 2.0).
pub(crate) const SUB_OPTION_OCTETS_MAX: usize = 255;
