//! Reserved addresses: only their owner gets them, whatever device is on the owner's line, and
//! immediately.

use std::net::Ipv4Addr;

use lessor_core::{BootpClients, Network, Reason, ReservationOwner};

use crate::support::*;

const LINE: &[u8] = b"olt1/\x00/17";

/// Reserves .11, inside the open pool, for a line and .201, outside, for a device.
fn with_reservations() -> Network {
    let mut network = network();
    network.subnets[0].reservations = vec![
        reservation(circuit(LINE), ip(11)),
        reservation(ReservationOwner::HardwareAddress(hardware(2)), ip(201)),
    ];
    network
}

#[test]
fn reserved_addresses_go_to_their_owner_and_to_nobody_else() {
    let mut server = Server::new(with_reservations());
    for client in 3..=5 {
        assert_ne!(server.lease(client), ip(11));
    }
    assert_eq!(server.reason(&discover(6)), Reason::NoFreeAddress);
    for address in [ip(11), ip(201)] {
        assert_eq!(server.reason(&selecting(6, address)), Reason::NakAddressTaken);
        let decision = server.ask_under(&discover(6), &at_address(address));
        assert_eq!(decision.reason, Reason::UnusableAddress);
    }
    let decision = server.ask(&on_circuit(LINE, discover(1)));
    assert_eq!(offer(&decision), (ip(11), Reason::OfferedReserved));
    assert_eq!(offer(&server.ask(&discover(2))), (ip(201), Reason::OfferedReserved));
}

#[test]
fn the_line_comes_before_the_device() {
    let mut server = Server::new(with_reservations());
    let decision = server.ask(&on_circuit(LINE, discover(2)));
    assert_eq!(offer(&decision), (ip(11), Reason::OfferedReserved));
}

#[test]
fn every_kind_of_owner_is_found() {
    let identifier: &[u8] = b"\x00identifier";
    let owners = [
        circuit(LINE),
        ReservationOwner::remote_id(*b"remote\x00"),
        ReservationOwner::ClientIdentifier(identifier.into()),
        ReservationOwner::HardwareAddress(hardware(1)),
    ];
    for expected in 0..owners.len() {
        let mut network = network();
        let listed = owners.iter().enumerate().skip(expected).rev();
        network.subnets[0].reservations = listed
            .map(|(position, owner)| reservation(owner.clone(), ip(50 + position as u8)))
            .collect();
        let request = with(on_circuit(LINE, discover(1)), |r| {
            r.client_identifier = Some(identifier.into());
            let mut octets = r.relay_information.as_ref().unwrap().octets().to_vec();
            octets.extend_from_slice(b"\x02\x07remote\x00");
            r.relay_information = Some(lessor_core::RelayInformation::from_octets(octets));
        });
        let mut server = Server::new(network);
        assert_eq!(offered(&server.ask(&request)), ip(50 + expected as u8));
    }
}

#[test]
fn a_new_device_on_the_line_gets_the_address_at_once() {
    let mut server = Server::new(with_reservations());
    server.ask(&on_circuit(LINE, discover(1)));
    server.ask(&on_circuit(LINE, selecting(1, ip(11))));
    let decision = server.ask(&on_circuit(LINE, discover(7)));
    assert_eq!(offer(&decision), (ip(11), Reason::OfferedReserved));
    // Until the new device accepts it, the old one may keep extending its lease. This costs the new
    // device nothing.
    assert_eq!(server.reason(&renewing(1, ip(11))), Reason::AckRenewing);
    let decision = server.ask(&on_circuit(LINE, selecting(7, ip(11))));
    assert_eq!(decision.reason, Reason::AckSelecting);
    let change = &decision.changes[0];
    assert_eq!((&change.binding.client, change.binding.revision), (&key(7), 3));
    assert_eq!(change.previous.as_ref().unwrap().client, key(1));
    assert!(server.engine.binding_of(&key(1)).is_none());
    assert_eq!(server.reason(&renewing(1, ip(11))), Reason::NakAddressTaken);
}

