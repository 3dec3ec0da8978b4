//! The contents of the hosts file.
//!
//! Opens no file. Invariant: a name is in the file once, with the address of the client that has
//! had it longest; addresses are in ascending order, so the same leases make the same file.

use std::{
    collections::{BTreeMap, HashMap},
    fmt::Write,
    net::Ipv4Addr,
};

use lessor_core::{HostName, Timestamp};

const HEADER: &str = "# The names of clients with a DHCP lease. lessor replaces this file; \
                      changes to it are lost.\n";

/// The names of running leases.
#[derive(Debug)]
pub(super) struct Page {
    /// The domain of names without one.
    domain: Option<HostName>,
    entries_max: usize,
    named: BTreeMap<Ipv4Addr, Named>,
    taken: Vec<Taken>,
    left_out: u64,
}

/// The name of a lease.
#[derive(Clone, Debug)]
struct Named {
    name: HostName,
    began_at: Timestamp,
}

/// A client without an entry, because another one has its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Taken {
    /// The address of the client.
    pub(super) address: Ipv4Addr,
    pub(super) name: HostName,
    /// The address of the client that has the name.
    pub(super) held_by: Ipv4Addr,
}

impl Page {
    /// Creates an empty page for at most `entries_max` addresses.
    pub(super) fn new(domain: Option<HostName>, entries_max: usize) -> Self {
        Self { domain, entries_max, named: BTreeMap::new(), taken: Vec::new(), left_out: 0 }
    }

    /// Adds the name of a lease that began at `began_at`. If there are too many, those with the
    /// highest addresses are left out.
    pub(super) fn add(&mut self, address: Ipv4Addr, name: &HostName, began_at: Timestamp) {
        // A name that is too long with the domain stands in the file without it.
        let name = name.completed(self.domain.as_ref()).unwrap_or_else(|_| name.clone());
        self.named.insert(address, Named { name, began_at });
        if self.named.len() > self.entries_max {
            self.named.pop_last();
            self.left_out += 1;
        }
    }

    /// Returns the text of the file, at most `octets_max` octets, and how many addresses it leaves
    /// out because they do not fit.
    pub(super) fn text(&mut self, octets_max: usize) -> (String, u64) {
        self.settle_names();
        let mut text = HEADER.to_owned();
        let mut left_out = self.left_out;
        let mut line = String::new();
        for (address, Named { name, .. }) in &self.named {
            line.clear();
            // Writing to a string cannot fail.
            let _ = write!(line, "{address} {name}");
            let domain = self.domain.as_ref().filter(|domain| name.is_in(domain));
            if let Some(host) = domain.and_then(|domain| name.strip_suffix(&**domain)) {
                let _ = write!(line, " {}", host.trim_end_matches('.'));
            }
            line.push('\n');
            match text.len() + line.len() <= octets_max {
                true => text.push_str(&line),
                false => left_out += 1,
            }
        }
        (text, left_out)
    }

    /// The clients without an entry, because another one has their name; known once the text is.
    pub(super) fn taken(&self) -> &[Taken] {
        &self.taken
    }

    /// Removes the names of clients that another one has had for longer.
    fn settle_names(&mut self) {
        let mut holders: HashMap<&HostName, (Timestamp, Ipv4Addr)> = HashMap::new();
        for (address, Named { name, began_at }) in &self.named {
            let claim = (*began_at, *address);
            let holder = holders.entry(name).or_insert(claim);
            *holder = claim.min(*holder);
        }
        let taken = self.named.iter().filter_map(|(address, Named { name, .. })| {
            let (_, held_by) = *holders.get(name)?;
            (held_by != *address).then(|| Taken { address: *address, name: name.clone(), held_by })
        });
        self.taken = taken.collect();
        for taken in &self.taken {
            self.named.remove(&taken.address);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: usize = 1 << 20;

    fn name(text: &str) -> HostName {
        HostName::read(text).unwrap()
    }

    fn page(domain: Option<&str>, entries_max: usize, leases: &[(u8, &str, u64)]) -> Page {
        let mut page = Page::new(domain.map(name), entries_max);
        for (last, text, began_at) in leases {
            let address = Ipv4Addr::new(10, 0, 0, *last);
            page.add(address, &name(text), Timestamp::from_unix_ms(*began_at));
        }
        page
    }

    fn entries(page: &mut Page, octets_max: usize) -> (Vec<String>, u64) {
        let (text, left_out) = page.text(octets_max);
        let lines = text.strip_prefix(HEADER).unwrap().lines().map(str::to_owned).collect();
        (lines, left_out)
    }

    #[test]
    fn names_have_their_domain_and_those_in_the_domain_stand_without_it_too() {
        let leases = [(3, "a.b.lan", 1), (1, "pc", 1), (2, "tv.guests.lan.example", 1)];
        let (lines, left_out) = entries(&mut page(Some("lan"), ALL, &leases), ALL);
        assert_eq!(
            lines,
            ["10.0.0.1 pc.lan pc", "10.0.0.2 tv.guests.lan.example", "10.0.0.3 a.b.lan a.b"]
        );
        assert_eq!(left_out, 0);
        let (lines, _) = entries(&mut page(None, ALL, &leases[1..]), ALL);
        assert_eq!(lines, ["10.0.0.1 pc", "10.0.0.2 tv.guests.lan.example"]);
    }

    #[test]
    fn the_first_client_keeps_a_name() {
        let leases = [(1, "pc", 20), (2, "pc.lan", 10), (3, "pc.other", 30), (4, "pc", 10)];
        let mut found = page(Some("lan"), ALL, &leases);
        let (lines, _) = entries(&mut found, ALL);
        assert_eq!(lines, ["10.0.0.2 pc.lan pc", "10.0.0.3 pc.other"]);
        let address = |last| Ipv4Addr::new(10, 0, 0, last);
        let taken =
            |last| Taken { address: address(last), name: name("pc.lan"), held_by: address(2) };
        assert_eq!(found.taken(), [taken(1), taken(4)]);
        // The next one gets it when the first lease is over.
        let (lines, _) = entries(&mut page(Some("lan"), ALL, &[leases[0], leases[3]]), ALL);
        assert_eq!(lines, ["10.0.0.4 pc.lan pc"]);
    }

    #[test]
    fn entries_and_octets_have_a_limit() {
        let leases: Vec<(u8, String, u64)> =
            (1..=9).rev().map(|last| (last, format!("pc{last}"), 1)).collect();
        let leases: Vec<(u8, &str, u64)> =
            leases.iter().map(|(last, text, at)| (*last, text.as_str(), *at)).collect();
        let (lines, left_out) = entries(&mut page(None, 3, &leases), ALL);
        assert_eq!(
            (lines, left_out),
            (["10.0.0.1 pc1", "10.0.0.2 pc2", "10.0.0.3 pc3"].map(str::to_owned).to_vec(), 6)
        );
        let octets_max = HEADER.len() + 2 * "10.0.0.1 pc1\n".len() + 5;
        let (lines, left_out) = entries(&mut page(None, 4, &leases), octets_max);
        assert_eq!((lines.len(), left_out), (2, 7));
    }

    #[test]
    fn without_names_there_is_only_the_header() {
        let (text, left_out) = page(Some("lan"), ALL, &[]).text(ALL);
        assert_eq!((text.as_str(), left_out), (HEADER, 0));
        assert!(HEADER.starts_with("# ") && HEADER.ends_with('\n'));
    }
}
