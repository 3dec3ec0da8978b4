//! Errors in one exchange with a server.

use std::{io, time::Duration};

use dhcproto::error::{DecodeError, EncodeError};
use thiserror::Error;

use crate::{code, mistake::Violation};

/// Why an exchange failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ExchangeError {
    /// The reply violates a rule.
    #[error("in the answer to {sent}: {mistake}")]
    Mistake {
        /// The message that was sent.
        sent: &'static str,
        /// The rule that the answer violates.
        #[source]
        mistake: Box<Violation>,
    },
    /// No answer arrived in time.
    #[error(
        "no answer to {sent} within {waited:?}; wanted {wanted}{}",
        said_of_strays(*strays, last_stray.as_deref())
    )]
    NoReply {
        /// The message that was sent.
        sent: &'static str,
        /// The message that was waited for.
        wanted: &'static str,
        /// How long it was waited for.
        waited: Duration,
        /// The number of datagrams that arrived and were not the answer.
        strays: u64,
        /// Why the last of them was not the answer.
        last_stray: Option<String>,
    },
    /// The socket failed.
    #[error("{doing} failed")]
    Socket {
        /// The operation that failed.
        doing: &'static str,
        /// The system's error.
        source: io::Error,
    },
    /// A part of option 82 is longer than its length field allows.
    #[error(
        "the {what} has {found} octets; option 82 has room for {}",
        code::SUB_OPTION_OCTETS_MAX
    )]
    TooLong {
        /// `circuit id` or `remote id`.
        what: &'static str,
        /// Its length.
        found: usize,
    },
    /// Octets that are not a message, so that the answer to them could not be recognised.
    #[error("these octets are not a message; wanted a header of 240 octets with hlen up to 16")]
    Unusable {
        /// The error of dhcproto.
        source: DecodeError,
    },
    /// The answer has another type.
    #[error("{sent} was answered with {found}; wanted {wanted}")]
    Unwanted {
        /// The message that was sent.
        sent: &'static str,
        /// The message that was waited for.
        wanted: &'static str,
        /// The answer that arrived, with the server's message if there is one.
        found: String,
    },
    /// dhcproto could not write the message.
    #[error("the message cannot be written")]
    Unwritable {
        /// The error of dhcproto.
        source: EncodeError,
    },
}

fn said_of_strays(strays: u64, last_stray: Option<&str>) -> String {
    match last_stray {
        Some(last) => format!("; {strays} other datagrams arrived, the last one: {last}"),
        None => String::new(),
    }
}