#[test]
fn a_unicast_renewal_goes_by_the_line_of_the_last_relayed_message() {
    let mut server = Server::new(with_reservations());
    server.ask(&on_circuit(LINE, discover(1)));
    server.ask(&on_circuit(LINE, selecting(1, ip(11))));
    for _ in 0..2 {
        let request = renewing(1, ip(11));
        let remembered = server.engine.relay_information_of(&request).unwrap();
        assert_eq!(remembered.circuit_id(), Some(LINE));
        assert_eq!(server.reason(&request), Reason::AckRenewing);
        let relay_information = server.record(1).relay_information.clone().unwrap();
        assert_eq!(relay_information.circuit_id(), Some(LINE));
    }
    // Neither for an address that it does not have nor for a message from the link.
    assert_eq!(server.engine.relay_information_of(&renewing(1, ip(12))), None);
    assert_eq!(server.engine.relay_information_of(&rebinding(1, ip(11))), None);
}

#[test]
fn a_client_with_a_reservation_is_sent_away_from_another_address() {
    let mut server = Server::new(with_reservations());
    let address = server.lease(1);
    let renewal = on_circuit(LINE, rebinding(1, address));
    assert_eq!(server.reason(&renewal), Reason::NakOtherAddress);
    let decision = server.ask(&on_circuit(LINE, discover(1)));
    assert_eq!(offer(&decision), (ip(11), Reason::OfferedReserved));
    let decision = server.ask(&on_circuit(LINE, selecting(1, ip(11))));
    assert_eq!(decision.changes.len(), 2);
}

#[test]
fn what_is_reserved_for_a_client_is_known_of_it() {
    let mut server = Server::new(with_reservations());
    assert_eq!(server.reason(&init_reboot(2, ip(201))), Reason::AckInitReboot);
    let mut server = Server::new(with_reservations());
    assert_eq!(server.reason(&init_reboot(2, ip(12))), Reason::NakOtherAddress);
}

#[test]
fn a_bootp_client_whose_reserved_address_is_quarantined_is_served_as_configured() {
    for (clients, expected) in [
        (BootpClients::Reserved, Reason::BootpAddressUnavailable),
        (BootpClients::Dynamic, Reason::AckInsteadOfReserved),
    ] {
        let mut network = network();
        let subnet = &mut network.subnets[0];
        subnet.settings = settings(|fields| fields.messages.bootp = Some(clients));
        let owner = ReservationOwner::HardwareAddress(hardware(9));
        subnet.reservations.push(reservation(owner, ip(99)));
        let mut server = Server::new(network);
        assert_eq!(server.lease(9), ip(99));
        assert_eq!(server.reason(&decline(9, ip(99))), Reason::QuarantinedDeclined);
        assert_eq!(server.reason(&bootp(9)), expected);
        server.pass_secs(600);
        assert_eq!(offer(&server.ask(&bootp(9))), (ip(99), Reason::AckBootp));
    }
}

#[test]
fn a_client_that_declines_its_reserved_address_is_served_from_the_pools_meanwhile() {
    let mut server = Server::new(with_reservations());
    assert_eq!(server.lease(2), ip(201));
    assert_eq!(server.reason(&decline(2, ip(201))), Reason::QuarantinedDeclined);
    assert_eq!(server.reason(&init_reboot(2, ip(201))), Reason::NakAddressTaken);
    let decision = server.ask(&discover(2));
    assert_eq!(offer(&decision), (ip(10), Reason::OfferedInsteadOfReserved));
    assert_eq!(server.reason(&selecting(2, ip(10))), Reason::AckInsteadOfReserved);
    assert_eq!(server.reason(&renewing(2, ip(10))), Reason::AckInsteadOfReserved);
    let decision = server.ask(&discover(2));
    assert_eq!(offer(&decision), (ip(10), Reason::OfferedInsteadOfReserved));
    // After the quarantine the client is not sent back to the address that another host was using,
    // until it looks for an address again.
    server.pass_secs(600);
    assert_eq!(server.reason(&renewing(2, ip(10))), Reason::AckInsteadOfReserved);
    assert_eq!(server.reason(&init_reboot(2, ip(10))), Reason::AckInsteadOfReserved);
    assert_eq!(offer(&server.ask(&discover(2))), (ip(201), Reason::OfferedReserved));
    let decision = server.ask(&selecting(2, ip(201)));
    assert_eq!((decision.reason, decision.changes.len()), (Reason::AckSelecting, 2));
    assert_eq!(server.reason(&renewing(2, ip(201))), Reason::AckRenewing);
}

