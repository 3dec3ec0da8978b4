//! The server's own addresses, as far as a configuration and the host say them.

use std::net::Ipv4Addr;

/// The server's own addresses, which no client may have.
#[derive(Default)]
pub(crate) struct OwnAddresses {
    /// The addresses that the file names.
    pub(crate) in_file: Vec<Ipv4Addr>,
    /// The addresses of the interfaces that the file names, if the host is known. They are not part
    /// of the file, so a pool may contain one, and the server skips it.
    pub(crate) on_host: Vec<Ipv4Addr>,
}
