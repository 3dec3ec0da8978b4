//! The server's own addresses, as the host knew them when a message arrived.
//!
//! Does not read them from the host. Invariant: the addresses are in order, each once.

use std::{net::Ipv4Addr, sync::Arc};

use serde::{Deserialize, Serialize};

/// Every IPv4 address of every interface of the server's host, including loopback, at the time when
/// a message arrived. Empty if the addresses are not known, as in a capture of tcpdump.
///
/// A REQUEST, DECLINE or RELEASE whose option 54 names one of them is for this server (RFC 2131
/// section 4.1), and no client may get any of them. Clones share the list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<Ipv4Addr>")]
pub struct OwnAddresses(Arc<[Ipv4Addr]>);

impl OwnAddresses {
    /// Returns whether `address` is one of them.
    pub fn contains(&self, address: Ipv4Addr) -> bool {
        self.0.binary_search(&address).is_ok()
    }

    /// Returns whether no address is known.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All addresses, in order, each once.
    pub fn iter(&self) -> impl Iterator<Item = Ipv4Addr> {
        self.0.iter().copied()
    }
}

impl Default for OwnAddresses {
    fn default() -> Self {
        Self(Arc::from([]))
    }
}

impl From<Vec<Ipv4Addr>> for OwnAddresses {
    fn from(mut addresses: Vec<Ipv4Addr>) -> Self {
        addresses.sort_unstable();
        addresses.dedup();
        Self(addresses.into())
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
    }
}
