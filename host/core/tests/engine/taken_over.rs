//! Clients whose lease another client has taken over get a NAK when they want to keep the address,
//! also from a server that is not authoritative and has no record of them any more.

use lessor_core::{BeyondLimit, Network, Owners, Reason, ReservationOwner, Terms, Verdict};

use crate::support::*;

const LINE: &[u8] = b"p1";

/// Reserves .60 for a line and .62 for the two cards of a laptop.
fn not_authoritative() -> Network {
    let mut network = Network { authoritative: false, ..network() };
    let device = |client| ReservationOwner::HardwareAddress(hardware(client));
    let mut laptop = reservation(device(3), ip(62));
    laptop.owners = Owners::new([device(3), device(4)]).unwrap();
    network.subnets[0].reservations = vec![reservation(circuit(LINE), ip(60)), laptop];
    network
}

/// Two devices of a line have had the reserved address in turn.
fn after_a_takeover() -> Server {
    let mut server = Server::new(not_authoritative());
    for client in [1, 2] {
        assert_eq!(offered(&server.ask(&on_circuit(LINE, discover(client)))), ip(60));
        let accepted = server.ask(&on_circuit(LINE, selecting(client, ip(60))));
        assert_eq!(accepted.reason, Reason::AckSelecting);
    }
    assert!(server.engine.binding_of(&key(1)).is_none());
    server
}

#[test]
fn the_former_device_of_a_line_gets_a_nak_when_it_extends_its_lease() {
    let mut server = after_a_takeover();
    for request in
        [renewing(1, ip(60)), rebinding(1, ip(60)), on_circuit(LINE, rebinding(1, ip(60)))]
    {
        assert_eq!(server.reason(&request), Reason::NakAddressTaken, "{request:?}");
    }
    assert_eq!(server.reason(&renewing(2, ip(60))), Reason::AckRenewing);
    // Against the RFC, the message names the server.
    let with_identifier = with(renewing(1, ip(60)), |r| r.server_identifier = Some(SERVER));
    assert_eq!(server.reason(&with_identifier), Reason::NakAddressTaken);
    let of_none = with(renewing(1, ip(13)), |r| r.server_identifier = Some(SERVER));
    assert_eq!(server.reason(&of_none), Reason::UnknownState);
    // If it starts again, it is the latest device of the line.
    assert_eq!(server.reason(&on_circuit(LINE, init_reboot(1, ip(60)))), Reason::AckInitReboot);
    assert_eq!(server.reason(&renewing(2, ip(60))), Reason::NakAddressTaken);
}

#[test]
fn no_other_terms_let_it_keep_the_address() {
    let mut server = after_a_takeover();
    let refused = Terms { verdict: Verdict::Refuse("no".into()), ..Terms::default() };
    for (terms, of_taken, of_other) in [
        (Terms::default(), Reason::NakAddressTaken, Reason::UnknownClient),
        (at_address(ip(50)), Reason::NakAddressTaken, Reason::UnknownClient),
        (at_address(ip(60)), Reason::NakAddressTaken, Reason::UnusableAddress),
        (in_pool("gone"), Reason::NakAddressTaken, Reason::UnknownPool),
        (refused, Reason::NakByPolicy, Reason::RefusedWithoutNak),
    ] {
        for request in [renewing(1, ip(60)), rebinding(1, ip(60))] {
            assert_eq!(server.ask_under(&request, &terms).reason, of_taken, "{terms:?}");
        }
        let decision = server.ask_under(&renewing(1, ip(12)), &terms);
        assert_eq!(decision.reason, of_other, "{terms:?}");
    }
}

#[test]
fn what_another_server_may_have_leased_is_left_to_it() {
    let mut server = after_a_takeover();
    // A stranger remembers the address from another place.
    assert_eq!(server.reason(&init_reboot(9, ip(60))), Reason::UnknownClient);
    assert_eq!(server.reason(&on_circuit(b"p2", init_reboot(9, ip(60)))), Reason::UnknownClient);
    let held = offered(&server.ask(&discover(5)));
    for address in [held, ip(12), ip(62), ip(200)] {
        for ask in [init_reboot, renewing, rebinding] {
            assert_eq!(server.reason(&ask(9, address)), Reason::UnknownClient, "{address}");
        }
    }
    // The lease of the later device has ended, and nobody else has the address.
    assert_eq!(server.reason(&release(2, ip(60))), Reason::ReleasedLease);
    assert_eq!(server.reason(&renewing(1, ip(60))), Reason::UnknownClient);
    assert_eq!(server.reason(&on_circuit(LINE, rebinding(1, ip(60)))), Reason::AckRebinding);
}

#[test]
fn the_other_card_of_a_laptop_gets_a_nak_while_the_first_has_the_address() {
    let mut server = Server::new(not_authoritative());
    assert_eq!(server.lease(3), ip(62));
    for ask in [init_reboot, renewing, rebinding] {
        assert_eq!(server.reason(&ask(4, ip(62))), Reason::NakAddressTaken);
        assert_eq!(server.reason(&ask(9, ip(12))), Reason::UnknownClient);
    }
    assert_eq!(server.reason(&renewing(3, ip(62))), Reason::AckRenewing);
}

#[test]
fn the_former_device_of_a_subscriber_gets_a_nak() {
    let replace = limited("s", 1, BeyondLimit::ReplaceOldest);
    let mut network = not_authoritative();
    network.subnets[0].pools = vec![pool("open", 10, 10)];
    let mut server = Server::new(network);
    for client in [1, 2] {
        assert_eq!(server.lease_under(client, &replace), ip(10));
    }
    for terms in [&replace, &Terms::default()] {
        for ask in [renewing, rebinding] {
            let decision = server.ask_under(&ask(1, ip(10)), terms);
            assert_eq!(decision.reason, Reason::NakAddressTaken);
        }
    }
    let reboot = init_reboot(1, ip(10));
    assert_eq!(server.ask_under(&reboot, &replace).reason, Reason::NakAddressTaken);
    assert_eq!(server.reason(&reboot), Reason::UnknownClient);
    let other = limited("other", 1, BeyondLimit::ReplaceOldest);
    assert_eq!(server.ask_under(&reboot, &other).reason, Reason::UnknownClient);
    assert_eq!(server.ask_under(&renewing(2, ip(10)), &replace).reason, Reason::AckRenewing);
}

/// What is in flight has not been granted yet.
#[test]
fn a_renewal_waits_for_the_lease_of_the_later_device() {
    let mut server = Server::new(not_authoritative());
    server.ask(&on_circuit(LINE, discover(1)));
    server.ask(&on_circuit(LINE, selecting(1, ip(60))));
    server.ask(&on_circuit(LINE, discover(2)));
    let decision =
        server.decide_only(0, &on_circuit(LINE, selecting(2, ip(60))), &Terms::default());
    assert_eq!(server.waits(&renewing(1, ip(60)), &Terms::default()).address, ip(60));
    server.settle(&decision, &lessor_core::StorageAnswer::Made);
    assert_eq!(server.reason(&renewing(1, ip(60))), Reason::NakAddressTaken);
}
