//! Which exchanges each level allows, and values of the options that go with them.

use std::path::Path;

use lessor_config::Configuration;
use lessor_core::{BootpClients, INFINITE_SECS, Messages, OptionValue};

#[track_caller]
fn parse(text: &str) -> Configuration {
    match lessor_config::parse("test.toml", text, Path::new("/srv/lessor")) {
        Ok(configuration) => configuration,
        Err(mistakes) => panic!("{mistakes}"),
    }
}

#[test]
fn a_level_inherits_what_it_does_not_set() {
    let configuration = parse(
        r#"
        [server]
        listen = ["192.0.2.1"]
        bootp = "dynamic"
        bootp-lease-time = "1d"
        rapid-commit = true
        [[network]]
        name = "campus"
        bootp = "reserved"
        [[subnet]]
        prefix = "100.64.0.0/24"
        shared-network = "campus"
        rapid-commit = false
        [[subnet.pool]]
        range = "100.64.0.10-100.64.0.20"
        rapid-commit = true
        [[subnet]]
        prefix = "100.64.1.0/24"
        bootp = false
        bootp-lease-time = "infinite"
        "#,
    );
    let networks = configuration.topology.networks();
    let campus = &networks[0].subnets[0];
    let expected = Messages {
        bootp: Some(BootpClients::Reserved),
        bootp_lease_secs: Some(86_400),
        rapid_commit: Some(false),
    };
    assert_eq!(campus.settings.messages, expected);
    assert_eq!(campus.bootp_clients(), BootpClients::Reserved);
    assert_eq!(campus.pools[0].settings.messages.rapid_commit, Some(true));
    let other = &networks[1].subnets[0];
    assert_eq!(other.bootp_clients(), BootpClients::Off);
    assert_eq!(other.settings.messages.bootp_lease_secs, Some(INFINITE_SECS));
    assert!(configuration.topology.serves_bootp());
}

#[test]
fn nothing_is_allowed_by_default() {
    let configuration =
        parse("[server]\nlisten = [\"192.0.2.1\"]\n[[subnet]]\nprefix = \"100.64.0.0/24\"\n");
    let subnet = &configuration.topology.networks()[0].subnets[0];
    assert!(subnet.settings.is_empty());
    assert!(!configuration.topology.serves_bootp());
}

/// RFC 9463 section 5.1, RFC 9460 section 2.2.
#[test]
fn resolvers_are_written_as_their_octets() {
    let configuration = parse(
        r#"
        [server]
        listen = ["192.0.2.1"]
        [options]
        ipv6-only-preferred = 300
        captive-portal = "urn:ietf:params:capport:unrestricted"
        encrypted-resolvers = [
            { priority = 1, name = "a.b", addresses = ["192.0.2.53"], parameters = { port = 853, alpn = "dot" } },
            { priority = 2, name = "c." },
        ]
        [[subnet]]
        prefix = "100.64.0.0/24"
        "#,
    );
    let options = &configuration.topology.networks()[0].subnets[0].options;
    let expected = [
        &[0, 27, 0, 1, 5, 1, b'a', 1, b'b', 0, 4, 192, 0, 2, 53][..],
        &[0, 1, 0, 4, 3, b'd', b'o', b't', 0, 3, 0, 2, 3, 85],
        &[0, 6, 0, 2, 3, 1, b'c', 0],
    ]
    .concat();
    let value = options.get(162).map(|value| OptionValue::clone(value));
    assert_eq!(value, Some(OptionValue::Octets(expected)));
    assert_eq!(options.get(108).map(|value| value.to_octets()), Some(vec![0, 0, 1, 44]));
    let urn = b"urn:ietf:params:capport:unrestricted".to_vec();
    assert_eq!(options.get(114).map(|value| value.to_octets()), Some(urn));
}
