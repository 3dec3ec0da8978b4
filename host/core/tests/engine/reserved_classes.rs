//! Classes that reservations name: of which client, in which order, and for which messages.

use std::sync::Arc;

use lessor_core::{
    Class, ClassNames, Classes, ClientPlace, Condition, HardwareAddress, Reason, Request,
    Reservation, ScopeFields, SharedReservations, Test, Topology,
};

use crate::support::*;

fn names(names: &[&str]) -> ClassNames {
    ClassNames::new(names.iter().map(|name| Arc::from(*name)).collect()).unwrap()
}

fn naming(classes: &[&str], reservation: Reservation) -> Reservation {
    let settings = ScopeFields { classes: Some(names(classes)), ..ScopeFields::default() }.into();
    Reservation { settings, ..reservation }
}

/// Three classes: of every message with a hardware address of type 1, of none, and of none.
fn classes() -> Classes {
    let ethernet = [HardwareAddress::ethernet([0; 6]).kind()];
    let every = Condition::all(vec![Test::HardwareAddress([ethernet].into_iter().collect())]);
    Classes::new(vec![
        (Condition::never(), Class::named("gold")),
        (every, Class::named("ethernet")),
        (Condition::never(), Class::named("phones")),
    ])
}

fn of(request: &Request, reserved: Option<&ClassNames>) -> Vec<String> {
    let found = classes().of(request, ClientPlace::of_message(request), reserved);
    found.names().map(ToString::to_string).collect()
}

#[test]
fn a_class_is_reserved_if_the_message_does_not_meet_its_condition() {
    let reserved = |request: &Request, names: Option<&ClassNames>| {
        let found = classes().of(request, ClientPlace::of_message(request), names);
        found.reserved_names().map(ToString::to_string).collect::<Vec<_>>()
    };
    let request = discover(1);
    assert!(reserved(&request, None).is_empty());
    let named = names(&["phones", "ethernet", "gold", "removed"]);
    assert_eq!(reserved(&request, Some(&named)), ["gold", "phones"]);
}

#[test]
fn reserved_classes_stand_among_the_others_in_the_order_of_the_configuration() {
    let request = discover(1);
    assert_eq!(of(&request, None), ["ethernet"]);
    assert_eq!(of(&request, Some(&names(&["phones", "gold"]))), ["gold", "ethernet", "phones"]);
    assert_eq!(of(&request, Some(&names(&["ethernet"]))), ["ethernet"]);
    assert_eq!(of(&request, Some(&names(&["removed"]))), ["ethernet"]);
}

#[test]
fn the_own_reservation_of_the_network_comes_before_those_of_all_networks() {
    let mut network = network();
    network.subnets[0].reservations =
        vec![naming(&["gold"], reservation(circuit(b"olt1"), ip(11)))];
    let everywhere = |owner, classes: &[&str]| {
        naming(classes, Reservation { address: None, ..reservation(owner, ip(0)) })
    };
    let shared = vec![everywhere(circuit(b"olt1"), &["phones"]), everywhere(circuit(b"b"), &["b"])];
    let mut server = Server::new(network);
    server.engine.set_shared_reservations(&Arc::new(SharedReservations::new(shared)));
    let of = |circuit: &[u8]| server.engine.reserved_classes(0, &on_circuit(circuit, discover(1)));
    assert_eq!(of(b"olt1"), Some(names(&["gold"])));
    assert_eq!(of(b"b"), Some(names(&["b"])));
    assert_eq!(of(b"c"), None);
}

#[test]
fn a_renewal_without_a_relay_has_the_classes_of_its_line_whichever_address_it_has() {
    let mut network = network();
    network.subnets[0].reservations =
        vec![naming(&["gold"], reservation(circuit(b"olt1"), ip(11)))];
    let mut server = Server::new(network);
    // The reserved address is leased to another client of the line.
    assert_eq!(server.reason(&on_circuit(b"olt1", selecting(2, ip(11)))), Reason::AckSelecting);
    let renewal = renewing(2, ip(11));
    assert_eq!(server.engine.reserved_classes(0, &renewal), Some(names(&["gold"])));
    let stranger = renewing(3, ip(11));
    assert_eq!(server.engine.reserved_classes(0, &stranger), None);
    let without_address = on_circuit(b"olt1", discover(4));
    assert_eq!(server.engine.reserved_classes(0, &without_address), Some(names(&["gold"])));
}

#[test]
fn a_topology_knows_whether_any_reservation_names_a_class() {
    let with_reservation = |reservation: Reservation| {
        let mut network = network();
        network.subnets[0].reservations = vec![reservation];
        Topology::new(vec![Arc::new(network)]).unwrap()
    };
    let plain = || reservation(circuit(b"olt1"), ip(11));
    assert!(!with_reservation(plain()).reservations_name_classes());
    let named = with_reservation(naming(&["gold"], plain()));
    assert!(named.reservations_name_classes());
    assert!(named.only(|_| true).reservations_name_classes());
    let shared = vec![naming(&["gold"], Reservation { address: None, ..plain() })];
    let shared = Arc::new(SharedReservations::new(shared));
    assert!(with_reservation(plain()).with_shared_reservations(shared).reservations_name_classes());
}
