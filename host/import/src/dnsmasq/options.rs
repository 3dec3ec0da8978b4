//! `dhcp-option` and `dhcp-boot`: options, and the tags that they are for.

use std::net::Ipv4Addr;

use lessor_core::{LeasePart, OptionKind, option::code};

use crate::{
    model::{Options, Scope},
    option_names,
    option_value::{self, Item},
};

use super::lines::Line;

pub(super) const ASKED_FOR: &str = "sent to clients that ask for it";
const WITHOUT_END: &str = "without the octet 255 that dnsmasq adds at the end";
const OF_VENDOR: &str = "clients that name another vendor do not get it";
const BY_BEGINNING: &str =
    "dnsmasq finds the text anywhere in the vendor class, Lessor at its beginning";

const WITHHELD: &str = "write the option into never-send of the pool or the reservation";
const IN_QUOTES: &str = "dnsmasq sends what is in quotes as text, and the option has another form";
/// Options for which dnsmasq chooses a value unless the configuration sets them, even to nothing.
const IMPLIED: [u8; 6] = [
    code::SUBNET_MASK,
    code::ROUTERS,
    code::DOMAIN_NAME_SERVERS,
    code::HOST_NAME,
    code::DOMAIN_NAME,
    code::BROADCAST_ADDRESS,
];

/// An option that is sent to some clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tagged {
    /// Tags that a client needs; none for all clients.
    pub(super) tags: Vec<String>,
    /// What the vendor class of its clients begins with, if they need one.
    pub(super) vendor: Option<String>,
    pub(super) within: Option<Within>,
    pub(super) code: u8,
    pub(super) octets: Vec<u8>,
    pub(super) is_forced: bool,
}

/// What contains an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Within {
    /// An option.
    Option(u8),
    /// The part of a vendor in option 125, by its enterprise number.
    Vendor(u32),
}

/// How dnsmasq reads the value of an option, which decides how it finds the value in a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Text,
    /// Hexadecimal octets between colons.
    Octets,
    /// Numbers and addresses.
    Numbers,
}

/// What a client boots from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Boot {
    pub(super) tags: Vec<String>,
    pub(super) file: String,
    pub(super) server_name: Option<String>,
    pub(super) server: Option<Ipv4Addr>,
}

impl Within {
    /// The option.
    pub(super) const fn option(self) -> u8 {
        match self {
            Self::Option(code) => code,
            Self::Vendor(_) => code::VENDOR_IDENTIFYING_VENDOR_SPECIFIC,
        }
    }
}

impl Tagged {
    /// Whether it says that an option is not sent that dnsmasq sends by itself.
    pub(super) fn is_withheld(&self) -> bool {
        self.within.is_none() && self.octets.is_empty() && IMPLIED.contains(&self.code)
    }

    /// Adds the option.
    ///
    /// # Errors
    /// Returns why it is not carried.
    pub(super) fn set(&self, options: &mut Options) -> Result<(), String> {
        if self.is_withheld() {
            return Err(WITHHELD.to_owned());
        }
        let octets = self.octets.clone();
        match self.within {
            None => option_value::set(options, self.code, octets),
            Some(Within::Option(containing)) => {
                option_value::set_sub_option(options, containing, self.code, octets)
            }
            Some(Within::Vendor(number)) => {
                let containing = code::VENDOR_IDENTIFYING_VENDOR_SPECIFIC;
                let sub_option = (self.code, octets);
                option_value::set_of_vendor(options, containing, &number.to_string(), sub_option)
            }
        }
    }

