//! Options of a file, of subnets, pools and reservations.

use std::{net::Ipv4Addr, path::Path};

use lessor_core::{Network, OptionKind, OptionValue, option::code};
use lessor_vocabulary::option::{Field, SubOption};

use super::{SERVER, networks, parse, subnet, value};

#[test]
fn every_kind_of_option_is_read() {
    let subnet = subnet(
        r#"
        [subnet.options]
        subnet-mask = "255.255.0.0"
        routers = "100.64.0.1"
        domain-name-servers = ["192.0.2.53", "192.0.2.54"]
        time-offset = -3600
        ip-forwarding = true
        default-ip-ttl = 64
        interface-mtu = 1500
        ipv6-only-preferred = 4_294_967_295
        host-name = "Ölt"
        domain-search = ["example.net.", "_x.example.org"]
        classless-static-routes = [{ to = "0.0.0.0/0", via = "100.64.0.1" }]
        vendor-specific-information = "hex:0104c0000201"
        "42" = ["192.0.2.123"]
        "224" = "hex:0A:0b"
        "225" = "as it is"
        "#,
    );
    let options = &subnet.options;
    let address = |text: &str| text.parse::<Ipv4Addr>().unwrap();
    let names = vec!["example.net".to_owned(), "_x.example.org".to_owned()];
    let route = ("0.0.0.0/0".parse().unwrap(), address("100.64.0.1"));
    let expected = [
        (1, OptionValue::Address(address("255.255.0.0"))),
        (2, OptionValue::I32(-3_600)),
        (3, OptionValue::Addresses(vec![address("100.64.0.1")])),
        (6, OptionValue::Addresses(vec![address("192.0.2.53"), address("192.0.2.54")])),
        (12, OptionValue::Text("Ölt".to_owned())),
        (19, OptionValue::Flag(true)),
        (23, OptionValue::U8(64)),
        (26, OptionValue::U16(1_500)),
        (42, OptionValue::Addresses(vec![address("192.0.2.123")])),
        (43, OptionValue::Octets(vec![1, 4, 192, 0, 2, 1])),
        (108, OptionValue::U32(u32::MAX)),
        (119, OptionValue::DomainNames(names)),
        (121, OptionValue::Routes(vec![route])),
        (224, OptionValue::Octets(vec![10, 11])),
        (225, OptionValue::Text("as it is".to_owned())),
    ];
    let found: Vec<(u8, OptionValue)> =
        options.iter().map(|(code, value)| (code, OptionValue::clone(value))).collect();
    assert_eq!(found, expected);
}

/// A value of a kind as a configuration writes it.
fn sample(kind: &OptionKind) -> String {
    match kind {
        OptionKind::Address | OptionKind::Addresses | OptionKind::Server | OptionKind::Servers => {
            "\"192.0.2.1\"".to_owned()
        }
        OptionKind::Ipv6Address => "\"2001:db8::1\"".to_owned(),
        OptionKind::Flag | OptionKind::Empty => "true".to_owned(),
        OptionKind::Text => "\"text\"".to_owned(),
        OptionKind::DomainName | OptionKind::DomainNames => "\"example.net\"".to_owned(),
        OptionKind::Routes => "[{ to = \"0.0.0.0/0\", via = \"192.0.2.1\" }]".to_owned(),
        OptionKind::Octets => "\"hex:00\"".to_owned(),
        OptionKind::Fixed(octets) => format!("\"{}\"", "x".repeat(usize::from(*octets))),
        OptionKind::ServiceParameters => "{ alpn = [\"dot\"], port = 853 }".to_owned(),
        OptionKind::Counted(_, kind) => sample(kind),
        OptionKind::List(item) => format!("[{}]", sample(item)),
        OptionKind::Record(fields) => {
            let field = |field: &Field| format!("{} = {}", &*field.name, sample(&field.kind));
            format!("{{ {} }}", fields.iter().map(field).collect::<Vec<_>>().join(", "))
        }
        OptionKind::SubOptions(options) => {
            let option =
                |option: &SubOption| format!("{} = {}", &*option.name, sample(&option.kind));
            format!("{{ {} }}", options.iter().map(option).collect::<Vec<_>>().join(", "))
        }
        numbers if numbers.takes_numbers() => "1".to_owned(),
        other => panic!("{other} has no sample"),
    }
}

