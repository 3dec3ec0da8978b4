//! Values of options of every kind are read back as they were written, and no octets do harm: for
//! every registered option, and for options that are declared at random.

use std::net::{Ipv4Addr, Ipv6Addr};

use lessor_vocabulary::{
    Catalogue, DeclaredOption, OptionDefinition, OptionKind, OptionSetting, Vendor, hexadecimal,
    option::{Field, Name, SubOption, Width},
};
use proptest::{collection::vec, prelude::*, sample::select, strategy::Union};

/// The code of the option that is declared at random.
const CODE: u8 = 224;

/// A catalogue that has one option of this kind, `it`.
fn catalogue_of(kind: OptionKind) -> Catalogue {
    let mut catalogue = Catalogue::default();
    catalogue.declare(DeclaredOption { code: CODE, name: "it".into(), kind }).unwrap();
    catalogue
}

fn leaves() -> impl Strategy<Value = OptionKind> {
    use OptionKind::*;
    select(vec![
        Address,
        Addresses,
        Flag,
        U8,
        U16,
        U16s,
        U32,
        I32,
        Text,
        DomainNames,
        Routes,
        Octets,
        Empty,
        I8,
        I16,
        Ipv6Address,
        DomainName,
        Fixed(3),
        Server,
        Servers,
        ServiceParameters,
    ])
}

/// Kinds that can be declared.
fn kinds() -> impl Strategy<Value = OptionKind> {
    leaves().prop_recursive(4, 12, 4, |inner| {
        let name = |place: usize| -> Name { format!("m{place}").as_str().into() };
        let record =
            vec((inner.clone(), any::<bool>()), 1..4).prop_filter_map("ends", move |parts| {
                let fields = parts.into_iter().enumerate().map(|(place, (kind, is_optional))| {
                    Field { name: name(place), kind, is_optional }
                });
                OptionKind::record(fields.collect()).ok()
            });
        let sub_options = vec(inner.clone(), 1..4).prop_filter_map("depth", move |kinds| {
            let option =
                |(place, kind)| SubOption { code: 7 * place as u8, name: name(place), kind };
            OptionKind::sub_options(kinds.into_iter().enumerate().map(option).collect()).ok()
        });
        let list = inner.clone().prop_filter_map("item", |kind| OptionKind::list(kind).ok());
        let counted = (any::<bool>(), inner).prop_filter_map("depth", |(is_wide, kind)| {
            let width = if is_wide { Width::Two } else { Width::One };
            OptionKind::counted(width, kind).ok()
        });
        prop_oneof![record, sub_options, list, counted]
    })
}

/// Values of a kind, as decoding writes them.
fn values(kind: &OptionKind) -> BoxedStrategy<OptionSetting> {
    let texts = |strategy: BoxedStrategy<String>| strategy.prop_map(OptionSetting::Text).boxed();
    let list_of =
        |item: BoxedStrategy<OptionSetting>| vec(item, 1..4).prop_map(OptionSetting::List).boxed();
    let address = || any::<u32>().prop_map(|bits| Ipv4Addr::from(bits).to_string()).boxed();
    let name = || "[a-z_][a-z0-9-]{0,9}(\\.[a-z]{1,5}){0,2}".boxed();
    let number =
        |range: std::ops::RangeInclusive<i64>| range.prop_map(OptionSetting::Number).boxed();
    match kind {
        OptionKind::Address => texts(address()),
        OptionKind::Addresses => list_of(texts(address())),
        OptionKind::Flag => any::<bool>().prop_map(OptionSetting::Flag).boxed(),
        OptionKind::U8 => number(0..=255),
        OptionKind::I8 => number(-128..=127),
        OptionKind::U16 => number(0..=65_535),
        OptionKind::I16 => number(-32_768..=32_767),
        OptionKind::U16s => list_of(number(0..=65_535)),
        OptionKind::U32 => number(0..=4_294_967_295),
        OptionKind::I32 => number(-2_147_483_648..=2_147_483_647),
        OptionKind::Text => texts("[a-z0-9 é]{1,12}".boxed()),
        OptionKind::DomainName => texts(name()),
        OptionKind::DomainNames => list_of(texts(name())),
        OptionKind::Routes => list_of(
            (any::<u32>(), 0u8..=32, address())
                .prop_map(|(bits, length, via)| {
                    let mask = u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or_default();
                    let to = format!("{}/{length}", Ipv4Addr::from(bits & mask));
                    let member = |key: &str, value| (key.to_owned(), OptionSetting::Text(value));
                    OptionSetting::Table(vec![member("to", to), member("via", via)])
                })
                .boxed(),
        ),
        OptionKind::Octets => vec(any::<u8>(), 1..9)
            .prop_map(|octets| OptionSetting::Text(hexadecimal::text(&octets)))
            .boxed(),
        OptionKind::Empty => Just(OptionSetting::Flag(true)).boxed(),
        OptionKind::Ipv6Address => {
            texts(any::<u128>().prop_map(|bits| Ipv6Addr::from(bits).to_string()).boxed())
        }
        OptionKind::Fixed(length) => vec(0xf8u8..=0xff, usize::from(*length))
            .prop_map(|octets| OptionSetting::Text(hexadecimal::text(&octets)))
            .boxed(),
        OptionKind::Server => texts(prop_oneof![address(), name()].boxed()),
        OptionKind::Servers => {
            prop_oneof![list_of(texts(address())), list_of(texts(name()))].boxed()
        }
        OptionKind::ServiceParameters => service_parameters().boxed(),
        OptionKind::List(item) => list_of(values(item)),
        OptionKind::Counted(_, kind) => values(kind),
        OptionKind::Record(fields) => {
            let required = fields.iter().filter(|field| !field.is_optional).count();
            let members: Vec<_> = fields
                .iter()
                .map(|field| {
                    let name = String::from(&*field.name);
                    values(&field.kind).prop_map(move |value| (name.clone(), value))
                })
                .collect();
            (members, required..=fields.len())
                .prop_map(|(mut members, count)| {
                    members.truncate(count);
                    OptionSetting::Table(members)
                })
                .boxed()
        }
        OptionKind::SubOptions(options) => {
            let members: Vec<_> = options
                .iter()
                .map(|option| {
                    let name = String::from(&*option.name);
                    values(&option.kind).prop_map(move |value| (name.clone(), value))
                })
                .collect();
            let count = members.len();
            (members, 1..=count)
                .prop_map(|(mut members, count)| {
                    members.truncate(count);
                    OptionSetting::Table(members)
                })
                .boxed()
        }
    }
}

