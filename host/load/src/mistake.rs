//! Mistakes: violations of RFC 2131, 3046 or 6842 that a subscriber or a relay would notice.
//!
//! Does not check replies; see [`crate::audit`].

use std::net::Ipv4Addr;

use thiserror::Error;

/// A violation of a rule by the server.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum Violation {
    /// RFC 2131 section 4.3.1: parameters of an ACK should not conflict with those of the OFFER.
    #[error("the ACK differs from the OFFER: {what}")]
    AckDiffersFromOffer {
        /// The first difference, offered and acknowledged.
        what: String,
    },
    /// A REQUEST names one address and the ACK another address.
    #[error("the ACK gives {found}; the REQUEST was for {wanted}")]
    AnotherAddress {
        /// The address of the REQUEST.
        wanted: Ipv4Addr,
        /// yiaddr of the ACK.
        found: Ipv4Addr,
    },
    /// RFC 6842 section 3: the client identifier must be echoed, and only if one was sent.
    #[error("the client identifier was returned as {}; {} was sent", written(found.as_deref()), written(sent.as_deref()))]
    ClientIdentifierNotEchoed {
        /// The octets sent.
        sent: Option<Vec<u8>>,
        /// The octets in the reply.
        found: Option<Vec<u8>>,
    },
    /// Two clients hold one address at the same time.
    #[error("{address} is given to client {client} while client {holder} holds it")]
    DuplicateAddress {
        /// The address.
        address: Ipv4Addr,
        /// The client that had it first.
        holder: u32,
        /// The client that was also given it.
        client: u32,
    },
    /// RFC 2131 table 3: a field of the header was not copied from the request.
    #[error("{field} is {found}; wanted {wanted}")]
    HeaderNotCopied {
        /// The name of the field.
        field: &'static str,
        /// The value that it must have.
        wanted: String,
        /// The value that it has.
        found: String,
    },
    /// An OFFER or ACK without address, server identifier or lease time (RFC 2131 table 3).
    #[error("the reply has no {what}")]
    Missing {
        /// The missing part.
        what: &'static str,
    },
    /// RFC 3046 section 2.2: option 82 must be echoed byte for byte, and only if it was sent.
    #[error("option 82 was returned as {}; {} was sent", written(found.as_deref()), written(sent.as_deref()))]
    RelayInformationNotEchoed {
        /// The octets sent.
        sent: Option<Vec<u8>>,
        /// The octets in the reply.
        found: Option<Vec<u8>>,
    },
}

impl Violation {
    /// Returns the name under which a report counts it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::AckDiffersFromOffer { .. } => "ack-differs-from-offer",
            Self::AnotherAddress { .. } => "another-address",
            Self::ClientIdentifierNotEchoed { .. } => "client-identifier-not-echoed",
            Self::DuplicateAddress { .. } => "duplicate-address",
            Self::HeaderNotCopied { .. } => "header-not-copied",
            Self::Missing { .. } => "missing",
            Self::RelayInformationNotEchoed { .. } => "relay-information-not-echoed",
        }
    }
}

/// The name of a part that a reply lacks.
pub(crate) const SERVER_IDENTIFIER: &str = "server identifier (option 54)";
pub(crate) const LEASE_TIME: &str = "lease time (option 51)";
pub(crate) const ADDRESS: &str = "address (yiaddr)";

/// Formats octets for people.
pub(crate) fn written(octets: Option<&[u8]>) -> String {
    match octets {
        None => "absent".to_owned(),
        Some([]) => "empty".to_owned(),
        Some(octets) => hex::encode(octets),
    }
}
