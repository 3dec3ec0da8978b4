//! Items of a value to octets, by the kind of the option.

use std::net::{Ipv4Addr, Ipv6Addr};

use lessor_core::{OptionKind, OptionValue};
use lessor_vocabulary::{
    Ipv4Prefix, hexadecimal,
    option::{Field, Width},
};

use super::Item;

/// The octets of a value of this kind. The parts of a value are items in their order.
///
/// # Errors
/// Returns what was wanted.
pub(crate) fn encode(kind: &OptionKind, items: &[Item]) -> Result<Vec<u8>, String> {
    let value = match kind {
        OptionKind::Address => OptionValue::Address(address(single(items)?)?),
        OptionKind::Addresses => OptionValue::Addresses(
            words(items).map(address).collect::<Result<Vec<Ipv4Addr>, String>>()?,
        ),
        OptionKind::Flag => OptionValue::Flag(flag(single(items)?)?),
        OptionKind::U8 => OptionValue::U8(number(single(items)?)?),
        OptionKind::U16 => OptionValue::U16(number(single(items)?)?),
        OptionKind::U16s => {
            OptionValue::U16s(words(items).map(number).collect::<Result<Vec<u16>, String>>()?)
        }
        OptionKind::U32 => OptionValue::U32(number(single(items)?)?),
        OptionKind::I8 => return integer(single(items)?, 1),
        OptionKind::I16 => return integer(single(items)?, 2),
        OptionKind::I32 => return integer(single(items)?, 4),
        OptionKind::Text => return text(items),
        OptionKind::DomainName => return domain_name(single(items)?),
        OptionKind::DomainNames => return domain_names(items),
        OptionKind::Ipv6Address => return ipv6_address(single(items)?),
        OptionKind::Routes => routes(items)?,
        OptionKind::Octets => return octets(items),
        OptionKind::Fixed(length) => return fixed(items, usize::from(*length)),
        OptionKind::Servers => return servers(items),
        OptionKind::Empty if items.is_empty() => return Ok(Vec::new()),
        OptionKind::Empty => return Err("the option takes no value".to_owned()),
        OptionKind::List(_) | OptionKind::Record(_) | OptionKind::Counted(..) => {
            return parts(kind, items);
        }
        OptionKind::Server | OptionKind::ServiceParameters | OptionKind::SubOptions(_) => {
            return Err(as_octets());
        }
    };
    Ok(value.to_octets())
}

/// The octets of a value that consists of parts, each of which takes as many items as it needs.
fn parts(kind: &OptionKind, items: &[Item]) -> Result<Vec<u8>, String> {
    let mut rest = items;
    let octets = take(kind, &mut rest)?;
    match rest {
        [] => Ok(octets),
        rest => Err(format!("{} of the values belong to nothing", rest.len())),
    }
}

fn take(kind: &OptionKind, items: &mut &[Item]) -> Result<Vec<u8>, String> {
    match kind {
        OptionKind::List(item) => {
            let mut octets = take(item, items)?;
            while !items.is_empty() {
                octets.extend(take(item, items)?);
            }
            Ok(octets)
        }
        OptionKind::Record(fields) => take_fields(fields, items),
        OptionKind::Counted(width, kind) => counted(*width, &take_leaf(kind, items)?),
        OptionKind::Addresses | OptionKind::U16s => encode(kind, std::mem::take(items)),
        leaf => take_leaf(leaf, items),
    }
}

fn take_fields(fields: &[Field], items: &mut &[Item]) -> Result<Vec<u8>, String> {
    let mut octets = Vec::new();
    for field in fields {
        if field.is_optional && items.is_empty() {
            break;
        }
        octets.extend(take(&field.kind, items)?);
    }
    Ok(octets)
}

/// Takes one item. Other servers write the parts of a part as octets, if at all.
fn take_leaf(kind: &OptionKind, items: &mut &[Item]) -> Result<Vec<u8>, String> {
    if matches!(kind, OptionKind::List(_) | OptionKind::Record(_) | OptionKind::Addresses) {
        return Err(as_octets());
    }
    let Some((first, rest)) = items.split_first() else {
        return Err("the option takes more values".to_owned());
    };
    *items = rest;
    encode(kind, std::slice::from_ref(first))
}

