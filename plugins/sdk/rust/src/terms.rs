//! Terms: what a policy wants for one request.

use std::{fmt, net::Ipv4Addr};

pub use crate::__bindings::types::BeyondLimit;
use crate::{
    __bindings::types,
    request::{from_octets, to_octets},
};

/// What the policies want for one request. What none of them sets is as configured; the last policy
/// of the chain to set something wins, until one makes the terms final; what a call sets counts only if
/// the call returns.
#[derive(Debug)]
pub struct Terms<'call>(pub(crate) &'call types::Terms);

/// Why an option was not set or removed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OptionError {
    /// Only the server sets this option, because it must agree with what the server does.
    ReservedCode,
    /// The value has more than 1,020 octets.
    ValueTooLong,
    /// This call has set and removed 64 options already, or values of 4,096 octets in all.
    TooManyOptions,
    /// Something else, in words.
    Other(Option<String>),
}

impl Terms<'_> {
    /// Take the address from the pool of this name: the only way into a pool that is by policy only.
    /// A client that has a reservation keeps to its reserved address. If the client's network has no
    /// such pool, the client gets no answer, and the log says why. This replaces an address set
    /// before, by whichever policy. The call fails if the name has more than 255 octets.
    pub fn set_pool(&self, name: &str) {
        self.0.set_pool(name);
    }

    /// Give exactly this address, whatever the client has reserved. It must lie in a subnet of the
    /// client's network and be neither reserved for nor leased to another client, otherwise the
    /// client gets no answer. This replaces a pool set before, by whichever policy.
    pub fn set_address(&self, address: Ipv4Addr) {
        self.0.set_address(to_octets(address));
    }

    /// The lease time in seconds, up to the longest that the subnet grants; `u32::MAX` is for ever.
    pub fn set_lease_time_secs(&self, secs: u32) {
        self.0.set_lease_time_secs(secs);
    }

    /// Count the lease against this subscriber, who may have `leases_max` leases at a time within the
    /// client's network. A client that extends a lease that counts against it already is never
    /// beyond the limit by that. The call fails if the name is empty or has more than 255 octets, or
    /// if `leases_max` is 0.
    pub fn set_subscriber(&self, name: &str, leases_max: u32, beyond: BeyondLimit) {
        self.0.set_subscriber(name, leases_max, beyond);
    }

    /// Send this option whether or not the client asked for it, in place of the value that is
    /// configured. The module [`crate::option`] has codes and makes values.
    ///
    /// # Errors
    /// See [`OptionError`].
    pub fn set_option(&self, code: u8, value: impl AsRef<[u8]>) -> Result<(), OptionError> {
        self.0.set_option(code, value.as_ref()).map_err(OptionError::from)
    }

    /// Do not send this option, even if it is configured or an earlier policy set it.
    ///
    /// # Errors
    /// See [`OptionError`].
    pub fn remove_option(&self, code: u8) -> Result<(), OptionError> {
        self.0.remove_option(code).map_err(OptionError::from)
    }

    /// Ask no policy behind this one about the request: what is set when this call ends is what counts.
    /// Their `reply_options` is not called for the reply either.
    pub fn set_final(&self) {
        self.0.set_final();
    }

    /// The pool that earlier policies or this call have set; none if the latest of them set an address,
    /// or nothing.
    pub fn pool(&self) -> Option<String> {
        self.0.pool()
    }

    /// The address that earlier policies or this call have set; none if the latest of them set a pool,
    /// or nothing.
    pub fn address(&self) -> Option<Ipv4Addr> {
        self.0.address().map(from_octets)
    }

    /// The lease time that earlier policies or this call have set, in seconds.
    pub fn lease_time_secs(&self) -> Option<u32> {
        self.0.lease_time_secs()
    }

    /// The value that earlier policies or this call have set for an option; none if they set none, or
    /// removed it since.
    pub fn dhcp_option(&self, code: u8) -> Option<Vec<u8>> {
        self.0.dhcp_option(code)
    }

    /// The codes of the options that earlier policies or this call have set, in ascending order.
    pub fn option_codes(&self) -> Vec<u8> {
        self.0.option_codes()
    }

    /// The codes of the options that earlier policies or this call have removed and nobody has set
    /// since, in ascending order.
    pub fn removed_option_codes(&self) -> Vec<u8> {
        self.0.removed_option_codes()
    }

    /// The subscriber that earlier policies or this call have set.
    pub fn subscriber(&self) -> Option<String> {
        self.0.subscriber()
    }
}

impl fmt::Display for OptionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ReservedCode => "only the server sets this option",
            Self::ValueTooLong => "the value has more than 1,020 octets",
            Self::TooManyOptions => "more options, or octets of them, than one call may set",
            Self::Other(None) => "the server refused the option",
            Self::Other(Some(text)) => text,
        })
    }
}

impl std::error::Error for OptionError {}

impl From<types::OptionError> for OptionError {
    fn from(error: types::OptionError) -> Self {
        match error {
            types::OptionError::ReservedCode => Self::ReservedCode,
            types::OptionError::ValueTooLong => Self::ValueTooLong,
            types::OptionError::TooManyOptions => Self::TooManyOptions,
            types::OptionError::Other(text) => Self::Other(text),
        }
    }
}