/// A file can set every option that the core has a name for, or it is refused with an explanation.
#[test]
fn every_option_that_has_a_name_can_be_set() {
    for definition in lessor_core::OptionDefinition::all() {
        let text = match definition.code {
            code::IPV6_ONLY_PREFERRED => "300".to_owned(),
            code::CAPTIVE_PORTAL => "\"https://portal.example.net/\"".to_owned(),
            _ => sample(&definition.kind),
        };
        let by_name = subnet(&format!("options = {{ {} = {text} }}", definition.name));
        let by_number = subnet(&format!("options = {{ {} = {text} }}", definition.code));
        assert!(by_name.options.get(definition.code).is_some(), "{}", definition.name);
        assert_eq!(by_name, by_number, "{}", definition.name);
    }
}

/// In shared/cases, the client got the twelve characters `hex:70786500`.
#[test]
fn octets_can_be_given_for_every_option_in_every_scope() {
    let octets = OptionValue::Octets(b"pxe\0".to_vec());
    for definition in lessor_core::OptionDefinition::all() {
        for key in [definition.name.to_owned(), definition.code.to_string()] {
            let options = format!("{{ {key} = \"hex:70 78:65-00\" }}");
            let text = format!(
                "options = {options}\n{SERVER}\n[[subnet]]\nprefix = \"100.64.0.0/16\"\n\
                 [[subnet]]\nprefix = \"100.65.0.0/16\"\noptions = {options}\n\
                 [[subnet.pool]]\nrange = \"100.65.1.0/24\"\noptions = {options}\n\
                 [[subnet.reservation]]\ncircuit-id = \"line\"\naddress = \"100.65.2.1\"\n\
                 options = {options}\n"
            );
            let networks = parse(&text).topology.networks().to_vec();
            let subnet = &networks[1].subnets[0];
            for scope in [
                &networks[0].subnets[0].options,
                &subnet.options,
                &subnet.pools[0].options,
                &subnet.reservations[0].options,
            ] {
                assert_eq!(value(scope, definition.code), octets, "{key}");
            }
        }
    }
}

#[test]
fn octets_that_are_none_are_refused_for_every_option() {
    for option in ["boot-file-name", "67", "routers", "interface-mtu", "224"] {
        for wrong in ["hex:", "hex:0", "hex:xy"] {
            let options = format!("options = {{ {option} = \"{wrong}\" }}\n");
            let text = format!("{options}{SERVER}\n[[subnet]]\nprefix = \"100.64.0.0/16\"\n");
            let mistakes = lessor_config::parse("t.toml", &text, Path::new("")).unwrap_err();
            assert!(format!("{mistakes:?}").contains("octet"), "{option} {wrong}: {mistakes:?}");
        }
    }
}

#[test]
fn options_of_a_subnet_win_over_those_of_the_file() {
    let networks = networks(
        r#"
        [options]
        domain-name-servers = ["192.0.2.53"]
        domain-name = "example.net"

        [[subnet]]
        prefix = "100.64.0.0/24"
        options = { domain-name = "north.example.net" }

        [[subnet]]
        prefix = "100.65.0.0/24"
        "#,
    );
    let domain_name = |network: &Network| value(&network.subnets[0].options, 15);
    assert_eq!(domain_name(&networks[0]), OptionValue::Text("north.example.net".to_owned()));
    assert_eq!(domain_name(&networks[1]), OptionValue::Text("example.net".to_owned()));
    assert!(networks.iter().all(|network| network.subnets[0].options.get(6).is_some()));
}
