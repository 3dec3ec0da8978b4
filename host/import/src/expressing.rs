//! Values of options as the new configuration writes them: by the names of its catalogue where the
//! names give the same octets, otherwise as octets.
//!
//! Knows neither TOML nor CSV. Invariant: the server reads the same octets.

use std::collections::{BTreeMap, BTreeSet};

use lessor_core::{IdentifierKind, OptionKind, ReservationOwner, option::code};
use lessor_vocabulary::{Catalogue, OptionSetting, Vendor, hexadecimal};

use crate::model::{Boot, Options, Reservation, Site, SubOptions, Value};

/// The name of an option: its number if it has none.
pub(crate) fn option_name(catalogue: &Catalogue, code: u8) -> String {
    catalogue.name(code).map_or_else(|| code.to_string(), str::to_owned)
}

/// The value of option `code`.
pub(crate) fn value(catalogue: &Catalogue, code: u8, value: &Value) -> OptionSetting {
    match value {
        Value::Octets(octets) => of_octets(catalogue, code, octets),
        Value::SubOptions(options) => of_octets(catalogue, code, &packed(options)),
        Value::OfVendors(vendors, _) => {
            let member = |(key, options): (&String, &SubOptions)| {
                (key.clone(), of_vendor(catalogue, code, key, &packed(options)))
            };
            OptionSetting::Table(vendors.iter().map(member).collect())
        }
    }
}

/// Whether a reservation can be in a file of reservations: its options have cells, and it has one
/// identifier of each kind or several that a cell can hold. Without an address it must be of all
/// networks.
pub(crate) fn fits_row(site: &Site, reservation: &Reservation) -> bool {
    let kinds: BTreeSet<IdentifierKind> =
        reservation.owners.iter().map(ReservationOwner::kind).collect();
    let is_hardware = kinds.iter().all(|kind| *kind == IdentifierKind::HardwareAddress);
    let is_shared = || site.reservations.iter().any(|of| std::ptr::eq(of, reservation));
    fit_cells(&site.catalogue, &reservation.options)
        && reservation.boot == Boot::default()
        && (is_hardware || kinds.len() == reservation.owners.len())
        && (reservation.address.is_some() || is_shared())
}

/// Whether a file in CSV can have these options.
fn fit_cells(catalogue: &Catalogue, options: &Options) -> bool {
    options.keys().all(|code| catalogue.kind(*code).is_none_or(fits_cell))
}

fn fits_cell(kind: &OptionKind) -> bool {
    match kind {
        OptionKind::Routes
        | OptionKind::Record(_)
        | OptionKind::ServiceParameters
        | OptionKind::SubOptions(_) => false,
        OptionKind::Counted(_, counted) => fits_cell(counted),
        OptionKind::List(item) => matches!(
            **item,
            OptionKind::U8
                | OptionKind::U32
                | OptionKind::I8
                | OptionKind::I16
                | OptionKind::I32
                | OptionKind::DomainName
                | OptionKind::Ipv6Address
        ),
        _ => true,
    }
}

/// Sub-options, each with its code and its length.
pub(crate) fn packed(options: &SubOptions) -> Vec<u8> {
    let mut all = Vec::new();
    for (code, octets) in options {
        // Readers refuse sub-options that are longer.
        let length = u8::try_from(octets.len()).unwrap_or(u8::MAX);
        all.extend([*code, length]);
        all.extend(octets.iter().take(length.into()));
    }
    all
}

/// Octets as sub-options, each with its code and its length; `None` if they are none, or
/// if a code occurs twice.
pub(crate) fn unpacked(octets: &[u8]) -> Option<SubOptions> {
    let mut options = SubOptions::new();
    let mut rest = octets;
    while let Some(([code, length], after)) = rest.split_first_chunk::<2>() {
        let (value, after) = after.split_at_checked(usize::from(*length))?;
        if options.insert(*code, value.to_vec()).is_some() {
            return None;
        }
        rest = after;
    }
    rest.is_empty().then_some(options)
}

/// What one client gets of the sub-options of vendors; `None` if that depends on the client.
pub(crate) fn for_one_client(
    catalogue: &Catalogue,
    code: u8,
    vendors: &BTreeMap<String, SubOptions>,
) -> Option<Vec<u8>> {
    if code != code::VENDOR_IDENTIFYING_VENDOR_SPECIFIC {
        let mut all = vendors.values();
        return all.next().filter(|_| all.next().is_none()).map(packed);
    }
    let mut octets = Vec::new();
    for (key, options) in vendors {
        let part = packed(options);
        octets.extend(enterprise(catalogue, key)?.to_be_bytes());
        octets.push(u8::try_from(part.len()).ok()?);
        octets.extend(part);
    }
    Some(octets)
}

