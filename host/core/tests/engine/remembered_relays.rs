//! The relay through which a client was heard. The record keeps it while a class tests relays or
//! interfaces: a renewal that the client sends directly then has the classes of its own relay, and
//! not those of another relay of its network.

use std::{net::Ipv4Addr, sync::Arc};

use ipnet::Ipv4Net;
use lessor_core::{
    CacheThreshold, Class, ClassEffects, Classes, ClientPlace, Condition, Decision, Destination,
    Fraction, LeaseTimeRule, Network, PoolChoice, Reason, Relays, Request, Test,
};

use crate::support::*;

/// A second relay of the network.
const OTHER_RELAY: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 4);
const UNSPECIFIED: Ipv4Addr = Ipv4Addr::UNSPECIFIED;

/// A network whose records remember relays.
fn remembering() -> Network {
    Network { classes: ClassEffects { read_relay: true, ..ClassEffects::default() }, ..network() }
}

/// Classes of the relay, with the pool `garden`; of the other relay; of no relay; and of clients on
/// the link of an interface.
fn classes() -> Classes {
    let through = |relay: Ipv4Addr| {
        Test::Relay(Relays {
            addresses: [Ipv4Net::from(relay)].into(),
            subnets: [(None, "10.0.0.0/24".parse().unwrap())].into(),
        })
    };
    let neither = [RELAY, OTHER_RELAY].map(|relay| Condition::all(vec![through(relay)]));
    let neither = Test::Not(Condition::all(vec![Test::Any(neither.into())]));
    let pools = PoolChoice::new([Arc::from("garden")]);
    Classes::new(vec![
        (Condition::all(vec![through(RELAY)]), Class { pools, ..Class::named("east") }),
        (Condition::all(vec![through(OTHER_RELAY)]), Class::named("west")),
        (Condition::all(vec![neither]), Class::named("neither")),
        (Condition::all(vec![Test::Interface([Arc::from("eth0")].into())]), Class::named("hall")),
    ])
}

/// The request with its classes, as far as they depend on what the server knows of the client.
fn classified(server: &Server, request: &Request) -> Request {
    let engine = &server.engine;
    let place = ClientPlace {
        relay_address: engine.relay_address_of(request),
        network: Some(engine.network()),
        ..ClientPlace::of_message(request)
    };
    Request { classes: classes().of(request, place, None), ..request.clone() }
}

fn classes_of(server: &Server, request: &Request) -> Vec<String> {
    classified(server, request).classes.names().map(ToString::to_string).collect()
}

fn ask(server: &mut Server, request: &Request) -> Decision {
    let request = classified(server, request);
    server.ask(&request)
}

/// The request, forwarded by this relay.
fn through(relay: Ipv4Addr, request: Request) -> Request {
    with(relayed(request), |it| it.relay_address = relay)
}

/// The request, which arrived on the interface.
fn on_interface(request: Request) -> Request {
    with(on_link(request), |it| it.arrival.interface = Some("eth0".into()))
}

/// Leads a client from DISCOVER to ACK, with its classes.
fn lease(server: &mut Server, client: u8, send: impl Fn(Request) -> Request) -> Ipv4Addr {
    let address = offered(&ask(server, &send(discover(client))));
    let decision = ask(server, &send(selecting(client, address)));
    assert_eq!(decision.reason, Reason::AckSelecting);
    address
}

#[test]
fn a_direct_renewal_has_the_class_of_the_clients_own_relay() {
    let mut server = Server::new(remembering());
    let west = lease(&mut server, 1, |request| through(OTHER_RELAY, request));
    let east = lease(&mut server, 2, |request| through(RELAY, request));
    let here = lease(&mut server, 3, |request| request);
    assert_eq!((west, east, here), (ip(10), ip(100), ip(11)));
    for _ in 0..3 {
        server.pass_secs(1800);
        for (client, address, expected) in
            [(1, west, "west"), (2, east, "east"), (3, here, "neither")]
        {
            let renewal = renewing(client, address);
            assert_eq!(classes_of(&server, &renewal), [expected], "client {client}");
            assert_eq!(ask(&mut server, &renewal).reason, Reason::AckRenewing, "client {client}");
        }
    }
}

