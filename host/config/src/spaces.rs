//! Numbers for the address spaces of a configuration: one outside of all VPNs, and one for each
//! VPN.
//!
//! Does not know which VPN has which number.

/// The number of an address space.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Space(pub(crate) u32);

/// The address space outside of all VPNs.
pub(crate) const OUTSIDE: Space = Space(0);