fn of_octets(catalogue: &Catalogue, code: u8, octets: &[u8]) -> OptionSetting {
    let as_octets = || OptionSetting::Text(hexadecimal::text(octets));
    // A table of vendors in options 43 and 125 would choose by client.
    if code == code::VENDOR_IDENTIFYING_VENDOR_SPECIFIC
        || catalogue.kind(code) == Some(&OptionKind::Octets)
    {
        return as_octets();
    }
    let written = catalogue.decode(code, octets, None);
    match catalogue.encode(&option_name(catalogue, code), &written) {
        Ok((_, same)) if same == octets => written,
        _ => as_octets(),
    }
}

/// The sub-options of one vendor in option 43 or 125.
fn of_vendor(catalogue: &Catalogue, code: u8, key: &str, part: &[u8]) -> OptionSetting {
    let vendor = catalogue.vendors().iter().find(|vendor| *vendor.name == *key);
    let class = vendor.and_then(|vendor| vendor.class.as_deref()).map(str::as_bytes);
    let whole = match (code, enterprise(catalogue, key), u8::try_from(part.len())) {
        (code::VENDOR_IDENTIFYING_VENDOR_SPECIFIC, Some(enterprise), Ok(length)) => {
            [&enterprise.to_be_bytes()[..], &[length], part].concat()
        }
        _ => part.to_vec(),
    };
    let read = match catalogue.decode(code, &whole, class) {
        OptionSetting::Table(members) => {
            members.into_iter().next().filter(|(found, _)| found == key)
        }
        _ => None,
    };
    read.map_or_else(|| OptionSetting::Text(hexadecimal::text(part)), |(_, options)| options)
}

/// The enterprise number of a vendor by its name or its number.
fn enterprise(catalogue: &Catalogue, key: &str) -> Option<u32> {
    let vendor = catalogue.vendors().iter().find(|vendor: &&Vendor| *vendor.name == *key);
    vendor.and_then(|vendor| vendor.enterprise).or_else(|| key.parse().ok())
}

#[cfg(test)]
mod tests {
    use lessor_vocabulary::option::SubOption;

    use super::*;
    use crate::{declaring, model::Precedence};

    #[test]
    fn values_are_written_by_name_only_if_they_are_read_as_the_same_octets() {
        let mut catalogue = Catalogue::default();
        let numbers = OptionKind::list(OptionKind::U8).unwrap();
        declaring::option(&mut catalogue, "numbers", 224, Ok(numbers));
        for (code, octets, wanted) in [
            (15, &b"example.net"[..], "example.net"),
            (15, b"a\x01", "hex:6101"),
            (43, b"abc", "hex:616263"),
            (79, b"\x01", "{ mandatory = true }"),
            (79, b"\x07", "hex:07"),
            (125, b"\0\0\0\x07\x02\x01\0", "hex:00000007020100"),
            (224, b"\x01\x02", "[1, 2]"),
            (225, b"abc", "abc"),
        ] {
            let written = value(&catalogue, code, &octets.to_vec().into());
            assert_eq!(written.to_string(), wanted, "{code}");
        }
        assert_eq!(option_name(&catalogue, 224), "numbers");
        assert_eq!(option_name(&catalogue, 225), "225");
    }

    #[test]
    fn cells_have_no_tables() {
        let catalogue = Catalogue::registered();
        for (code, fits) in [(6, true), (15, true), (224, true), (78, false), (121, false)] {
            let options = Options::from([(code, Value::Octets(vec![1]))]);
            assert_eq!(fit_cells(catalogue, &options), fits, "{code}");
        }
    }

    #[test]
    fn sub_options_of_vendors_are_tables() {
        let mut catalogue = Catalogue::default();
        let url = || vec![SubOption { code: 1, name: "url".into(), kind: OptionKind::Text }];
        let class = Some("ACME".to_owned());
        declaring::vendor(&mut catalogue, "acme", class, Some(7), url()).unwrap();
        let options = SubOptions::from([(1, b"a".to_vec()), (2, vec![0])]);
        let of = |key: &str| {
            Value::OfVendors([(key.to_owned(), options.clone())].into(), Precedence::Each)
        };
        let acme = "{ acme = { url = a, 2 = hex:00 } }";
        assert_eq!(value(&catalogue, 43, &of("acme")).to_string(), acme);
        assert_eq!(value(&catalogue, 125, &of("acme")).to_string(), acme);
        let by_number = "{ 9 = { 1 = hex:61, 2 = hex:00 } }";
        assert_eq!(value(&catalogue, 125, &of("9")).to_string(), by_number);
        let Value::OfVendors(vendors, _) = of("acme") else { panic!() };
        let octets = b"\0\0\0\x07\x06\x01\x01a\x02\x01\0";
        assert_eq!(for_one_client(&catalogue, 125, &vendors).unwrap(), octets);
        assert_eq!(for_one_client(&catalogue, 43, &vendors).unwrap(), b"\x01\x01a\x02\x01\0");
    }
}
