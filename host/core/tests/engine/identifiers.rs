//! Reservations by every identifier, for several identifiers, without an address and of all
//! networks.

use std::sync::Arc;

use lessor_core::{
    Decision, Engine, HardwareAddress, Network, OptionValue, Owners, Reason, RelayInformation,
    Request, Reservation, ReservationOwner, SharedReservations, Timestamp, Vpn, VpnName,
};

use crate::support::*;

const DUID: &[u8] = b"\x00\x03\x00\x01\x02\x00\x5e\x00\x53\x77";

fn with_reservations(reservations: Vec<Reservation>) -> Network {
    let mut network = network();
    network.subnets[0].reservations = reservations;
    network
}

/// Reserves nothing yet for the owner.
fn without_address(owner: ReservationOwner) -> Reservation {
    Reservation { address: None, ..reservation(owner, ip(0)) }
}

fn device(client: u8) -> ReservationOwner {
    ReservationOwner::HardwareAddress(hardware(client))
}

/// A client identifier with this IAID and [`DUID`].
fn identified(iaid: u8, request: Request) -> Request {
    let octets: Vec<u8> = [255, 0, 0, 0, iaid].into_iter().chain(DUID.iter().copied()).collect();
    with(request, |r| r.client_identifier = Some(octets.into()))
}

/// Leases the address that a client is offered.
fn lease(server: &mut Server, request: &Request) -> (lessor_core::Reason, Decision) {
    let address = offered(&server.ask(request));
    let accepted = with(request.clone(), |r| {
        r.kind = lessor_core::RequestKind::Request;
        r.requested_address = Some(address);
        r.server_identifier = Some(SERVER);
    });
    let decision = server.ask(&accepted);
    (decision.reason, decision)
}

#[test]
fn every_part_of_a_message_can_identify_an_owner() {
    let vendor = [0, 0, 0x0d, 0xe9, 5, 2, 3, b'S', b'N', b'1', 0, 0, 0, 9, 2, 2, 0];
    let request = identified(7, discover(1));
    let request = with(relayed(request), |r| {
        let parts: [(u8, &[u8]); 4] = [(2, b"far"), (6, b"4711"), (151, b"\x00vpn"), (1, b"near")];
        r.relay_information = Some(RelayInformation::from_sub_options(parts));
        r.options.append(125, &vendor);
    });
    let identifier = request.client_identifier.clone().unwrap();
    // In descending precedence.
    let owners = [
        circuit(b"near"),
        ReservationOwner::remote_id(*b"far"),
        ReservationOwner::RelaySubOption(6, (*b"4711").into()),
        ReservationOwner::RelaySubOption(151, (*b"\x00vpn").into()),
        ReservationOwner::VendorSubOption(3561, 2, (*b"SN1").into()),
        ReservationOwner::ClientIdentifier(identifier),
        ReservationOwner::Duid(DUID.into()),
        device(1),
    ];
    for first in 0..owners.len() {
        let listed = owners.iter().enumerate().skip(first).rev();
        let listed = listed.map(|(at, owner)| reservation(owner.clone(), ip(50 + at as u8)));
        let mut server = Server::new(with_reservations(listed.collect()));
        let decision = server.ask(&request);
        assert_eq!(offered(&decision), ip(50 + first as u8));
        assert_eq!(decision.reserved_by.as_deref(), Some(&owners[first]));
        let preview = server.engine.preview(server.now, 0, &request, &Default::default());
        assert_eq!(preview.reserved_by.as_ref(), Some(&owners[first]));
    }
    for other in [
        ReservationOwner::RelaySubOption(7, (*b"4711").into()),
        ReservationOwner::VendorSubOption(9, 2, (*b"SN1").into()),
        ReservationOwner::VendorSubOption(3561, 1, (*b"SN1").into()),
        ReservationOwner::Duid(DUID[1..].into()),
        ReservationOwner::HardwareAddress(HardwareAddress::new(6, hardware(1).octets()).unwrap()),
    ] {
        let mut server = Server::new(with_reservations(vec![reservation(other, ip(50))]));
        let decision = server.ask(&request);
        assert_eq!((decision.reason, decision.reserved_by), (Reason::OfferedFromPool, None));
    }
}

