//! `dhcp-range`: the addresses of a subnet, its mask and the lease time.

use std::{collections::BTreeSet, net::Ipv4Addr};

use ipnet::Ipv4Net;
use lessor_core::INFINITE_SECS;

use super::lines::Line;

/// dnsmasq's lease time if the range has none, in seconds.
const LEASE_TIME_SECS: u32 = 3_600;
/// The shortest lease that dnsmasq grants, in seconds.
pub(super) const LEASE_TIME_MIN_SECS: u32 = 120;

/// A range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) first: Ipv4Addr,
    /// `None` if the subnet has reserved addresses only.
    pub(super) last: Option<Ipv4Addr>,
    pub(super) prefix: Ipv4Net,
    /// Whether the line says the mask.
    pub(super) says_mask: bool,
    pub(super) broadcast: Option<Ipv4Addr>,
    pub(super) lease_time: u32,
    /// Tags that a client needs.
    pub(super) needs: Vec<String>,
    /// The tag that its clients get.
    pub(super) sets: Vec<String>,
}

/// Reads the ranges of a configuration. Those that are not carried have the reason.
pub(super) fn all(lines: &[Line]) -> Vec<(&Line, Result<Range, String>)> {
    let lines = lines.iter().filter(|line| line.key == "dhcp-range");
    let mut ranges: Vec<_> = lines.map(|line| (line, read(line))).collect();
    let read = ranges.iter_mut().filter_map(|(_, range)| range.as_mut().ok());
    agree(&mut read.collect::<Vec<&mut Range>>());
    ranges
}

/// Gives ranges without a mask the prefix of another one that contains them: both belong to the
/// interface with that prefix.
fn agree(ranges: &mut [&mut Range]) {
    let prefixes = |ranges: &[&mut Range], says_mask: bool| {
        let such = ranges.iter().filter(|range| range.says_mask == says_mask);
        such.map(|range| range.prefix).collect::<BTreeSet<Ipv4Net>>()
    };
    let stated = prefixes(ranges, true);
    for range in ranges.iter_mut().filter(|range| !range.says_mask) {
        let longest = range.within(&stated, (0..=32).rev());
        range.prefix = longest.unwrap_or(range.prefix);
    }
    let assumed = prefixes(ranges, false);
    for range in ranges.iter_mut().filter(|range| !range.says_mask) {
        let is_stated = stated.contains(&range.prefix);
        let shortest = range.within(&assumed, 0..=32).filter(|_| !is_stated);
        range.prefix = shortest.unwrap_or(range.prefix);
    }
}

impl Range {
    /// The first prefix of these lengths that contains all of the range.
    fn within(
        &self,
        prefixes: &BTreeSet<Ipv4Net>,
        lengths: impl Iterator<Item = u8>,
    ) -> Option<Ipv4Net> {
        let around = lengths.filter_map(|length| Ipv4Net::new(self.first, length).ok());
        around.map(|prefix| prefix.trunc()).find(|prefix| {
            let has_end = self.last.is_none_or(|last| prefix.contains(&last));
            has_end && prefixes.contains(prefix)
        })
    }
}

/// Reads a range.
///
/// # Errors
/// Returns why it is not carried.
fn read(line: &Line) -> Result<Range, String> {
    let parts = line.parts();
    let (tags, rest): (Vec<&str>, Vec<&str>) = parts
        .iter()
        .map(String::as_str)
        .partition(|part| ["tag:", "set:"].iter().any(|kind| part.starts_with(kind)));
    let tagged = |kind: &str| {
        let names = tags.iter().filter_map(|tag| tag.strip_prefix(kind));
        names.map(str::to_owned).collect::<Vec<String>>()
    };
    let (needs, sets) = (tagged("tag:"), tagged("set:"));
    let (first, rest) = rest.split_first().ok_or("it has no address")?;
    if first.contains(':') {
        return Err("the server speaks DHCPv4 only".to_owned());
    }
    let first: Ipv4Addr = first.parse().map_err(|_| format!("{first:?} is not an IPv4 address"))?;
    let (mode, rest) = rest.split_first().map_or(("", rest), |(mode, rest)| (*mode, rest));
    let last = match mode {
        "static" => None,
        "proxy" => return Err("proxies of PXE are not served".to_owned()),
        "" => Some(first),
        text => match text.parse::<Ipv4Addr>() {
            Ok(last) => Some(last),
            Err(_) => return Err(format!("{text:?} is neither an address nor a mode")),
        },
    };
    let mut addresses = Vec::new();
    let mut lease_time = LEASE_TIME_SECS;
    for part in rest.iter().filter(|part| !part.is_empty()) {
        match part.parse::<Ipv4Addr>() {
            Ok(address) => addresses.push(address),
            Err(_) => lease_time = duration(part)?,
        }
    }
    let (mask, broadcast) = (addresses.first().copied(), addresses.get(1).copied());
    let prefix = match mask {
        Some(mask) => {
            Ipv4Net::with_netmask(first, mask).map_err(|_| format!("{mask} is not a mask"))?.trunc()
        }
        None => guessed(first, last.unwrap_or(first)),
    };
    let (first, last) = match last {
        Some(last) if last < first => (last, Some(first)),
        last => (first, last),
    };
    let says_mask = mask.is_some();
    Ok(Range { first, last, prefix, says_mask, broadcast, lease_time, needs, sets })
}

