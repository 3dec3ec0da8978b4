//! Terms: what a policy sets for one request.

use std::{fmt, net::Ipv4Addr};

pub use crate::__bindings::types::BeyondLimit;
use crate::{
    __bindings::types,
    OptionSetting, option,
    request::{from_octets, to_octets},
};

/// The terms that the policies of the chain set for one request. The configuration applies to
/// everything that no policy sets. If several policies set the same term, the last one wins, until
/// a policy makes the terms final. The changes of a call take effect only if the call returns.
#[derive(Debug)]
pub struct Terms<'call>(pub(crate) &'call types::Terms);

/// The reason why an option was not set or removed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OptionError {
    /// Only the server sets this option, because it must agree with what the server does.
    ReservedCode,
    /// The value has more than 1,020 octets.
    ValueTooLong,
    /// This call has already set and removed 64 options, or set values of 4,096 octets in total.
    TooManyOptions,
    /// Another reason, as text.
    Other(Option<String>),
}

impl Terms<'_> {
    /// Takes the address from the pool of this name. A pool with `by-policy-only` is used only in
    /// this way. A client that has a reservation still gets its reserved address. If the client's
    /// network has no such pool, the client gets no answer, and the log gives the reason. This
    /// replaces an address that this or an earlier policy has set. The call fails if the name has
    /// more than 255 octets.
    pub fn set_pool(&self, name: &str) {
        self.0.set_pool(name);
    }

    /// Takes the address from the first of these pools that has one for the client, which keeps an
    /// address of any of them. Pools that the network does not have are passed over; if it has none
    /// of them, the client gets no answer. Apart from that, this is as [`Terms::set_pool`]. The
    /// call fails for no name and for more than 8 names.
    pub fn set_pools<N: Into<String>>(&self, names: impl IntoIterator<Item = N>) {
        let names: Vec<String> = names.into_iter().map(Into::into).collect();
        self.0.set_pools(&names);
    }

    /// Gives the client exactly this address, even if it has a reservation. The address must be in
    /// a subnet of the client's network and neither reserved for nor leased to another client;
    /// otherwise the client gets no answer. This replaces a pool that this or an earlier policy has
    /// set.
    pub fn set_address(&self, address: Ipv4Addr) {
        self.0.set_address(to_octets(address));
    }

    /// Sets the lease time in seconds. The maximum that is configured for the address limits it.
    /// `u32::MAX` means infinite.
    pub fn set_lease_time_secs(&self, secs: u32) {
        self.0.set_lease_time_secs(secs);
    }

    /// Sets the server that the client boots from (siaddr); 0.0.0.0 stands for none.
    pub fn set_next_server(&self, address: Ipv4Addr) {
        self.0.set_next_server(to_octets(address));
    }

    /// Sets the name of the server that the client boots from: the field sname, and option 66 for a
    /// client that asks for it. An empty name sends none, even if one is configured. The call fails
    /// if the name has more than 63 octets or a zero octet.
    pub fn set_server_name(&self, name: &str) {
        self.0.set_server_name(name);
    }

    /// Sets what the client boots: the field file, and option 67 for a client that asks for it. An
    /// empty name sends none, even if one is configured. The call fails if the name has more than
    /// 127 octets or a zero octet.
    pub fn set_boot_file(&self, name: &str) {
        self.0.set_boot_file(name);
    }

    /// Sets when the client extends its lease with this server (T1, option 58), in seconds. A time
    /// that is not before T2 is replaced by the default, half of the lease time.
    pub fn set_renewal_time_secs(&self, secs: u32) {
        self.0.set_renewal_time_secs(secs);
    }

    /// Sets the same as a part of the lease time, such as 0.5. The call fails unless the number is
    /// between 0 and 1, neither included.
    pub fn set_renewal_fraction(&self, fraction: f64) {
        self.0.set_renewal_fraction(fraction);
    }

    /// Sets when the client extends its lease with any server (T2, option 59), in seconds. A time
    /// that is not before the end of the lease is replaced by the default, seven eighths of the
    /// lease time.
    pub fn set_rebinding_time_secs(&self, secs: u32) {
        self.0.set_rebinding_time_secs(secs);
    }

    /// Sets the same as a part of the lease time, such as 0.875. The call fails unless the number
    /// is between 0 and 1, neither included.
    pub fn set_rebinding_fraction(&self, fraction: f64) {
        self.0.set_rebinding_fraction(fraction);
    }

    /// Counts the lease against this subscriber, which may have `leases_max` leases at a time
    /// within the client's network. Extending a lease that already counts against the subscriber
    /// never exceeds the limit. The call fails if the name is empty or has more than 255 octets, or
    /// if `leases_max` is 0.
    pub fn set_subscriber(&self, name: &str, leases_max: u32, beyond: BeyondLimit) {
        self.0.set_subscriber(name, leases_max, beyond);
    }

    /// Sends this option, whether or not the client asked for it, instead of the configured value.
    /// The module [`crate::option`] has codes and encodes values.
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

    /// Removes this option from the reply, even if it is configured or an earlier policy has set
    /// it.
    ///
    /// # Errors
    /// Returns an [`OptionError`] if the server refuses the change.
    pub fn remove_option(&self, code: u8) -> Result<(), OptionError> {
        self.0.remove_option(code).map_err(OptionError::from)
    }

    /// Makes the terms final: later policies are not called for this request, and the terms at the
    /// end of this call apply. The `reply_options` hook of later policies is not called for the
    /// reply either.
    pub fn set_final(&self) {
        self.0.set_final();
    }

    /// The pools that earlier policies or this call have set, in order of preference; empty if the
    /// latest of them set an address or if none set a pool.
    pub fn pools(&self) -> Vec<String> {
        self.0.pools()
    }

    /// The pool that earlier policies or this call have set, or `None` if the latest of them set an
    /// address or if none set a pool.
    pub fn pool(&self) -> Option<String> {
        self.0.pool()
    }

    /// The address that earlier policies or this call have set, or `None` if the latest of them set
    /// a pool or if none set an address.
    pub fn address(&self) -> Option<Ipv4Addr> {
        self.0.address().map(from_octets)
    }

    /// The lease time that earlier policies or this call have set, in seconds.
    pub fn lease_time_secs(&self) -> Option<u32> {
        self.0.lease_time_secs()
    }

    /// The value that earlier policies or this call have set for an option, or `None` if they set
    /// none or have removed it since.
    pub fn dhcp_option(&self, code: u8) -> Option<Vec<u8>> {
        self.0.dhcp_option(code)
    }

    /// The codes of the options that earlier policies or this call have set, in ascending order.
    pub fn option_codes(&self) -> Vec<u8> {
        self.0.option_codes()
    }

    /// The codes of the options that earlier policies or this call have removed and that were not
    /// set again, in ascending order.
    pub fn removed_option_codes(&self) -> Vec<u8> {
        self.0.removed_option_codes()
    }

    /// The subscriber that earlier policies or this call have set.
    pub fn subscriber(&self) -> Option<String> {
        self.0.subscriber()
    }

    /// The boot server that earlier policies or this call have set; 0.0.0.0 if they want none.
    pub fn next_server(&self) -> Option<Ipv4Addr> {
        self.0.next_server().map(from_octets)
    }

    /// The name of the boot server that earlier policies or this call have set; empty if they want
    /// none.
    pub fn server_name(&self) -> Option<String> {
        self.0.server_name()
    }

    /// The boot file that earlier policies or this call have set; empty if they want none.
    pub fn boot_file(&self) -> Option<String> {
        self.0.boot_file()
    }

    /// The time to extend the lease with this server that earlier policies or this call have set,
    /// in seconds; `None` if the latest of them set a fraction or if none set a time.
    pub fn renewal_time_secs(&self) -> Option<u32> {
        self.0.renewal_time_secs()
    }

    /// The same as a part of the lease time; `None` if the latest of them set seconds or if none
    /// set a time.
    pub fn renewal_fraction(&self) -> Option<f64> {
        self.0.renewal_fraction()
    }

    /// The time to extend the lease with any server that earlier policies or this call have set, in
    /// seconds; `None` if the latest of them set a fraction or if none set a time.
    pub fn rebinding_time_secs(&self) -> Option<u32> {
        self.0.rebinding_time_secs()
    }

    /// The same as a part of the lease time; `None` if the latest of them set seconds or if none
    /// set a time.
    pub fn rebinding_fraction(&self) -> Option<f64> {
        self.0.rebinding_fraction()
    }
}

impl fmt::Display for OptionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ReservedCode => "only the server sets this option",
            Self::ValueTooLong => "the value has more than 1,020 octets",
            Self::TooManyOptions => "the call sets too many options or too many octets of options",
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