#[test]
fn two_network_cards_never_have_the_address_at_the_same_time() {
    let mut laptop = reservation(device(1), ip(60));
    laptop.owners = Owners::new([device(1), device(2)]).unwrap();
    let mut server = Server::new(with_reservations(vec![laptop]));
    assert_eq!(server.lease(1), ip(60));
    // The other card is served from the pool as long as the first one has the address.
    assert_eq!(offer(&server.ask(&discover(2))), (ip(10), Reason::OfferedInsteadOfReserved));
    assert_eq!(server.reason(&selecting(2, ip(10))), Reason::AckInsteadOfReserved);
    assert_eq!(server.reason(&selecting(2, ip(60))), Reason::NakOfferExpired);
    assert_eq!(server.reason(&renewing(1, ip(60))), Reason::AckRenewing);
    assert_eq!(server.reason(&release(1, ip(60))), Reason::ReleasedLease);
    assert_eq!(offer(&server.ask(&discover(2))), (ip(60), Reason::OfferedReserved));
    // An offer is no lease: the card that accepts first has the address.
    assert_eq!(offer(&server.ask(&discover(1))), (ip(60), Reason::OfferedReserved));
    assert_eq!(server.reason(&selecting(1, ip(60))), Reason::AckSelecting);
    assert_eq!(server.reason(&selecting(2, ip(60))), Reason::NakOfferExpired);
    server.pass_secs(3600);
    assert_eq!(server.lease(2), ip(60));
    assert_eq!(server.reason(&renewing(1, ip(60))), Reason::NakAddressTaken);
}

#[test]
fn a_device_takes_over_what_it_has_under_another_interface() {
    let owners = [ReservationOwner::Duid(DUID.into()), device(1), device(2)];
    let mut laptop = reservation(device(1), ip(60));
    laptop.owners = Owners::new(owners).unwrap();
    let mut server = Server::new(with_reservations(vec![laptop]));
    let (reason, _) = lease(&mut server, &identified(1, discover(1)));
    assert_eq!(reason, Reason::AckSelecting);
    // The two messages have the DUID in common.
    let (reason, decision) = lease(&mut server, &identified(2, discover(2)));
    assert_eq!((reason, decision.changes[0].binding.address), (Reason::AckSelecting, ip(60)));
    assert_eq!(decision.changes[0].previous.as_ref().unwrap().hardware_address, hardware(1));
    assert_eq!(server.reason(&identified(1, renewing(1, ip(60)))), Reason::NakAddressTaken);
    // A boot ROM with another client identifier, and then the system on the same card.
    let rom = |request| with(request, |r: &mut Request| r.client_identifier = Some((*b"r").into()));
    assert_eq!(server.reason(&identified(2, release(2, ip(60)))), Reason::ReleasedLease);
    assert_eq!(lease(&mut server, &rom(discover(1))).0, Reason::AckSelecting);
    assert_eq!(lease(&mut server, &identified(1, discover(1))).0, Reason::AckSelecting);
}

#[test]
fn options_and_times_may_be_reserved_without_an_address() {
    let mut reserved = without_address(device(1));
    reserved.options = options([(12, OptionValue::Text("modem".into()))]);
    reserved.settings = settings(|fields| {
        fields.times.default_secs = Some(120);
        fields.boot.next_server = Some(ip(9));
    });
    let mut server = Server::new(with_reservations(vec![reserved]));
    let asks =
        |client| with(discover(client), |r| r.parameter_request_list = [12].into_iter().collect());
    let decision = server.ask(&asks(1));
    assert_eq!(offer(&decision), (ip(10), Reason::OfferedFromPool));
    assert_eq!(lease_time_secs(&decision), 120);
    assert_eq!(reply(&decision).next_server_address, ip(9));
    assert_eq!(option(reply(&decision), 12), Some(&OptionValue::Text("modem".into())));
    let decision = server.ask(&asks(2));
    assert_eq!((lease_time_secs(&decision), option(reply(&decision), 12)), (3600, None));
    let informed =
        with(inform(1, ip(77)), |r| r.parameter_request_list = [12].into_iter().collect());
    assert!(option(reply(&server.ask(&informed)), 12).is_some());
}

#[test]
fn a_pool_may_be_reserved_and_a_policy_may_name_another() {
    let mut reserved = without_address(device(1));
    reserved.settings = settings(|fields| fields.pool = Some("garden".into()));
    let mut server = Server::new(with_reservations(vec![reserved]));
    assert_eq!(offer(&server.ask(&discover(1))), (ip(100), Reason::OfferedFromPool));
    assert_eq!(server.reason(&selecting(1, ip(100))), Reason::AckSelecting);
    assert_eq!(server.reason(&renewing(1, ip(100))), Reason::AckRenewing);
    assert_eq!(offered(&server.ask_under(&discover(1), &in_pool("open"))), ip(10));
    assert_eq!(offered(&server.ask(&discover(2))), ip(11));
    // A client that gets the reservation later moves at its renewal.
    let mut server = Server::plain();
    assert_eq!(server.lease(1), ip(10));
    let mut reserved = without_address(device(1));
    reserved.settings = settings(|fields| fields.pool = Some("garden".into()));
    server.engine.reconfigure(with_reservations(vec![reserved]).into());
    assert_eq!(server.reason(&renewing(1, ip(10))), Reason::NakOtherAddress);
}