#[test]
fn a_reserved_address_that_another_device_declined_is_taken_at_the_renewal_after() {
    let mut server = Server::new(with_reservations());
    server.ask(&on_circuit(LINE, discover(1)));
    server.ask(&on_circuit(LINE, selecting(1, ip(11))));
    assert_eq!(server.reason(&on_circuit(LINE, decline(1, ip(11)))), Reason::QuarantinedDeclined);
    let decision = server.ask(&on_circuit(LINE, discover(7)));
    assert_eq!(offer(&decision), (ip(10), Reason::OfferedInsteadOfReserved));
    let decision = server.ask(&on_circuit(LINE, selecting(7, ip(10))));
    assert_eq!(decision.reason, Reason::AckInsteadOfReserved);
    server.pass_secs(600);
    assert_eq!(server.reason(&on_circuit(LINE, rebinding(7, ip(10)))), Reason::NakOtherAddress);
    let decision = server.ask(&on_circuit(LINE, discover(7)));
    assert_eq!(offer(&decision), (ip(11), Reason::OfferedReserved));
}

#[test]
fn without_a_pool_for_everybody_there_is_nothing_instead_of_a_reserved_address() {
    let mut network = with_reservations();
    network.subnets[0].pools.retain(|pool| pool.by_policy_only);
    let mut server = Server::new(network);
    server.lease(2);
    server.ask(&decline(2, ip(201)));
    assert_eq!(server.reason(&discover(2)), Reason::NoFreeAddress);
    let decision = server.ask_under(&discover(2), &in_pool("garden"));
    assert_eq!(offer(&decision), (ip(100), Reason::OfferedInsteadOfReserved));
}

#[test]
fn an_address_leased_before_it_was_reserved_is_waited_for_and_the_owner_served_meanwhile() {
    let mut server = Server::plain();
    server.lease_each(3..=4);
    assert_eq!(server.record(4).address, ip(11));
    server.engine.reconfigure(with_reservations().into());
    let decision = server.ask(&on_circuit(LINE, discover(1)));
    assert_eq!(offer(&decision), (ip(12), Reason::OfferedInsteadOfReserved));
    let instead = Reason::AckInsteadOfReserved;
    assert_eq!(server.reason(&on_circuit(LINE, selecting(1, ip(12)))), instead);
    assert_eq!(server.reason(&on_circuit(LINE, rebinding(1, ip(12)))), instead);
    // The other client gets a NAK at its renewal, and its lease ends.
    assert_eq!(server.reason(&renewing(4, ip(11))), Reason::NakAddressTaken);
    server.pass_secs(1800);
    assert_eq!(server.reason(&on_circuit(LINE, rebinding(1, ip(12)))), instead);
    server.pass_secs(1800);
    assert_eq!(server.reason(&on_circuit(LINE, rebinding(1, ip(12)))), Reason::NakOtherAddress);
    let decision = server.ask(&on_circuit(LINE, discover(1)));
    assert_eq!(offer(&decision), (ip(11), Reason::OfferedReserved));
}

#[test]
fn of_several_reservations_the_one_in_the_subnet_asked_from_counts() {
    let mut network = with_reservations();
    let mut second = subnet("10.0.1.0/24", vec![]);
    let address = Ipv4Addr::new(10, 0, 1, 11);
    second.reservations.push(reservation(circuit(LINE), address));
    network.subnets.push(second);
    let mut server = Server::new(network);
    for (subnet, expected) in [(0, ip(11)), (1, address)] {
        let request = on_circuit(LINE, discover(1));
        let decision = server.ask_from(subnet, &request, &lessor_core::Terms::default());
        assert_eq!(offered(&decision), expected);
    }
}