fn counted(width: Width, octets: &[u8]) -> Result<Vec<u8>, String> {
    if octets.len() > width.octets_max() {
        return Err(format!("a part has more than {} octets", width.octets_max()));
    }
    let length = u16::try_from(octets.len()).unwrap_or(u16::MAX).to_be_bytes();
    let skipped = match width {
        Width::One => 1,
        Width::Two => 0,
    };
    Ok(length.into_iter().skip(skipped).chain(octets.iter().copied()).collect())
}

fn as_octets() -> String {
    "values of this type are carried only if they are written as octets".to_owned()
}

/// The octets of an integer of `length` octets, which may be negative.
///
/// # Errors
/// Returns what was wanted.
pub(crate) fn integer(text: &str, length: usize) -> Result<Vec<u8>, String> {
    let wanted = || format!("{text:?} is not a number of {length} octets");
    let number = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => i64::from_str_radix(digits, 16),
        None => text.parse::<i64>(),
    };
    let number = number.map_err(|_| wanted())?;
    let bits = 8 * u32::try_from(length).unwrap_or(u32::MAX).min(4);
    let fits = number < 1_i64.checked_shl(bits).unwrap_or(i64::MAX)
        && number >= -(1_i64.checked_shl(bits.saturating_sub(1)).unwrap_or(i64::MAX));
    if !fits {
        return Err(wanted());
    }
    let all = number.to_be_bytes();
    Ok(all.get(all.len().saturating_sub(length)..).unwrap_or_default().to_vec())
}

/// The octets of domain names, compressed as RFC 3397 says.
///
/// # Errors
/// Returns the name that is none.
fn domain_names(items: &[Item]) -> Result<Vec<u8>, String> {
    let names: Vec<String> =
        words(items).map(|name| name.trim_end_matches('.').to_owned()).collect();
    let octets = OptionValue::DomainNames(names.clone()).to_octets();
    match OptionKind::DomainNames.decode(&octets) {
        Some(OptionValue::DomainNames(read)) if read.len() == names.len() => Ok(octets),
        _ => Err(format!("{:?} are not domain names", names.join(", "))),
    }
}

/// The octets of one domain name, which is not compressed.
fn domain_name(name: &str) -> Result<Vec<u8>, String> {
    if name.contains([',', ' ', '\t']) {
        return Err(format!("{name:?} is not one domain name"));
    }
    domain_names(&[Item::bare(name)])
}

/// The octets of hexadecimal digits, which may be grouped by colons, with or without `0x`. A group
/// may lack its leading zero.
pub(crate) fn hexadecimal_octets(text: &str) -> Option<Vec<u8>> {
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text);
    if digits.contains(':') {
        let octet = |group: &str| match group.len() {
            1 | 2 => u8::from_str_radix(group, 16).ok(),
            _ => None,
        };
        return digits.split(':').map(octet).collect();
    }
    let octets = hexadecimal::octets(digits).ok();
    octets.filter(|octets| !octets.is_empty() && !digits.contains(['-', ' ']))
}

/// The octets of a text.
///
/// # Errors
/// Returns what was wanted.
fn text(items: &[Item]) -> Result<Vec<u8>, String> {
    Ok(single(items)?.as_bytes().to_vec())
}

/// Hexadecimal digits, or text in quotes.
fn octets(items: &[Item]) -> Result<Vec<u8>, String> {
    let mut all = Vec::new();
    for item in items {
        match hexadecimal_octets(&item.text).filter(|_| !item.is_quoted) {
            Some(octets) => all.extend(octets),
            None => all.extend(item.text.as_bytes()),
        }
    }
    Ok(all)
}

fn fixed(items: &[Item], length: usize) -> Result<Vec<u8>, String> {
    let octets = octets(items)?;
    match octets.len() == length {
        true => Ok(octets),
        false => Err(format!("the option takes {length} octets; found {}", octets.len())),
    }
}

fn ipv6_address(text: &str) -> Result<Vec<u8>, String> {
    let address = text.trim().parse::<Ipv6Addr>();
    address.map(|address| address.octets().to_vec()).map_err(|_| {
        format!("{text:?} is not an IPv6 address, and names are not looked up; write the address")
    })
}

/// Servers by their addresses or their names (RFC 3361).
fn servers(items: &[Item]) -> Result<Vec<u8>, String> {
    let addresses: Result<Vec<Ipv4Addr>, String> = words(items).map(address).collect();
    match addresses {
        Ok(addresses) => {
            let octets = addresses.iter().flat_map(Ipv4Addr::octets);
            Ok([1].into_iter().chain(octets).collect())
        }
        Err(_) => {
            let names = words(items).map(domain_name).collect::<Result<Vec<_>, _>>()?;
            Ok([0].into_iter().chain(names.concat()).collect())
        }
    }
}

