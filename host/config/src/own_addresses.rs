//! The server's own addresses, as far as a configuration and the host say them.
//!
//! Invariant: the addresses in the file are in order, each once.

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
    /// Creates it from the addresses that the file names, in any order, and those of the host.
    pub(crate) fn new(in_file: impl Iterator<Item = Ipv4Addr>, on_host: Vec<Ipv4Addr>) -> Self {
        let mut in_file: Vec<Ipv4Addr> =
            in_file.filter(|address| !address.is_unspecified()).collect();
        in_file.sort_unstable();
        in_file.dedup();
        Self { in_file, on_host }
    }

    /// Those that matter to a subnet. An address of a VPN is another one than that of the server,
    /// so in a VPN they are only the server identifiers of the subnet and of what is below it.
    pub(crate) fn of_subnet(
        &self,
        is_in_vpn: bool,
        identifiers: impl Iterator<Item = Ipv4Addr>,
    ) -> Cow<'_, Self> {
        match is_in_vpn {
            true => Cow::Owned(Self::new(identifiers, Vec::new())),
            false => Cow::Borrowed(self),
        }
    }

    /// Those of the file from `first` to `last`.
    pub(crate) fn in_range(&self, first: Ipv4Addr, last: Ipv4Addr) -> &[Ipv4Addr] {
        let from = self.in_file.partition_point(|address| *address < first);
        let to = self.in_file.partition_point(|address| *address <= last);
        self.in_file.get(from..to).unwrap_or_default()
    }
}