#[test]
fn reservations_of_all_networks_come_after_those_of_the_network() {
    let named = |owner, name: &str| Reservation {
        options: options([(12, OptionValue::Text(name.into()))]),
        ..without_address(owner)
    };
    let shared = SharedReservations::new(vec![
        named(circuit(b"line"), "line"),
        named(device(1), "device"),
        named(device(2), "other"),
        reservation(device(3), ip(60)),
    ]);
    assert_eq!(shared.list().len(), 3, "one of an address belongs to a subnet");
    let own = vec![named(device(1), "own")];
    let mut server = Server::new(with_reservations(own));
    server.engine.set_shared_reservations(&Arc::new(shared));
    let mut name = |request: Request| {
        let request = with(request, |r| r.parameter_request_list = [12].into_iter().collect());
        option(reply(&server.ask(&request)), 12).cloned()
    };
    let text = |name: &str| Some(OptionValue::Text(name.into()));
    assert_eq!(name(on_circuit(b"line", discover(1))), text("own"));
    assert_eq!(name(on_circuit(b"line", discover(2))), text("line"));
    assert_eq!(name(discover(2)), text("other"));
    assert_eq!(name(discover(3)), None);
    // A pool that this network does not have is no obstacle.
    let mut elsewhere = without_address(device(4));
    elsewhere.settings = settings(|fields| fields.pool = Some("elsewhere".into()));
    server.engine.set_shared_reservations(&Arc::new(SharedReservations::new(vec![elsewhere])));
    assert_eq!(server.ask(&discover(4)).reason, Reason::OfferedFromPool);
}

#[test]
fn reservations_of_a_vpn_apply_in_its_networks_only() {
    let named = |owner, name: &str| Reservation {
        options: options([(12, OptionValue::Text(name.into()))]),
        ..without_address(owner)
    };
    let vpn = |name: &str| VpnName::new(name).unwrap();
    let shared = Arc::new(SharedReservations::with_vpns(
        vec![named(device(1), "everywhere"), named(device(4), "everywhere")],
        vec![
            (vpn("blue"), vec![named(device(1), "blue"), named(device(2), "blue")]),
            (vpn("empty"), Vec::new()),
            (vpn("green"), vec![named(device(1), "green"), reservation(device(3), ip(60))]),
        ],
    ));
    let of: Vec<Option<&str>> =
        shared.with_their_vpns().map(|(vpn, _)| vpn.map(VpnName::as_str)).collect();
    assert_eq!(of, [None, None, Some("blue"), Some("blue"), Some("green")]);
    for (network, wanted) in [
        (None, [Some("everywhere"), None, None, Some("everywhere")]),
        (Some("blue"), [Some("blue"), Some("blue"), None, Some("everywhere")]),
        (Some("green"), [Some("green"), None, None, Some("everywhere")]),
        (Some("empty"), [Some("everywhere"), None, None, Some("everywhere")]),
    ] {
        let mut of_vpn = with_reservations(Vec::new());
        of_vpn.vpn = network.map(|name| Arc::new(Vpn { name: vpn(name), id: None }));
        let mut server = Server::new(of_vpn);
        server.engine.set_shared_reservations(&shared);
        for (number, wanted) in (1..).zip(wanted) {
            let request = with(discover(number), |r| {
                r.parameter_request_list = [12].into_iter().collect();
            });
            let found = option(reply(&server.ask(&request)), 12).cloned();
            let wanted = wanted.map(|name| OptionValue::Text(name.into()));
            assert_eq!(found, wanted, "device {number} in {network:?}");
        }
    }
}

#[test]
fn addresses_that_become_reserved_or_free_are_as_in_a_new_engine() {
    let reserved = |addresses: &[u8]| {
        let reservations =
            addresses.iter().map(|last| reservation(device(200 + last % 50), ip(*last)));
        with_reservations(reservations.collect())
    };
    let mut server = Server::new(reserved(&[10, 11, 60]));
    server.lease_each(1..=2);
    server.engine.set_own_addresses(&[ip(12), ip(13)].into_iter().collect());
    server.ask(&decline(2, ip(13)));
    for addresses in [&[10, 12, 13, 61][..], &[], &[13], &[10, 11, 60]] {
        let network = Arc::new(reserved(addresses));
        assert!(server.engine.reconfigure(Arc::clone(&network)).is_empty());
        let mut fresh = Engine::new(network, 1);
        fresh.set_own_addresses(&[ip(12), ip(13)].into_iter().collect());
        for binding in server.engine.bindings() {
            fresh.restore(Timestamp::from_unix_ms(1_000_000), binding);
        }
        assert_eq!(server.engine.usage(), fresh.usage(), "{addresses:?}");
    }
}
