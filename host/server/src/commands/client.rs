//! The arguments that say who a client is, of `lessor explain` and of changes of leases by hand.
//!
//! Does not find the client, which the server does.

use lessor_core::HardwareAddress;
use lessor_foresight::explain::Octets;

/// Who a client is. What is needed depends on the `client-key` of its network.
#[derive(Debug, clap::Args)]
#[group(id = "client", multiple = true)]
pub(crate) struct ClientArguments {
    /// The hardware address of the client.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) hardware_address: Option<HardwareAddress>,
    /// The client identifier (option 61), as text or as hex: followed by octets.
    #[arg(long, value_name = "OCTETS", value_parser = octets)]
    pub(crate) client_id: Option<Octets>,
    /// The circuit id of the line of the client, as text or as hex: followed by octets.
    #[arg(long, value_name = "OCTETS", value_parser = octets)]
    pub(crate) circuit_id: Option<Octets>,
    /// The remote id of the line of the client, as text or as hex: followed by octets.
    #[arg(long, value_name = "OCTETS", value_parser = octets)]
    pub(crate) remote_id: Option<Octets>,
}

/// Parses text, or `hex:` and octets, as in the configuration.
pub(super) fn octets(text: &str) -> Result<Octets, String> {
    let octets = match text.strip_prefix("hex:") {
        None => text.as_bytes().to_vec(),
        Some(digits) => hex::decode(digits).map_err(|error| {
            format!("{error}; wanted text, or hex: and pairs of hexadecimal digits")
        })?,
    };
    Ok(Octets(octets))
}