#[test]
fn a_client_behind_a_relay_is_not_on_the_link_on_which_its_renewal_arrives() {
    let mut server = Server::new(remembering());
    let address = lease(&mut server, 1, |request| through(OTHER_RELAY, request));
    let here = lease(&mut server, 2, on_interface);
    let direct = |client, address| on_interface(renewing(client, address));
    assert_eq!(classes_of(&server, &direct(1, address)), ["west"]);
    assert_eq!(classes_of(&server, &direct(2, here)), ["neither", "hall"]);

    // A NAK goes where the client is: not to the link, although that is of the same network.
    for (client, leased, expected) in [
        (1, address, Destination::Client(format!("{address}:68").parse().unwrap())),
        (2, here, Destination::Broadcast),
    ] {
        let decision = server.ask_under(&direct(client, leased), &at_address(ip(61)));
        assert_eq!(decision.reason, Reason::NakOtherAddress);
        assert_eq!(reply(&decision).destination, expected, "client {client}");
    }
}

#[test]
fn the_relay_on_record_is_that_of_the_last_message_that_did_not_come_directly() {
    let mut server = Server::new(remembering());
    let address = lease(&mut server, 1, |request| through(OTHER_RELAY, request));
    let recorded = |server: &Server| server.record(1).relay_address;
    for (request, expected) in [
        (renewing(1, address), OTHER_RELAY),
        (through(RELAY, rebinding(1, address)), RELAY),
        (renewing(1, address), RELAY),
        (rebinding(1, address), UNSPECIFIED),
        (renewing(1, address), UNSPECIFIED),
        (through(OTHER_RELAY, init_reboot(1, address)), OTHER_RELAY),
    ] {
        assert!(server.ask(&request).reply.is_some());
        assert_eq!(recorded(&server), Some(expected), "{request:?}");
    }
    // It stays with a lease that ends.
    server.ask(&release(1, address));
    assert_eq!(recorded(&server), Some(OTHER_RELAY));
    // Another host learns nothing, whatever it writes into ciaddr.
    assert_eq!(server.engine.relay_address_of(&renewing(1, address)), Some(OTHER_RELAY));
    assert_eq!(server.engine.relay_address_of(&renewing(2, address)), None);
    assert_eq!(server.engine.relay_address_of(&renewing(1, ip(13))), None);
}

#[test]
fn without_a_class_about_relays_records_do_not_grow_and_the_network_counts() {
    let mut server = Server::plain();
    let address = lease(&mut server, 1, |request| through(OTHER_RELAY, request));
    assert_eq!(server.record(1).relay_address, None);
    let renewal = on_interface(renewing(1, address));
    // The class was added while leases run: which of its relays the client has is not known.
    assert_eq!(server.engine.relay_address_of(&renewal), None);
    assert_eq!(classes_of(&server, &renewal), ["east", "west", "hall"]);
    let relayed = through(OTHER_RELAY, rebinding(1, address));
    assert_eq!(classes_of(&server, &relayed), ["west"]);
}

#[test]
fn a_relay_that_changes_is_recorded_although_the_lease_need_not_be_extended() {
    let mut network = remembering();
    network.subnets[0].settings = settings(|fields| {
        let part = Fraction::from_number(0.5).unwrap();
        fields.times.cache_threshold = Some(CacheThreshold::Within(part));
    });
    let mut server = Server::new(network);
    let address = lease(&mut server, 1, |request| through(OTHER_RELAY, request));
    server.pass_secs(60);
    for (request, expected) in [
        (renewing(1, address), true),
        (through(OTHER_RELAY, rebinding(1, address)), true),
        (through(RELAY, rebinding(1, address)), false),
        (through(RELAY, rebinding(1, address)), true),
    ] {
        let is_kept = server.ask(&request).lease_time_rule == Some(LeaseTimeRule::Kept);
        assert_eq!(is_kept, expected, "{request:?}");
    }
    assert_eq!(server.record(1).relay_address, Some(RELAY));
}