/// Parameters of a service in the order of their keys.
fn service_parameters() -> impl Strategy<Value = OptionSetting> {
    let text = |text: &str| OptionSetting::Text(text.to_owned());
    let protocols = vec(select(vec!["dot", "doq", "h2", "h3"]), 1..4)
        .prop_map(move |found| OptionSetting::List(found.into_iter().map(text).collect()));
    let octets =
        vec(any::<u8>(), 1..9).prop_map(|octets| OptionSetting::Text(hexadecimal::text(&octets)));
    let parameters = (
        proptest::option::of((protocols, any::<bool>())),
        any::<u16>().prop_map(|port| OptionSetting::Number(port.into())),
        proptest::option::of(octets.clone()),
        proptest::option::of("/[a-z]{0,9}\\{\\?dns\\}"),
        proptest::option::of((select(vec![4u16, 6, 9, 667, 65_535]), octets)),
        any::<[bool; 6]>(),
    );
    parameters.prop_map(move |(alpn, port, ech, dohpath, other, are_mandatory)| {
        let mut members: Vec<(String, OptionSetting)> = Vec::new();
        let mut add = |name: &str, value| members.push((name.to_owned(), value));
        if let Some((protocols, is_only)) = alpn {
            add("alpn", protocols);
            if is_only {
                add("no-default-alpn", OptionSetting::Flag(true));
            }
        }
        add("port", port);
        let (before_ech, after_ech) = match other {
            Some((key, value)) if key < 5 => (Some((key, value)), None),
            other => (None, other),
        };
        let numbered = |(key, value): (u16, OptionSetting)| (format!("key{key}"), value);
        members.extend(before_ech.map(numbered));
        members.extend(ech.map(|value| ("ech".to_owned(), value)));
        let (before_path, after_path) = match after_ech {
            Some((key, value)) if key < 7 => (Some((key, value)), None),
            other => (None, other),
        };
        members.extend(before_path.map(numbered));
        members.extend(dohpath.map(|path| ("dohpath".to_owned(), OptionSetting::Text(path))));
        members.extend(after_path.map(numbered));
        let mandatory: Vec<OptionSetting> = members
            .iter()
            .zip(are_mandatory)
            .filter(|(_, is_mandatory)| *is_mandatory)
            .map(|((name, _), _)| OptionSetting::Text(name.clone()))
            .collect();
        if !mandatory.is_empty() {
            members.insert(0, ("mandatory".to_owned(), OptionSetting::List(mandatory)));
        }
        OptionSetting::Table(members)
    })
}

