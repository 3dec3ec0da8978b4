//! A subscriber: what identifies its device and its line, and what its messages say.

use crate::{code, error::ExchangeError};

/// A subscriber: the device of one customer and the line that it is connected to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscriber {
    /// The Ethernet address of the device (chaddr).
    pub hardware_address: [u8; 6],
    /// The relay's name of the line (option 82, sub-option 1); left out if empty.
    pub circuit_id: Vec<u8>,
    /// The relay's name of the remote end (option 82, sub-option 2).
    pub remote_id: Option<Vec<u8>>,
    /// Option 61.
    pub client_identifier: Option<Vec<u8>>,
    /// Option 60.
    pub vendor_class: Option<String>,
    /// Option 12.
    pub host_name: Option<String>,
    /// Option 55; left out if empty. The default is the list of a home router.
    pub parameter_request_list: Vec<u8>,
    /// More options, code and octets, for every message; they replace those above, including option
    /// 82. An option without octets is left out, because dhcproto cannot write it.
    pub more_options: Vec<(u8, Vec<u8>)>,
}

impl Subscriber {
    /// The options that a home router requests: mask, routers, name servers, domain name, MTU,
    /// broadcast address, time servers, lease time, renewal and rebinding time, static routes.
    pub const PARAMETERS: [u8; 11] = [1, 3, 6, 15, 26, 28, 42, 51, 58, 59, 121];
    /// The largest length of a sub-option of option 82 (RFC 3046 section 2.0).
    pub const SUB_OPTION_OCTETS_MAX: usize = code::SUB_OPTION_OCTETS_MAX;

    /// Creates a subscriber with this device on this line, and no other properties.
    pub fn new(hardware_address: [u8; 6], circuit_id: impl Into<Vec<u8>>) -> Self {
        Self { hardware_address, circuit_id: circuit_id.into(), ..Self::default() }
    }

    /// Rejects sub-options that are too long: dhcproto would truncate the length and write a
    /// damaged message.
    pub(crate) fn check_lengths(&self) -> Result<(), ExchangeError> {
        let remote_id = self.remote_id.as_deref().unwrap_or_default();
        for (what, octets) in [("circuit id", self.circuit_id.as_slice()), ("remote id", remote_id)]
        {
            if octets.len() > Self::SUB_OPTION_OCTETS_MAX {
                return Err(ExchangeError::TooLong { what, found: octets.len() });
            }
        }
        Ok(())
    }
}

impl Default for Subscriber {
    fn default() -> Self {
        Self {
            hardware_address: [0x02, 0x4c, 0, 0, 0, 0],
            circuit_id: Vec::new(),
            remote_id: None,
            client_identifier: None,
            vendor_class: None,
            host_name: None,
            parameter_request_list: Self::PARAMETERS.to_vec(),
            more_options: Vec::new(),
        }
    }
}