    /// Adds the option to a scope, which can say that it is sent unasked, and when leases are
    /// extended.
    ///
    /// # Errors
    /// Returns why it is not carried.
    pub(super) fn set_in(&self, scope: &mut Scope) -> Result<(), String> {
        if self.is_withheld() {
            scope.never_send.push(self.code);
            return Ok(());
        }
        let secs = <[u8; 4]>::try_from(self.octets.as_slice()).ok().map(u32::from_be_bytes);
        let timer = secs.map(LeasePart::Secs);
        match (self.within, self.code) {
            (None, code::RENEWAL_TIME) if timer.is_some() => scope.renewal_time = timer,
            (None, code::REBINDING_TIME) if timer.is_some() => scope.rebinding_time = timer,
            _ => self.set(&mut scope.options)?,
        }
        if self.is_forced && self.within.is_none() && self.code != code::IPV6_ONLY_PREFERRED {
            scope.always_send.push(self.code);
        }
        Ok(())
    }

    /// How the option is changed.
    pub(super) fn changes(&self) -> Vec<&'static str> {
        let within = self.within.map(|within| match within {
            Within::Option(_) => WITHOUT_END,
            Within::Vendor(_) => OF_VENDOR,
        });
        let vendor = self.vendor.as_ref().filter(|text| !text.is_empty());
        within.into_iter().chain(vendor.map(|_| BY_BEGINNING)).collect()
    }
}

/// Reads `dhcp-option` or `dhcp-option-force`.
///
/// # Errors
/// Returns why it is not carried.
pub(super) fn read(line: &Line) -> Result<Tagged, String> {
    let mut tags = Vec::new();
    let (mut within, mut vendor) = (None, None);
    let parts = line.items();
    let mut rest = parts.iter();
    let name = loop {
        let part = rest.next().map(|part| part.text.as_str()).ok_or("it names no option")?;
        match part.split_once(':') {
            Some(("tag", tag)) => tags.push(tag.to_owned()),
            Some(("encap", number)) => {
                let number = number.parse().map_err(|_| format!("{number:?} is no option"))?;
                within = Some(Within::Option(number));
            }
            Some(("vi-encap", number)) => {
                let number = number.parse().map_err(|_| format!("{number:?} is no enterprise"))?;
                within = Some(Within::Vendor(number));
            }
            Some(("vendor", class)) => {
                within = Some(Within::Option(code::VENDOR_SPECIFIC_INFORMATION));
                vendor = Some(class.to_owned());
            }
            Some(("pxe", _)) => return Err("a menu of PXE has no counterpart".to_owned()),
            Some(("option", name)) => break name,
            Some(("option6", _)) => return Err("the server speaks DHCPv4 only".to_owned()),
            _ => break part,
        }
    };
    let items: Vec<Item> = rest.cloned().collect();
    // Within another option, it is that address.
    if within.is_none() && items.iter().any(|item| item.text == "0.0.0.0" && !item.is_quoted) {
        let why = "0.0.0.0 is dnsmasq's own address; write the address that you mean";
        return Err(why.to_owned());
    }
    let (code, octets, _) = value(name, within.is_some(), &items)?;
    Ok(Tagged { tags, vendor, within, code, octets, is_forced: line.key == "dhcp-option-force" })
}

/// The code of the option with this name or number, the octets of its value, and how dnsmasq reads
/// them. Sub-options have numbers only.
///
/// # Errors
/// Returns why it is not carried.
pub(super) fn value(
    name: &str,
    is_within: bool,
    items: &[Item],
) -> Result<(u8, Vec<u8>, Form), String> {
    let (code, kind) = match (name.parse::<u8>(), is_within) {
        (Ok(code), false) => (code, option_names::dnsmasq_form(code)),
        (Ok(code), true) => (code, None),
        (Err(_), _) => {
            let found = option_names::dnsmasq(name);
            let (code, kind) = found.ok_or_else(|| format!("no option is named {name:?}"))?;
            (code, Some(kind))
        }
    };
    let (octets, form) = match kind {
        _ if items.is_empty() => (Vec::new(), Form::Text),
        Some(OptionKind::Text) => (joined(items).into_bytes(), Form::Text),
        Some(OptionKind::Octets) | None => guessed(items)?,
        Some(kind) if items.iter().any(|item| item.is_quoted) && is_number(&kind) => {
            return Err(IN_QUOTES.to_owned());
        }
        Some(kind) => (option_value::encode(&kind, items)?, Form::Numbers),
    };
    Ok((code, octets, form))
}