/// The prefix of a range without a mask: dnsmasq takes it from an interface, which the file does
/// not say. Most have 24 bits; a range that needs more addresses has the shortest that fits.
fn guessed(first: Ipv4Addr, last: Ipv4Addr) -> Ipv4Net {
    let differing = u32::from(first) ^ u32::from(last);
    let length = u8::try_from(differing.leading_zeros()).unwrap_or(32).min(24);
    Ipv4Net::new(first, length).map(|prefix| prefix.trunc()).unwrap_or_default()
}

/// Reads a lease time: a number with a unit, or `infinite`. dnsmasq grants no shorter one than two
/// minutes.
///
/// # Errors
/// Returns what was wanted.
pub(super) fn duration(text: &str) -> Result<u32, String> {
    if text == "infinite" {
        return Ok(INFINITE_SECS);
    }
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let unit = match text.get(digits.len()..).unwrap_or_default() {
        "" | "s" | "S" => 1,
        "m" | "M" => 60,
        "h" | "H" => 3_600,
        "d" | "D" => 86_400,
        "w" | "W" => 604_800,
        _ => return Err(format!("{text:?} is not a lease time")),
    };
    let secs = digits.parse::<u32>().ok().and_then(|number| number.checked_mul(unit));
    let secs = secs.ok_or_else(|| format!("{text:?} is not a lease time"))?;
    Ok(secs.max(LEASE_TIME_MIN_SECS))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::place::Place;

    fn read_value(value: &str) -> Result<Range, String> {
        let place = Place::new(&"f".into(), 1);
        read(&Line { place, key: "dhcp-range".into(), value: value.into() })
    }

    #[test]
    fn a_range_without_a_mask_has_the_prefix_of_a_range_around_it() {
        let prefixes = |values: &[&str]| {
            let place = Place::new(&"f".into(), 1);
            let line = |value: &&str| Line {
                place: place.clone(),
                key: "dhcp-range".into(),
                value: (*value).into(),
            };
            let lines: Vec<Line> = values.iter().map(line).collect();
            let ranges = all(&lines).into_iter().map(|(_, range)| range.unwrap());
            ranges.map(|range| range.prefix.to_string()).collect::<Vec<String>>()
        };
        let stated = "10.0.0.10,10.0.0.100,255.255.0.0";
        let found = prefixes(&["10.0.1.10,10.0.1.100", stated, "10.1.0.0,static"]);
        assert_eq!(found, ["10.0.0.0/16", "10.0.0.0/16", "10.1.0.0/24"]);
        let longer = "10.0.1.200,10.0.1.210,255.255.255.0";
        let found = prefixes(&[stated, longer, "10.0.1.1,10.0.1.9", "10.0.1.1,10.0.2.9"]);
        assert_eq!(found[2..], ["10.0.1.0/24", "10.0.0.0/16"]);
        let found = prefixes(&["10.0.1.1,10.0.1.9", "10.0.0.1,10.0.2.9", "10.0.4.1,10.0.4.9"]);
        assert_eq!(found, ["10.0.0.0/22", "10.0.0.0/22", "10.0.4.0/24"]);
    }

    #[test]
    fn ranges_are_read_in_every_form() {
        for (value, prefix, last, time) in [
            ("192.0.2.50,192.0.2.150,12h", "192.0.2.0/24", Some(150), 43_200),
            ("192.0.2.50,192.0.2.60,255.255.255.128", "192.0.2.0/25", Some(60), 3_600),
            (
                "tag:a,set:b,192.0.2.50,192.0.2.60,255.255.255.0,192.0.2.255,infinite",
                "192.0.2.0/24",
                Some(60),
                INFINITE_SECS,
            ),
            ("192.0.2.0,static", "192.0.2.0/24", None, 3_600),
            ("192.0.2.9", "192.0.2.0/24", Some(9), 3_600),
            ("192.0.2.9,192.0.2.9,45", "192.0.2.0/24", Some(9), 120),
        ] {
            let range = read_value(value).unwrap();
            let last = last.map(|last| Ipv4Addr::new(192, 0, 2, last));
            assert_eq!((range.prefix.to_string().as_str(), range.last), (prefix, last), "{value}");
            assert_eq!(range.lease_time, time, "{value}");
        }
        for value in ["net:a,192.0.2.9", "tag:a,192.0.2.9"] {
            let range = read_value(value).unwrap();
            assert_eq!((range.needs.join(","), range.sets.len()), ("a".to_owned(), 0), "{value}");
        }
        assert_eq!(read_value("red,192.0.2.9").unwrap().sets, ["red"]);
        assert_eq!(read_value("10.0.0.1,10.0.3.254").unwrap().prefix.to_string(), "10.0.0.0/22");
        for value in ["", "::1,::9", "192.0.2.1,proxy", "192.0.2.1,192.0.2.9,3x", "x,y"] {
            assert!(read_value(value).is_err(), "{value}");
        }
    }
}
