//! The server's own addresses, as far as a configuration and the host say them.

use std::{borrow::Cow, net::Ipv4Addr};

/// The server's own addresses, which no client may have.
#[derive(Clone, Default)]
pub(crate) struct OwnAddresses {
    /// The addresses that the file names.
    pub(crate) in_file: Vec<Ipv4Addr>,
    /// The addresses of the interfaces that the file names, if the host is known. They are not part
    /// of the file, so a pool may contain one, and the server skips it.
    pub(crate) on_host: Vec<Ipv4Addr>,
}

impl OwnAddresses {
    /// Those that matter to a subnet with this server identifier. An address of a VPN is another
    /// one than that of the server.
    pub(crate) fn of_subnet(&self, is_in_vpn: bool, identifier: Option<Ipv4Addr>) -> Cow<'_, Self> {
        let mut own = match is_in_vpn {
            true => Cow::Owned(Self::default()),
            false => Cow::Borrowed(self),
        };
        if let Some(identifier) = identifier.filter(|address| !own.in_file.contains(address)) {
            own.to_mut().in_file.push(identifier);
        }
        own
    }
}
