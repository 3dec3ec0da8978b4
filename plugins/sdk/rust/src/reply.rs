//! Replies that the server is about to send.

use std::net::Ipv4Addr;

pub use crate::__bindings::types::ReplyKind;
use crate::{__bindings::types, OptionError, request::from_octets};

/// The reply that the server is about to send. What a call changes counts only if the call returns.
#[derive(Debug)]
pub struct Reply<'call>(pub(crate) &'call types::Reply);

impl Reply<'_> {
    /// Which message it is.
    pub fn kind(&self) -> ReplyKind {
        self.0.kind()
    }

    /// The address that the client gets (yiaddr); none in answer to an INFORM.
    pub fn your_address(&self) -> Option<Ipv4Addr> {
        self.0.your_address().map(from_octets)
    }

    /// The octets of an option of the reply, as earlier policies and this one left it.
    pub fn dhcp_option(&self, code: u8) -> Option<Vec<u8>> {
        self.0.dhcp_option(code)
    }

    /// The codes of all options of the reply, in the order in which they are to be written.
    pub fn option_codes(&self) -> Vec<u8> {
        self.0.option_codes()
    }

    /// Set an option: in the place that it has, or after all others. The module [`crate::option`] has
    /// codes and makes values.
    ///
    /// # Errors
    /// See [`OptionError`].
    pub fn set_option(&self, code: u8, value: impl AsRef<[u8]>) -> Result<(), OptionError> {
        self.0.set_option(code, value.as_ref()).map_err(OptionError::from)
    }

    /// Leave an option out. Leaving out one that is not there is no error.
    ///
    /// # Errors
    /// See [`OptionError`].
    pub fn remove_option(&self, code: u8) -> Result<(), OptionError> {
        self.0.remove_option(code).map_err(OptionError::from)
    }
}