/// Reads `dhcp-boot`.
///
/// # Errors
/// Returns why it is not carried.
pub(super) fn read_boot(line: &Line) -> Result<Boot, String> {
    let parts = line.parts();
    let count = parts.iter().take_while(|part| part.starts_with("tag:")).count();
    let (tags, rest) = parts.split_at(count);
    let tags = tags.iter().filter_map(|tag| tag.strip_prefix("tag:")).map(str::to_owned).collect();
    let text =
        |at: usize| rest.get(at).filter(|text| !text.is_empty()).map(|text| text.to_string());
    let file = text(0).ok_or("it names no file")?;
    let server = match text(2) {
        Some(text) => Some(text.parse().map_err(|_| {
            format!("{text:?} is a name, and names are not looked up; write the address")
        })?),
        None => None,
    };
    Ok(Boot { tags, file, server_name: text(1), server })
}

fn joined(items: &[Item]) -> String {
    items.iter().map(|item| item.text.as_str()).collect::<Vec<_>>().join(",")
}

fn is_number(kind: &OptionKind) -> bool {
    matches!(
        kind,
        OptionKind::Flag
            | OptionKind::U8
            | OptionKind::U16
            | OptionKind::U32
            | OptionKind::I8
            | OptionKind::I16
            | OptionKind::I32
    )
}

/// The octets of a value whose kind is not known, as dnsmasq guesses it: addresses and prefixes,
/// numbers in the fewest octets, hexadecimal octets between colons, or text. What is in quotes is
/// text.
fn guessed(items: &[Item]) -> Result<(Vec<u8>, Form), String> {
    let as_text = || Ok((joined(items).into_bytes(), Form::Text));
    if items.is_empty() || items.iter().any(|item| item.is_quoted) {
        return as_text();
    }
    let addresses = items.iter().map(|item| address(&item.text));
    if let Some(addresses) = addresses.collect::<Option<Vec<_>>>() {
        return Ok((addresses.concat(), Form::Numbers));
    }
    let [item] = items else { return as_text() };
    let octets = option_value::hexadecimal_octets(&item.text);
    if let Some(octets) = octets.filter(|_| item.text.contains(':')) {
        return Ok((octets, Form::Octets));
    }
    let suffixes = [("b", 1), ("s", 2), ("i", 4)];
    let mut suffixed = suffixes.iter().filter_map(|(suffix, width)| {
        item.text.strip_suffix(suffix).map(|digits| (digits, Some(*width)))
    });
    let (digits, width) = suffixed.next().unwrap_or((&item.text, None));
    match digits.parse::<i64>() {
        Ok(number) if !digits.starts_with('+') => {
            let fewest = match number {
                0..=0xff => 1,
                0x100..=0xffff => 2,
                _ => 4,
            };
            let octets = option_value::integer(digits, width.unwrap_or(fewest))?;
            Ok((octets, Form::Numbers))
        }
        _ => as_text(),
    }
}

