//! What can go wrong in one exchange with a server.

use std::{io, time::Duration};

use dhcproto::error::{DecodeError, EncodeError};
use thiserror::Error;

use crate::{code, mistake::Mistake};

/// Why an exchange did not bring what was wanted.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ExchangeError {
    /// The reply breaks a rule.
    #[error("in the answer to {sent}: {mistake}")]
    Mistake {
        /// The message that was sent.
        sent: &'static str,
        /// The rule that the answer breaks.
        #[source]
        mistake: Box<Mistake>,
    },
    /// No answer within the time.
    #[error(
        "no answer to {sent} within {waited:?}; wanted {wanted}{}",
        said_of_strays(*strays, last_stray.as_deref())
    )]
    NoReply {
        /// The message that was sent.
        sent: &'static str,
        /// The message that was waited for.
        wanted: &'static str,
        /// How long.
        waited: Duration,
        /// How many datagrams came that were no answer to it.
        strays: u64,
        /// Why the last of them was none.
        last_stray: Option<String>,
    },
    /// The socket failed.
    #[error("{doing} failed")]
    Socket {
        /// What was done.
        doing: &'static str,
        /// The system's error.
        source: io::Error,
    },
    /// A part of option 82 is longer than its length field can say.
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
    /// Octets that are no message, so that no answer to them could be told from others.
    #[error("these octets are no message; wanted a header of 240 octets with hlen up to 16")]
    Unusable {
        /// What dhcproto says of them.
        source: DecodeError,
    },
    /// An answer of another type.
    #[error("{sent} was answered by {found}; wanted {wanted}")]
    Unwanted {
        /// The message that was sent.
        sent: &'static str,
        /// The message that was waited for.
        wanted: &'static str,
        /// What came, with the server's own words if it gave any.
        found: String,
    },
    /// dhcproto could not write the message.
    #[error("the message cannot be written")]
    Unwritable {
        /// Its error.
        source: EncodeError,
    },
}

fn said_of_strays(strays: u64, last_stray: Option<&str>) -> String {
    match last_stray {
        Some(last) => format!("; {strays} other datagrams came, the last one: {last}"),
        None => String::new(),
    }
}