/// Every registered option that a policy can set.
fn registered() -> Vec<&'static OptionDefinition> {
    OptionDefinition::all().iter().chain(OptionDefinition::of_clients()).collect()
}

/// A registered option and a value of its kind.
fn registered_values() -> impl Strategy<Value = (&'static OptionDefinition, OptionSetting)> {
    Union::new(registered().into_iter().map(|definition| {
        values(&definition.kind).prop_map(move |value| (definition, value)).boxed()
    }))
}

/// Writes a value and reads it back, whole and damaged.
fn check_round_trip(
    catalogue: &Catalogue,
    name: &str,
    value: &OptionSetting,
) -> Result<(), TestCaseError> {
    let encoded = catalogue.encode(name, value);
    // A value of several long parts may take more octets than there are.
    if encoded.as_ref().is_err_and(|mistake| mistake.contains("octets; wanted at most")) {
        return Ok(());
    }
    let (code, octets) = encoded.map_err(TestCaseError::fail)?;
    let read = catalogue.decode(code, &octets, None);
    let is_plain = matches!(
        catalogue.kind(code),
        Some(OptionKind::Octets | OptionKind::Text | OptionKind::Counted(..))
    );
    if !is_plain {
        prop_assert_eq!(&read, value);
    }
    for end in 0..octets.len() {
        check_octets(catalogue, code, &octets[..end])?;
    }
    check_octets(catalogue, code, &[&octets[..], &[0]].concat())?;
    check_octets(catalogue, code, &octets.repeat(9))
}

/// Whatever has a reading is written as the same octets. Names may be compressed in another way.
fn check_octets(catalogue: &Catalogue, code: u8, octets: &[u8]) -> Result<(), TestCaseError> {
    let read = catalogue.decode(code, octets, Some(b"acme"));
    let name = catalogue.name(code).unwrap().to_owned();
    let has_reading = !matches!(&read, OptionSetting::Text(_));
    if has_reading {
        let again = match catalogue.encode(&name, &read) {
            Ok((_, again)) => again,
            Err(mistake) if mistake.contains("octets; wanted at most") => return Ok(()),
            Err(mistake) => return Err(TestCaseError::fail(mistake)),
        };
        let read_again = catalogue.decode(code, &again, Some(b"acme"));
        prop_assert_eq!(read_again, read, "{} of {:?}", name, octets);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(1_000)
    })]

    #[test]
    fn values_of_registered_options_are_read_back((definition, value) in registered_values()) {
        check_round_trip(Catalogue::registered(), definition.name, &value)?;
    }

    #[test]
    fn values_of_declared_options_are_read_back(
        (kind, value) in kinds().prop_flat_map(|kind| {
            let value = values(&kind);
            (Just(kind), value)
        }),
    ) {
        check_round_trip(&catalogue_of(kind), "it", &value)?;
    }

    #[test]
    fn octets_do_no_harm_to_registered_options(
        definition in select(registered()),
        octets in vec(any::<u8>(), 0..64),
    ) {
        check_octets(Catalogue::registered(), definition.code, &octets)?;
    }

    #[test]
    fn octets_do_no_harm_to_declared_options(
        kind in kinds(),
        octets in vec(prop_oneof![0u8..9, any::<u8>()], 0..64),
    ) {
        check_octets(&catalogue_of(kind), CODE, &octets)?;
    }

    #[test]
    fn octets_do_no_harm_to_sub_options_of_vendors(
        kind in kinds(),
        octets in vec(prop_oneof![0u8..9, any::<u8>()], 0..64),
        code in select(vec![43u8, 125]),
    ) {
        let mut catalogue = Catalogue::default();
        let option = SubOption { code: 1, name: "one".into(), kind };
        let vendor = Vendor {
            name: "acme".into(),
            class: Some("acme".into()),
            enterprise: Some(0x0101_0101),
            options: lessor_vocabulary::option::Shared::Declared([option].into()),
        };
        catalogue.add_vendor(vendor).unwrap();
        check_octets(&catalogue, code, &octets)?;
    }
}

/// Garbage that is nested as deeply as it can be.
#[test]
fn nested_garbage_ends() {
    let mut kind = OptionKind::Octets;
    for level in 1..lessor_vocabulary::option::DEPTH_MAX {
        let option = SubOption { code: level as u8, name: "inner".into(), kind };
        kind = OptionKind::sub_options(vec![option]).unwrap();
    }
    let catalogue = catalogue_of(kind);
    for octet in 0..=255u8 {
        for length in [1, 2, 255, 256, 1_020, 65_535] {
            check_octets(&catalogue, CODE, &vec![octet; length]).unwrap();
        }
    }
}
