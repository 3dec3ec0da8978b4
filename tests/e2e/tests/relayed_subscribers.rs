//! Subscribers behind a relay, and the shipped policies: which address each subscriber gets, for
//! how long, and with which options; and what the relay may request in option 82.

use std::{
    collections::BTreeSet,
    net::{Ipv4Addr, SocketAddrV4},
    time::Duration,
};

use lessor_e2e::{Server, Setup, loopback_address, relay};
use lessor_load::{Acquired, Answer, Relay, Subscriber};

const SUBNETS: &str = r#"
    [[subnet]]
    prefix = "100.64.0.0/16"
    lease-time = "1h"
    options = { routers = ["100.64.0.1"], domain-name-servers = ["192.0.2.53"] }

    [[subnet.pool]]
    name = "residential"
    range = "100.64.1.0-100.64.200.255"

    [[subnet.pool]]
    name = "business"
    range = "100.64.210.0-100.64.210.255"
    by-policy-only = true

    [[subnet.pool]]
    name = "walled-garden"
    range = "100.64.250.0-100.64.250.255"
    by-policy-only = true

    [[subnet.reservation]]
    circuit-id = "olt1/1/3/onu99"
    address = "100.64.201.99"

    [[subnet]]
    prefix = "100.65.0.0/24"
    lease-time = "30m"

    [[subnet.pool]]
    name = "other"
    range = "100.65.0.10-100.65.0.200"
"#;
const LINK: Ipv4Addr = Ipv4Addr::new(100, 64, 0, 1);
const OTHER_LINK: Ipv4Addr = Ipv4Addr::new(100, 65, 0, 1);
const PATIENCE: Duration = Duration::from_secs(5);
const SILENCE: Duration = Duration::from_millis(300);

const TABLE: &str = r#"
    [settings.subscribers."olt1/1/1/onu1"]
    pool = "business"
    lease-time-secs = 7200

    [settings.subscribers."olt1/1/3/onu17"]
    address = "100.64.201.17"

    [settings.subscribers."hex:00ff00"]
    address = "100.64.201.18"
"#;

const GARDEN: &str = r#"
    [settings]
    lease-time-secs = 120
    unpaid = ["olt1/1/2/onu7"]
    options = { domain-name-servers = ["192.0.2.66"] }
"#;

const VENDORS: &str = r#"
    [[settings.classes]]
    begins-with = "iptv-"
    pool = "residential"
    options = { tftp-server-name = "tv.example.net", domain-name-servers = ["192.0.2.53"] }
"#;

fn with_policies() -> Server {
    Setup::on_loopback(SUBNETS)
        .with_policy("10-table", "subscriber-table", TABLE)
        .with_policy("20-garden", "walled-garden", GARDEN)
        .with_policy("30-vendors", "vendor-options", VENDORS)
        .start()
}

fn subscriber(number: u8, circuit_id: impl Into<Vec<u8>>) -> Subscriber {
    Subscriber::new([2, 0, 0, 0, 0, number], circuit_id)
}

