//! Hosts files: the addresses of devices that a `dhcp-host` has only by their names.
//!
//! They are read only if a `dhcp-host` needs them. Invariant: without an address, it is known
//! whether a file that could have it was not read.

use std::{collections::BTreeMap, net::Ipv4Addr, path::Path};

use crate::{
    input::{Reader, Text, beside},
    place::{Place, Refusal},
};

use super::{
    host,
    lines::{self, Line},
};

const SYSTEM: &str = "/etc/hosts";

/// An address of a name.
#[derive(Clone, Copy, Debug)]
struct Named {
    address: Ipv4Addr,
    /// Whether the name is the first one of the address.
    is_primary: bool,
}

/// Addresses by names.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    addresses: BTreeMap<String, Vec<Named>>,
    /// The files that could have other names.
    missing: Vec<String>,
    /// Whether the files are read.
    are_needed: bool,
}

impl Names {
    /// Reads the hosts files that dnsmasq would read. `/etc/hosts` belongs to the machine of
    /// dnsmasq, so that a file `hosts` beside the configuration stands for it.
    ///
    /// # Errors
    /// Refuses files that are there and cannot be read.
    pub(super) fn read(lines: &[Line], text: &Text, reader: &mut Reader) -> Result<Self, Refusal> {
        // Without DNS, dnsmasq does not look names up.
        let has_dns = !lines.iter().any(|line| line.key == "port" && line.value == "0");
        let mut hosts = lines.iter().filter(|line| line.key == "dhcp-host");
        let needs = |line: &Line| {
            host::read(line).is_ok_and(|host| host.address.is_none() && host.name.is_some())
        };
        let mut names = Self { are_needed: has_dns && hosts.any(needs), ..Self::default() };
        if !names.are_needed {
            return Ok(names);
        }
        if !lines.iter().any(|line| line.key == "no-hosts") {
            let file = beside(text, "hosts");
            let before = names.addresses.len();
            if file.is_file() {
                names.add_file(&file, &text.place(1), reader)?;
            }
            if names.addresses.len() == before {
                names.missing.push(SYSTEM.to_owned());
            }
        }
        for line in lines.iter().filter(|line| Self::is_file_of_names(line)) {
            let folder = Path::new(line.place.file()).parent().unwrap_or(Path::new(""));
            let path = folder.join(&line.value);
            let files = match path.is_dir() {
                true => lines::folder(&path, &[], &line.place)?,
                false => vec![path],
            };
            for file in files {
                match file.exists() {
                    true => names.add_file(&file, &line.place, reader)?,
                    false => names.missing.push(file.display().to_string()),
                }
            }
        }
        for line in lines.iter().filter(|line| line.key == "host-record") {
            let parts = line.parts();
            let address = parts.iter().find_map(|part| part.parse::<Ipv4Addr>().ok());
            let Some(address) = address else { continue };
            names.add(parts.iter().map(String::as_str), address);
        }
        Ok(names)
    }

    /// Whether a line names a file of names.
    pub(super) fn is_file_of_names(line: &Line) -> bool {
        matches!(line.key.as_str(), "addn-hosts" | "hostsdir")
    }

    /// Whether a line names a file that was read.
    pub(super) fn has_read(&self, line: &Line) -> bool {
        self.are_needed
            && Self::is_file_of_names(line)
            && !self.missing.iter().any(|file| Path::new(file).ends_with(&line.value))
    }

    /// The address of a device. dnsmasq looks for its name without the domain, and takes an address
    /// of several only if that name comes first there.
    pub(super) fn address(&self, name: &str) -> Option<Ipv4Addr> {
        let label = name.split('.').next().unwrap_or_default().to_ascii_lowercase();
        let named = match self.addresses.get(&label)?.as_slice() {
            [only] => Some(only),
            several => several.iter().find(|named| named.is_primary),
        };
        named.map(|named| named.address)
    }

    /// What may be missing if a name has no address.
    pub(super) fn doubt(&self) -> Option<String> {
        let file = self.missing.last()?;
        Some(match file.as_str() {
            SYSTEM => {
                "if /etc/hosts has the name, dnsmasq reserves its address: copy the file beside the \
                 configuration as \"hosts\", or write the address"
                    .to_owned()
            }
            file => format!(
                "{file} cannot be found; if it has the name, dnsmasq reserves its address: write the \
                 address"
            ),
        })
    }

    fn add_file(&mut self, path: &Path, from: &Place, reader: &mut Reader) -> Result<(), Refusal> {
        let text = reader.include(path, from, 1)?;
        for line in text.contents.lines() {
            let line = line.split('#').next().unwrap_or_default();
            let mut words = line.split_whitespace();
            let Some(Ok(address)) = words.next().map(str::parse) else { continue };
            self.add(words, address);
        }
        Ok(())
    }

    fn add<'w>(&mut self, names: impl Iterator<Item = &'w str>, address: Ipv4Addr) {
        for (position, name) in names.enumerate() {
            let all = self.addresses.entry(name.to_ascii_lowercase()).or_default();
            if all.iter().all(|named| named.address != address) {
                all.push(Named { address, is_primary: position == 0 });
            }
        }
    }
}
