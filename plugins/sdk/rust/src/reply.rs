//! Replies that the server is about to send.

use std::net::Ipv4Addr;

pub use crate::__bindings::types::ReplyKind;
use crate::{__bindings::types, OptionError, OptionSetting, option, request::from_octets};

/// The reply that the server is about to send. Changes take effect only if the call returns.
#[derive(Debug)]
pub struct Reply<'call>(pub(crate) &'call types::Reply);

impl Reply<'_> {
    /// The type of the message.
    pub fn kind(&self) -> ReplyKind {
        self.0.kind()
    }

    /// The address that the client gets (yiaddr), or `None` in reply to an INFORM.
    pub fn your_address(&self) -> Option<Ipv4Addr> {
        self.0.your_address().map(from_octets)
    }

    /// The server that the client boots from (siaddr), or `None` if the reply names none.
    pub fn next_server(&self) -> Option<Ipv4Addr> {
        self.0.next_server().map(from_octets)
    }

    /// The name of the server that the client boots from (sname), or `None` if the reply names
    /// none.
    pub fn server_name(&self) -> Option<String> {
        self.0.server_name()
    }

    /// What the client boots (file), or `None` if the reply does not say.
    pub fn boot_file(&self) -> Option<String> {
        self.0.boot_file()
    }

    /// The octets of an option of the reply, with the changes of earlier policies and of this one.
    pub fn dhcp_option(&self, code: u8) -> Option<Vec<u8>> {
        self.0.dhcp_option(code)
    }

    /// The codes of all options of the reply, in the order in which they will be written.
    pub fn option_codes(&self) -> Vec<u8> {
        self.0.option_codes()
    }

    /// Sets an option. An option that the reply already has keeps its position; a new one comes
    /// after all others. The module [`crate::option`] has codes and encodes values.
    ///
    /// # Errors
    /// Returns an [`OptionError`] if the server refuses the change.
    pub fn set_option(&self, code: u8, value: impl AsRef<[u8]>) -> Result<(), OptionError> {
        self.0.set_option(code, value.as_ref()).map_err(OptionError::from)
    }

    /// Sets an option by its name or number, with the value in the form of the server's
    /// configuration: `set_option_by_name("domain-search", ["example.net"])`.
    ///
    /// # Errors
    /// Returns an [`OptionError`] if there is no such option, if the value is not what the option
    /// takes, or if the server refuses the change.
    pub fn set_option_by_name(
        &self,
        name: &str,
        value: impl Into<OptionSetting>,
    ) -> Result<(), OptionError> {
        let (code, octets) =
            option::encode(name, value).map_err(|mistake| OptionError::Other(Some(mistake)))?;
        self.set_option(code, octets)
    }

    /// Removes an option. Removing an option that the reply does not have is not an error.
    ///
    /// # Errors
    /// Returns an [`OptionError`] if the server refuses the change.
    pub fn remove_option(&self, code: u8) -> Result<(), OptionError> {
        self.0.remove_option(code).map_err(OptionError::from)
    }
}
