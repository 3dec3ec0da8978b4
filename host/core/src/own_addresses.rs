//! The server's own addresses: those that the host had when a message arrived, and those by which
//! the configuration says that clients know the server.
//!
//! Does not read them from the host. Invariant: the addresses of the host are in order, each once.

use std::{net::Ipv4Addr, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{ServerIdentifiers, VpnName, server_identifiers::in_range};

/// Every IPv4 address of every interface of the server's host, including loopback, at the time when
/// a message arrived, and every configured server identifier. Empty if the addresses are not known,
/// as in a capture of tcpdump.
///
/// A REQUEST, DECLINE or RELEASE whose option 54 names one of them is for this server (RFC 2131
/// section 4.1). No client may get one that is the server's in the address space of the client.
/// Clones share the lists. Only the addresses of the host are written and read: the identifiers are
/// those of the configuration that decides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<Ipv4Addr>", into = "Vec<Ipv4Addr>")]
pub struct OwnAddresses {
    of_host: Arc<[Ipv4Addr]>,
    configured: Option<Arc<ServerIdentifiers>>,
}

impl OwnAddresses {
    /// Returns whether `address` is one of them.
    pub fn contains(&self, address: Ipv4Addr) -> bool {
        let is_configured = |found: &Arc<ServerIdentifiers>| found.contains(address);
        self.of_host.binary_search(&address).is_ok()
            || self.configured.as_ref().is_some_and(is_configured)
    }

    /// Returns whether no address is known.
    pub fn is_empty(&self) -> bool {
        self.of_host.is_empty() && self.configured.is_none()
    }

    /// The addresses of the host, in order.
    pub fn of_host(&self) -> &[Ipv4Addr] {
        &self.of_host
    }

    /// Those from `first` to `last` that are the server's in the address space of a VPN, or in the
    /// one outside of all VPNs; in no order. The host's addresses are no addresses of a VPN.
    pub fn within(
        &self,
        vpn: Option<&VpnName>,
        first: Ipv4Addr,
        last: Ipv4Addr,
    ) -> impl Iterator<Item = Ipv4Addr> {
        let of_host = vpn.is_none().then(|| in_range(&self.of_host, first, last));
        let configured = self.configured.iter();
        let configured = configured.flat_map(move |found| found.within(vpn, first, last));
        of_host.into_iter().flatten().copied().chain(configured)
    }

    /// Adds the server identifiers of a configuration, in place of those of another one.
    pub fn set_configured(&mut self, identifiers: &Arc<ServerIdentifiers>) {
        self.configured = (!identifiers.is_empty()).then(|| Arc::clone(identifiers));
    }
}

impl Default for OwnAddresses {
    fn default() -> Self {
        Self { of_host: Arc::from([]), configured: None }
    }
}

impl From<Vec<Ipv4Addr>> for OwnAddresses {
    fn from(mut addresses: Vec<Ipv4Addr>) -> Self {
        addresses.sort_unstable();
        addresses.dedup();
        Self { of_host: addresses.into(), configured: None }
    }
}

impl From<OwnAddresses> for Vec<Ipv4Addr> {
    fn from(addresses: OwnAddresses) -> Self {
        addresses.of_host.to_vec()
    }
}

impl FromIterator<Ipv4Addr> for OwnAddresses {
    fn from_iter<I: IntoIterator<Item = Ipv4Addr>>(addresses: I) -> Self {
        Self::from(addresses.into_iter().collect::<Vec<_>>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::IdentifierReach;

    #[test]
    fn addresses_are_found_in_whatever_order_they_were_listed() {
        let [a, b, c] = [1, 2, 3].map(|last| Ipv4Addr::new(192, 0, 2, last));
        let own: OwnAddresses = [c, a, c].into_iter().collect();
        assert!(own.contains(a) && own.contains(c) && !own.contains(b));
        assert_eq!(own.of_host(), [a, c]);
        let written = serde_json::to_string(&own).unwrap();
        assert_eq!(written, r#"["192.0.2.1","192.0.2.3"]"#);
        assert_eq!(serde_json::from_str::<OwnAddresses>(&written).unwrap(), own);
        let vpn = VpnName::new("green").unwrap();
        let identifiers = [(IdentifierReach::of_network(Some(&vpn)), b)];
        let mut with_configured = own;
        with_configured.set_configured(&Arc::new(ServerIdentifiers::default().with(identifiers)));
        assert!([a, b, c].into_iter().all(|address| with_configured.contains(address)));
        assert_eq!(with_configured.within(None, b, c).collect::<Vec<_>>(), [c]);
        assert_eq!(with_configured.within(Some(&vpn), a, c).collect::<Vec<_>>(), [b]);
        // Another configuration can have other identifiers.
        assert_eq!(serde_json::to_string(&with_configured).unwrap(), written);
        with_configured.set_configured(&Arc::default());
        assert!(!with_configured.contains(b) && !with_configured.is_empty());
    }
}