#[track_caller]
fn acquire(relay: &mut Relay, subscriber: &Subscriber) -> Acquired {
    relay.acquire(subscriber, PATIENCE).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn each_line_gets_what_its_policy_says() {
    let server = with_policies();
    let mut relay = relay(server.address(), LINK);
    let name_servers = [Ipv4Addr::new(192, 0, 2, 53)];

    let ordinary = acquire(&mut relay, &subscriber(1, "olt1/1/9/onu1"));
    assert_eq!(ordinary.address.octets()[..2], [100, 64]);
    assert!((1..=200).contains(&ordinary.address.octets()[2]), "{}", ordinary.address);
    assert_eq!(
        (ordinary.lease_time_secs, &ordinary.domain_name_servers[..]),
        (3600, &name_servers[..])
    );

    let business = acquire(&mut relay, &subscriber(2, "olt1/1/1/onu1"));
    assert_eq!((business.address.octets()[2], business.lease_time_secs), (210, 7200));

    let fixed = acquire(&mut relay, &subscriber(3, "olt1/1/3/onu17"));
    assert_eq!(fixed.address, Ipv4Addr::new(100, 64, 201, 17));

    let binary = acquire(&mut relay, &subscriber(4, [0, 0xff, 0]));
    assert_eq!(binary.address, Ipv4Addr::new(100, 64, 201, 18));

    let unpaid = acquire(&mut relay, &subscriber(5, "olt1/1/2/onu7"));
    assert_eq!((unpaid.address.octets()[2], unpaid.lease_time_secs), (250, 120));
    assert_eq!(unpaid.domain_name_servers, [Ipv4Addr::new(192, 0, 2, 66)]);
    assert_eq!(unpaid.routers, [Ipv4Addr::new(100, 64, 0, 1)]);

    let television = Subscriber {
        vendor_class: Some("iptv-box-4k".to_owned()),
        parameter_request_list: vec![1, 3, 6, 66],
        ..subscriber(6, "olt1/1/9/onu2")
    };
    let television = acquire(&mut relay, &television);
    assert_eq!(television.options.text(66).as_deref(), Some("tv.example.net"));
    assert_eq!(ordinary.options.text(66), None);

    // Each decision can be traced to the policy that made it.
    let line = server.journal_says("the ACK of who has not paid", |line| {
        line.reason == "ack-selecting" && line.address == Some(unpaid.address)
    });
    let set_by = |plugin: &str| {
        let entry = line.plugins.iter().find(|entry| entry.plugin == plugin);
        entry.unwrap_or_else(|| panic!("{plugin} was not asked: {line:?}")).set.clone()
    };
    let wanted =
        ["domain-name-servers=192.0.2.66", "final", "lease-time-secs=120", "pool=walled-garden"];
    assert_eq!(set_by("20-garden"), BTreeSet::from(wanted.map(str::to_owned)));
    assert!(set_by("10-table").is_empty(), "{line:?}");
    assert!(line.plugins.iter().all(|entry| entry.plugin != "30-vendors"), "{line:?}");
    let leases = server.leases();
    let pool_of = |address| {
        leases.iter().find(|lease| lease.address == address).and_then(|lease| lease.pool.as_deref())
    };
    assert_eq!(pool_of(unpaid.address), Some("walled-garden"));
    assert_eq!(pool_of(business.address), Some("business"));
    assert_eq!(leases.len(), 6);
}

#[test]
fn a_device_of_any_vendor_class_stays_in_the_garden() {
    let server = with_policies();
    let mut relay = relay(server.address(), LINK);
    let box_on_an_unpaid_line = Subscriber {
        vendor_class: Some("iptv-box-4k".to_owned()),
        parameter_request_list: vec![1, 3, 6, 66],
        ..subscriber(1, "olt1/1/2/onu7")
    };
    let leased = acquire(&mut relay, &box_on_an_unpaid_line);
    assert_eq!((leased.address.octets()[2], leased.lease_time_secs), (250, 120));
    assert_eq!(leased.domain_name_servers, [Ipv4Addr::new(192, 0, 2, 66)]);
    assert_eq!(leased.options.text(66), None);
    let renewed = relay.renew(&box_on_an_unpaid_line, leased.address, PATIENCE).unwrap();
    let Answer::Ack(renewed) = renewed else { panic!("{renewed:?}") };
    assert_eq!(renewed.domain_name_servers, [Ipv4Addr::new(192, 0, 2, 66)]);
}

#[test]
fn who_pays_is_out_of_the_garden_at_the_next_renewal() {
    let mut server = with_policies();
    let mut relay = relay(server.address(), LINK);
    let carla = subscriber(1, "olt1/1/2/onu7");
    let garden = acquire(&mut relay, &carla);
    let renewed = relay.renew(&carla, garden.address, PATIENCE).unwrap();
    assert!(matches!(renewed, Answer::Ack(_)), "{renewed:?}");

    let paid = GARDEN.replace("olt1/1/2/onu7", "somebody else");
    let component = std::fs::read(lessor_e2e::built::policy("walled-garden")).unwrap();
    server.setup().put_policy("20-garden", &component, &paid);
    assert!(server.hang_up().accepted);

    let refused = relay.renew(&carla, garden.address, PATIENCE).unwrap();
    let Answer::Nak { reply, .. } = refused else { panic!("{refused:?}") };
    // RFC 2131 section 4.3.2: the relay must broadcast the NAK.
    assert!(reply.is_broadcast());
    assert!(
        reply.relay_information().is_some_and(|octets| octets.starts_with(b"\x01\x0dolt1/1/2"))
    );
    let outside = acquire(&mut relay, &carla);
    assert!((1..=200).contains(&outside.address.octets()[2]), "{}", outside.address);
    assert_eq!(outside.lease_time_secs, 3600);
}

#[test]
fn another_device_on_the_line_gets_the_address_of_the_line() {
    let server = Setup::on_loopback(SUBNETS).start();
    let mut relay = relay(server.address(), LINK);
    let reserved = Ipv4Addr::new(100, 64, 201, 99);
    let old_router = subscriber(1, "olt1/1/3/onu99");
    assert_eq!(acquire(&mut relay, &old_router).address, reserved);
    // The customer replaces the router, which is served at once although the old lease is active.
    let new_router = subscriber(2, "olt1/1/3/onu99");
    assert_eq!(acquire(&mut relay, &new_router).address, reserved);
    let leases = server.leases();
    assert_eq!(leases.len(), 1, "{leases:?}");
    assert_eq!(leases[0].hardware_address, "02:00:00:00:00:02");
    // No client on another line gets the address, whatever it asks for.
    let thief = Subscriber {
        more_options: vec![(50, reserved.octets().to_vec())],
        ..subscriber(3, "olt1/1/3/onu98")
    };
    assert_ne!(acquire(&mut relay, &thief).address, reserved);
}

#[test]
fn link_selection_chooses_the_subnet_and_the_reply_goes_to_the_relay() {
    let server = Setup::on_loopback(SUBNETS).start();
    let local = SocketAddrV4::new(loopback_address(), 0);
    let mut relays = [LINK, OTHER_LINK].map(|link| {
        Relay::bind(SocketAddrV4::new(*local.ip(), 0), server.address(), Some(link)).unwrap()
    });
    // Two relays with one address: sub-option 5 (RFC 3527) selects the subnet, and sub-option 19
    // (RFC 8357) the port of the reply.
    let first = acquire(&mut relays[0], &subscriber(1, "line"));
    let second = acquire(&mut relays[1], &subscriber(2, "line"));
    assert_eq!(first.address.octets()[..2], [100, 64]);
    assert_eq!(second.address.octets()[..2], [100, 65]);
    assert_eq!(second.lease_time_secs, 1800);
    assert!(relays.iter().all(|relay| relay.strays() == 0));

    // Without both there is no subnet, and so no answer.
    let mut nowhere = Relay::bind(local, server.address(), None).unwrap();
    let answer = nowhere.discover(&subscriber(3, "line"), SILENCE).unwrap();
    assert_eq!(answer, Answer::Silence);
    let line = server.journal_has("unknown-subnet");
    assert!(line.detail.is_some_and(|detail| detail.contains(&local.ip().to_string())));
}

#[test]
fn the_relay_may_override_the_server_identifier() {
    let server = Setup::on_loopback(SUBNETS).start();
    let mut relay = relay(server.address(), LINK);
    // RFC 5107: the address of sub-option 11 is sent in option 54, and is accepted there.
    let pretended = Ipv4Addr::new(100, 64, 0, 254);
    let plain = relay.relay_information(&subscriber(1, "line")).unwrap();
    let information = [&plain[..], &[11, 4], &pretended.octets()[..]].concat();
    let client =
        Subscriber { more_options: vec![(82, information.clone())], ..subscriber(1, "line") };

    let acquired = acquire(&mut relay, &client);
    assert_eq!(acquired.server_identifier, pretended);
    assert_eq!(acquired.relay_information, Some(information));
    // With the address of another server, the message is for that server.
    let other = subscriber(2, "line");
    let Answer::Offer(offer) = relay.discover(&other, PATIENCE).unwrap() else { panic!() };
    let silence = relay.request_selecting(&other, offer.address, pretended, SILENCE).unwrap();
    assert_eq!(silence, Answer::Silence);
    server.journal_has("other-server-selected");
}

#[test]
fn a_damaged_option_82_comes_back_as_it_was_sent() {
    let server = Setup::on_loopback(SUBNETS).start();
    let mut relay = relay(server.address(), LINK);
    // Zero octets, an unknown sub-option, and a truncated end.
    let plain = relay.relay_information(&subscriber(1, b"a\0b")).unwrap();
    let damaged = [&plain[..], &[200, 2, 0, 0, 9, 44, 1]].concat();
    let client = Subscriber { more_options: vec![(82, damaged.clone())], ..subscriber(1, "") };
    let acquired = acquire(&mut relay, &client);
    assert_eq!(acquired.relay_information.as_deref(), Some(&damaged[..]));
    assert_eq!(acquired.options.codes().last(), Some(&82));
    let line = server.journal_has("ack-selecting");
    assert_eq!(line.relay_information, Some(hex::encode(damaged)));
    assert_eq!(line.circuit_id.as_deref(), Some("hex:610062"));
}

#[test]
fn who_comes_back_gets_the_address_it_had() {
    let server = Setup::on_loopback(SUBNETS).start();
    let mut relay = relay(server.address(), LINK);
    let ada = subscriber(1, "line1");
    let before = acquire(&mut relay, &ada);
    relay.release(&ada, before.address, before.server_identifier, SILENCE).unwrap();
    server.journal_has("released-lease");
    for number in 2..20 {
        assert_ne!(acquire(&mut relay, &subscriber(number, "line2")).address, before.address);
    }
    let after = acquire(&mut relay, &ada);
    assert_eq!(after.address, before.address);

    // The same after a restart of the client, and for an unknown client.
    let rebooted = relay.init_reboot(&ada, after.address, PATIENCE).unwrap();
    assert!(matches!(rebooted, Answer::Ack(_)), "{rebooted:?}");
    let unknown = relay.init_reboot(&subscriber(99, "line9"), after.address, SILENCE).unwrap();
    assert!(matches!(unknown, Answer::Silence | Answer::Nak { .. }), "{unknown:?}");
    // A client without ciaddr is answered through the relay.
    let nowhere = Ipv4Addr::UNSPECIFIED;
    let parameters = relay.inform(&ada, nowhere, PATIENCE).unwrap().unwrap();
    assert_eq!((parameters.your_address, parameters.lease_time_secs()), (nowhere, None));
    assert_eq!(parameters.options.addresses(3), [Ipv4Addr::new(100, 64, 0, 1)]);
}

#[test]
fn an_expired_lease_may_be_of_another_client_and_an_open_one_is_not() {
    let subnets = r#"
        [[subnet]]
        prefix = "100.64.0.0/24"
        lease-time = "2s"

        [[subnet.pool]]
        name = "one"
        range = "100.64.0.10-100.64.0.10"
    "#;
    let setup = Setup::on_loopback(subnets).with_server_setting("authoritative = true");
    let server = setup.start();
    let mut relay = relay(server.address(), LINK);
    let first = acquire(&mut relay, &subscriber(1, "line1"));
    let refused = relay.discover(&subscriber(2, "line2"), SILENCE).unwrap();
    assert_eq!(refused, Answer::Silence);
    server.journal_has("no-free-address");

    let expired = server.journal_has("expired-lease");
    assert_eq!(
        (expired.address, expired.circuit_id.as_deref()),
        (Some(first.address), Some("line1"))
    );
    assert_eq!(server.leases(), []);
    let second = acquire(&mut relay, &subscriber(2, "line2"));
    assert_eq!(second.address, first.address);
    // The previous holder of the lease gets a NAK.
    let too_late = relay.renew(&subscriber(1, "line1"), first.address, PATIENCE).unwrap();
    assert!(matches!(too_late, Answer::Nak { .. }), "{too_late:?}");
}
