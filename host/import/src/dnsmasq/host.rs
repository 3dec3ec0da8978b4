//! `dhcp-host`: what dnsmasq knows of one device.

use std::net::Ipv4Addr;

use lessor_core::{HardwareAddress, ReservationOwner};

use crate::option_value;

use super::{lines::Line, range};

/// A host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Host {
    pub(super) owners: Vec<ReservationOwner>,
    pub(super) address: Option<Ipv4Addr>,
    pub(super) name: Option<String>,
    pub(super) lease_time: Option<u32>,
    pub(super) sets: Vec<String>,
    pub(super) needs: Vec<String>,
    pub(super) is_ignored: bool,
    pub(super) ignores_identifier: bool,
}

/// Reads a host.
///
/// # Errors
/// Returns why it is not carried.
pub(super) fn read(line: &Line) -> Result<Host, String> {
    let mut host = Host::default();
    for part in line.parts().iter().filter(|part| !part.is_empty()) {
        host.take(part)?;
    }
    Ok(host)
}

impl Host {
    fn take(&mut self, part: &str) -> Result<(), String> {
        if let Some(tag) = part.strip_prefix("set:") {
            self.sets.push(tag.to_owned());
        } else if let Some(tag) = part.strip_prefix("tag:") {
            self.needs.push(tag.to_owned());
        } else if let Some(identifier) = part.strip_prefix("id:") {
            self.identifier(identifier);
        } else if part == "ignore" {
            self.is_ignored = true;
        } else if part.starts_with('[') {
            return Err("the server speaks DHCPv4 only".to_owned());
        } else if let Ok(address) = part.parse::<Ipv4Addr>() {
            self.address = Some(address);
        } else if is_hardware(part) {
            self.add(hardware(part)?);
        } else if self.name.is_some() || part.starts_with(|first: char| first.is_ascii_digit()) {
            match range::duration(part) {
                Ok(secs) => self.lease_time = Some(secs),
                Err(_) if self.name.is_none() => self.name = Some(part.to_owned()),
                Err(why) => return Err(why),
            }
        } else if part == "infinite" {
            self.lease_time = range::duration(part).ok();
        } else {
            self.name = Some(part.to_owned());
        }
        Ok(())
    }

    fn identifier(&mut self, text: &str) {
        if text == "*" {
            self.ignores_identifier = true;
            return;
        }
        let digits = option_value::hexadecimal_octets(text).filter(|_| text.contains(':'));
        let octets = digits.unwrap_or_else(|| text.as_bytes().to_vec());
        self.add(ReservationOwner::ClientIdentifier(octets.into()));
    }

    fn add(&mut self, owner: ReservationOwner) {
        if !self.owners.contains(&owner) {
            self.owners.push(owner);
        }
    }
}

/// Whether a part looks like a hardware address, which may have a type and wildcards.
fn is_hardware(part: &str) -> bool {
    let digits = part.split_once('-').map_or(part, |(_, digits)| digits);
    digits.contains(':')
        && digits.split(':').all(|octet| {
            octet == "*"
                || (!octet.is_empty() && octet.len() <= 2 && u8::from_str_radix(octet, 16).is_ok())
        })
}

fn hardware(part: &str) -> Result<ReservationOwner, String> {
    if part.contains('*') {
        return Err("a hardware address with wildcards names many devices".to_owned());
    }
    let (kind, digits) = match part.split_once('-') {
        Some((kind, digits)) => (u8::from_str_radix(kind, 16).ok(), digits),
        None => (Some(HardwareAddress::ETHERNET), part),
    };
    let octets = option_value::hexadecimal_octets(digits);
    let address = kind.zip(octets).and_then(|(kind, octets)| HardwareAddress::new(kind, &octets));
    let address = address.ok_or_else(|| format!("{part:?} is not a hardware address"))?;
    Ok(ReservationOwner::HardwareAddress(address))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::place::Place;

    fn read_value(value: &str) -> Result<Host, String> {
        let place = Place::new(&"f".into(), 1);
        read(&Line { place, key: "dhcp-host".into(), value: value.into() })
    }

    #[test]
    fn hosts_are_read_in_every_form() {
        let host = read_value("11:22:33:44:55:66,set:fred,fred,192.168.0.60,45m").unwrap();
        assert_eq!(host.name.as_deref(), Some("fred"));
        assert_eq!(host.lease_time, Some(2_700));
        assert_eq!((host.owners.len(), host.sets.len()), (1, 1));
        let host = read_value("id:01:02:02:04,192.168.0.60,infinite").unwrap();
        let identifier = ReservationOwner::ClientIdentifier([1, 2, 2, 4].into());
        assert_eq!((host.owners, host.lease_time), (vec![identifier], Some(u32::MAX)));
        let host = read_value("id:marjorie,192.168.0.60").unwrap();
        let identifier = ReservationOwner::ClientIdentifier((*b"marjorie").into());
        assert_eq!(host.owners, [identifier]);
        let host = read_value("06-11:22:33:44:55:66,11:22:33:44:55:77,id:*,1.2.3.4").unwrap();
        assert!(host.ignores_identifier && host.owners.len() == 2);
        let host = read_value("11:22:33:44:55:66,net:red,tag:#blue,45").unwrap();
        assert_eq!((host.sets, host.needs), (vec!["red".to_owned()], vec!["!blue".to_owned()]));
        assert_eq!(host.lease_time, Some(120));
        assert!(read_value("11:22:33:44:55:66,ignore").unwrap().is_ignored);
        assert_eq!(read_value("bert,infinite").unwrap().lease_time, Some(u32::MAX));
        assert!(read_value("00:20:e0:3b:13:*,192.168.0.1").unwrap_err().contains("many devices"));
        assert!(read_value("11:22:33:44:55:66,[fe80::1]").is_err());
    }
}
