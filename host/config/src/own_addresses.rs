//! The server's own addresses, as far as a configuration and the host say them.

use std::net::Ipv4Addr;

/// The server's own addresses; no client may have one.
#[derive(Default)]
pub(crate) struct OwnAddresses {
    /// Those that the file names.
    pub(crate) in_file: Vec<Ipv4Addr>,
    /// Those of the interfaces that it names, on a host that is known. The file does not determine
    /// them, so a pool may take one in, and the server passes it over.
    pub(crate) on_host: Vec<Ipv4Addr>,
}