fn routes(items: &[Item]) -> Result<OptionValue, String> {
    let words: Vec<&str> = words(items).filter(|word| *word != "-").collect();
    let mut routes = Vec::new();
    for pair in words.chunks(2) {
        let [to, via] = pair else { return Err("a route has no router".to_owned()) };
        let prefix: Ipv4Prefix = match to.parse() {
            Ok(prefix) => prefix,
            Err(_) => format!("{to}/32").parse().map_err(|_| format!("{to:?} is no prefix"))?,
        };
        routes.push((prefix.trunc(), address(via)?));
    }
    Ok(OptionValue::Routes(routes))
}

/// The words of all items; other servers separate the parts of a value by commas or by spaces.
fn words(items: &[Item]) -> impl Iterator<Item = &str> {
    let parts = items.iter().flat_map(|item| item.text.split([',', ' ', '\t']));
    parts.filter(|word| !word.is_empty())
}

fn single(items: &[Item]) -> Result<&str, String> {
    match items {
        [item] => Ok(&item.text),
        items => Err(format!("the option takes one value; found {}", items.len())),
    }
}

fn address(text: &str) -> Result<Ipv4Addr, String> {
    text.trim().parse().map_err(|_| {
        format!("{text:?} is not an IPv4 address, and names are not looked up; write the address")
    })
}

fn flag(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "on" | "yes" | "1" => Ok(true),
        "false" | "off" | "no" | "0" => Ok(false),
        _ => Err(format!("{text:?} is neither true nor false")),
    }
}

fn number<T: TryFrom<u64>>(text: &str) -> Result<T, String> {
    let number = match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => text.parse::<u64>(),
    };
    let number = number.ok().and_then(|number| T::try_from(number).ok());
    number.ok_or_else(|| format!("{text:?} is not a number that the option takes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bare(texts: &[&str]) -> Vec<Item> {
        texts.iter().map(|text| Item::bare(*text)).collect()
    }

    #[test]
    fn values_are_encoded_by_kind() {
        for (kind, items, octets) in [
            (
                OptionKind::Addresses,
                bare(&["192.0.2.1, 192.0.2.2"]),
                &[192, 0, 2, 1, 192, 0, 2, 2][..],
            ),
            (OptionKind::Flag, bare(&["on"]), &[1]),
            (OptionKind::U16, bare(&["0x05dc"]), &[5, 220]),
            (OptionKind::I32, bare(&["-3600"]), &[255, 255, 241, 240]),
            (OptionKind::Text, vec![Item::quoted("a b")], b"a b"),
            (OptionKind::Octets, bare(&["1:2:ff"]), &[1, 2, 255]),
            (OptionKind::Octets, vec![Item::quoted("1:2")], b"1:2"),
            (OptionKind::DomainNames, bare(&["a.example."]), b"\x01a\x07example\0"),
            (OptionKind::Routes, bare(&["10.0.0.0/8 - 192.0.2.1"]), &[8, 10, 192, 0, 2, 1]),
            (OptionKind::Routes, bare(&["192.0.2.9,192.0.2.1"]), &[32, 192, 0, 2, 9, 192, 0, 2, 1]),
        ] {
            assert_eq!(encode(&kind, &items).unwrap(), octets, "{kind:?} {items:?}");
        }
    }

    #[test]
    fn what_is_no_value_says_what_was_wanted() {
        for (kind, items) in [
            (OptionKind::Address, bare(&["router.example.net"])),
            (OptionKind::Address, bare(&["192.0.2.1", "192.0.2.2"])),
            (OptionKind::U8, bare(&["256"])),
            (OptionKind::Flag, bare(&["perhaps"])),
            (OptionKind::DomainNames, bare(&["a..b"])),
            (OptionKind::Routes, bare(&["10.0.0.0/8"])),
        ] {
            assert!(encode(&kind, &items).is_err(), "{kind:?} {items:?}");
        }
    }

    #[test]
    fn integers_have_the_wanted_length() {
        assert_eq!(integer("-1", 2).unwrap(), [255, 255]);
        assert_eq!(integer("4294967295", 4).unwrap(), [255; 4]);
        assert!(integer("256", 1).is_err() && integer("-129", 1).is_err());
        assert!(integer("x", 1).is_err() && integer("4294967296", 4).is_err());
    }
}