/// The octets of an address, or of a prefix as in RFC 3442.
fn address(text: &str) -> Option<Vec<u8>> {
    let Some((address, length)) = text.split_once('/') else {
        return text.parse::<Ipv4Addr>().ok().map(|address| address.octets().to_vec());
    };
    let (address, length): (Ipv4Addr, u8) = (address.parse().ok()?, length.parse().ok()?);
    let octets = address.octets();
    let known = octets.get(..usize::from(length.div_ceil(8)))?;
    Some([&[length], known].concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::place::Place;

    fn read_value(value: &str) -> Result<Tagged, String> {
        let place = Place::new(&"f".into(), 1);
        read(&Line { place, key: "dhcp-option".into(), value: value.into() })
    }

    #[test]
    fn options_are_read_by_name_and_number() {
        for (value, code, octets) in [
            ("3,1.2.3.4", 3, &[1, 2, 3, 4][..]),
            ("option:router,1.2.3.4", 3, &[1, 2, 3, 4]),
            ("tag:red,option:ntp-server,192.168.0.4", 42, &[192, 168, 0, 4]),
            ("128,e4:45:74:68:00:00", 128, &[0xe4, 0x45, 0x74, 0x68, 0, 0]),
            ("19,0", 19, &[0]),
            ("240,300", 240, &[1, 44]),
            ("240,3s", 240, &[0, 3]),
            ("15,\"example.net\"", 15, b"example.net"),
            ("240,\"a,b\"", 240, b"a,b"),
            ("252,\"\\n\"", 252, b"\n"),
            ("225,-1", 225, &[255; 4]),
            ("225,-2b", 225, &[254]),
            ("225,\"300\"", 225, b"300"),
            ("225,\"192.0.2.1\"", 225, b"192.0.2.1"),
            ("225,0x10", 225, b"0x10"),
            ("225,01:02,03:04", 225, b"01:02,03:04"),
            ("225,10.0.0.0/9,0.0.0.0/0,192.0.2.1", 225, &[9, 10, 0, 0, 192, 0, 2, 1]),
            ("vendor:PXEClient,1,0.0.0.0", 1, &[0; 4]),
            ("121,10.0.0.0/8,192.0.2.1", 121, &[8, 10, 192, 0, 2, 1]),
        ] {
            let read = read_value(value).unwrap();
            assert_eq!((read.code, read.octets.as_slice()), (code, octets), "{value}");
        }
        for (value, within, code, octets) in [
            ("encap:175,190,user", Within::Option(175), 190, &b"user"[..]),
            ("tag:red,vi-encap:9,3,192.0.2.1", Within::Vendor(9), 3, &[192, 0, 2, 1]),
        ] {
            let read = read_value(value).unwrap();
            assert_eq!(
                (read.within, read.code, read.octets.as_slice()),
                (Some(within), code, octets)
            );
        }
        let of_vendor = read_value("vendor:MSFT,2,1i").unwrap();
        assert_eq!(of_vendor.within, Some(Within::Option(43)));
        assert_eq!((of_vendor.code, of_vendor.octets.as_slice()), (2, &[0, 0, 0, 1][..]));
        assert_eq!(of_vendor.vendor.as_deref(), Some("MSFT"));
        assert_eq!(read_value("vendor:,2,1i").unwrap().vendor.as_deref(), Some(""));
        for value in
            ["", "option:zebra,1", "26,\"1400\"", "router,192.0.2.1", "option6:dns-server,[::]"]
        {
            assert!(read_value(value).is_err(), "{value}");
        }
        for value in ["net:red,#blue,3,192.0.2.1", "tag:red,tag:!blue,3,192.0.2.1"] {
            assert_eq!(read_value(value).unwrap().tags, ["red", "!blue"], "{value}");
        }
        let boot = |value: &str| {
            let place = Place::new(&"f".into(), 1);
            read_boot(&Line { place, key: "dhcp-boot".into(), value: value.into() }).unwrap()
        };
        for value in ["net:red,pxelinux.0,boot,192.0.2.1", "tag:red,pxelinux.0,boot,192.0.2.1"] {
            let boot = boot(value);
            assert_eq!((boot.tags, boot.file), (vec!["red".to_owned()], "pxelinux.0".to_owned()));
        }
        assert_eq!(boot("set:red,pxelinux.0").file, "set:red");
        for value in ["3", "option:router", "tag:red,6", "15,", "1", "28"] {
            assert!(read_value(value).unwrap().is_withheld(), "{value}");
        }
        assert!(!read_value("42").unwrap().is_withheld());
        assert!(read_value("3,0.0.0.0").unwrap_err().contains("own address"));
    }
}
