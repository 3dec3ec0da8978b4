//! The server's own addresses: those that the host had when a message arrived, and those by which
//! the configuration says that clients know the server.
//!
//! Does not read them from the host. Invariant: the addresses of each kind are in order, each once.

use std::{net::Ipv4Addr, sync::Arc};

use serde::{Deserialize, Serialize};

/// Every IPv4 address of every interface of the server's host, including loopback, at the time when
/// a message arrived, and every configured server identifier. Empty if the addresses are not known,
/// as in a capture of tcpdump.
///
/// A REQUEST, DECLINE or RELEASE whose option 54 names one of them is for this server (RFC 2131
/// section 4.1), and no client may get any of them. Clones share the lists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<Ipv4Addr>", into = "Vec<Ipv4Addr>")]
pub struct OwnAddresses {
    of_host: Arc<[Ipv4Addr]>,
    configured: Option<Arc<[Ipv4Addr]>>,
}

impl OwnAddresses {
    /// Returns whether `address` is one of them.
    pub fn contains(&self, address: Ipv4Addr) -> bool {
        self.lists().any(|addresses| addresses.binary_search(&address).is_ok())
    }

    /// Returns whether no address is known.
    pub fn is_empty(&self) -> bool {
        self.lists().all(<[Ipv4Addr]>::is_empty)
    }

    /// All addresses, those of the host first.
    pub fn iter(&self) -> impl Iterator<Item = Ipv4Addr> {
        self.lists().flatten().copied()
    }

    /// Adds the server identifiers of a configuration, which are in order, in place of those of
    /// another one.
    pub fn set_configured(&mut self, identifiers: &Arc<[Ipv4Addr]>) {
        self.configured = (!identifiers.is_empty()).then(|| Arc::clone(identifiers));
    }

    fn lists(&self) -> impl Iterator<Item = &[Ipv4Addr]> {
        [Some(&*self.of_host), self.configured.as_deref()].into_iter().flatten()
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
        addresses.iter().collect()
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

    #[test]
    fn addresses_are_found_in_whatever_order_they_were_listed() {
        let [a, b, c] = [1, 2, 3].map(|last| Ipv4Addr::new(192, 0, 2, last));
        let own: OwnAddresses = [c, a, c].into_iter().collect();
        assert!(own.contains(a) && own.contains(c) && !own.contains(b));
        assert_eq!(own.iter().collect::<Vec<_>>(), [a, c]);
        let written = serde_json::to_string(&own).unwrap();
        assert_eq!(written, r#"["192.0.2.1","192.0.2.3"]"#);
        assert_eq!(serde_json::from_str::<OwnAddresses>(&written).unwrap(), own);
        let mut with_configured = own;
        with_configured.set_configured(&[b].into());
        assert!([a, b, c].into_iter().all(|address| with_configured.contains(address)));
        let written = serde_json::to_string(&with_configured).unwrap();
        assert_eq!(written, r#"["192.0.2.1","192.0.2.3","192.0.2.2"]"#);
    }
}
