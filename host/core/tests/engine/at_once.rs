//! What is granted at once, by rapid commit or to a BOOTP client, ends no lease or offer of another
//! device with a single message.

use lessor_core::{
    BeyondLimit, BootpClients, ClientKey, HardwareAddress, Network, Owners, Reason, Request,
    ReservationOwner,
};

use crate::support::*;

const LINE: &[u8] = b"line";

/// The usual network with both, which reserves .60 for a line and .62 for the two cards of a
/// laptop.
fn lenient() -> Network {
    let mut network = network();
    let subnet = &mut network.subnets[0];
    subnet.settings = settings(|fields| {
        fields.messages.bootp = Some(BootpClients::Dynamic);
        fields.messages.rapid_commit = Some(true);
    });
    let device = |client| ReservationOwner::HardwareAddress(hardware(client));
    let mut laptop = reservation(device(11), ip(62));
    laptop.owners = Owners::new([device(11), device(12)]).unwrap();
    subnet.reservations = vec![reservation(circuit(LINE), ip(60)), laptop];
    network
}

fn on_line(request: Request) -> Request {
    on_circuit(LINE, request)
}

/// The request of a device that has another client identifier.
fn identified(identifier: &[u8], request: Request) -> Request {
    with(request, |r| r.client_identifier = Some(identifier.into()))
}

/// A server on which client 1 has the address of the line.
fn with_a_device_on_the_line(is_bootp: bool) -> Server {
    let mut server = Server::new(lenient());
    if is_bootp {
        assert_eq!(server.reason(&on_line(bootp(1))), Reason::AckBootp);
    } else {
        server.ask(&on_line(discover(1)));
        assert_eq!(server.reason(&on_line(selecting(1, ip(60)))), Reason::AckSelecting);
    }
    assert_eq!(server.record(1).address, ip(60));
    server
}

#[test]
fn a_rapid_discover_is_offered_the_address_of_another_device() {
    let mut server = with_a_device_on_the_line(false);
    // Also when it is repeated: the client may not want the address.
    for _ in 0..2 {
        let decision = server.ask(&on_line(rapid(2)));
        assert_eq!(offer(&decision), (ip(60), Reason::OfferedReserved));
        assert!(decision.changes.is_empty());
        server.pass_secs(5);
    }
    assert_eq!(server.reason(&renewing(1, ip(60))), Reason::AckRenewing);
    assert_eq!(server.reason(&on_line(selecting(2, ip(60)))), Reason::AckSelecting);
    assert_eq!(server.reason(&on_line(rapid(2))), Reason::AckRapidCommit);
}

#[test]
fn a_device_pays_for_itself_under_another_identifier() {
    for request in [rapid(1), bootp(1)] {
        let mut server = with_a_device_on_the_line(false);
        let decision = server.ask(&on_line(identified(b"system", request)));
        assert_eq!(offered(&decision), ip(60));
        let lease = &decision.changes[0].binding;
        assert_eq!(lease.client, ClientKey::Identifier((*b"system").into()));
    }
    // Two devices that state no hardware address are two devices.
    let nameless = |identifier: &[u8]| {
        let request = identified(identifier, rapid(1));
        on_line(with(request, |r| r.hardware_address = HardwareAddress::ethernet([0; 6])))
    };
    let mut server = Server::new(lenient());
    assert_eq!(server.reason(&nameless(b"a")), Reason::AckRapidCommit);
    assert_eq!(server.reason(&nameless(b"b")), Reason::OfferedReserved);
}

#[test]
fn an_open_offer_of_a_shared_address_stays_with_its_client() {
    for (request, expected) in
        [(rapid(12), Reason::OfferedReserved), (bootp(12), Reason::BootpAddressUnavailable)]
    {
        let mut server = Server::new(lenient());
        assert_eq!(offered(&server.ask(&discover(11))), ip(62));
        let decision = server.ask(&request);
        assert_eq!((decision.reason, decision.changes.len()), (expected, 0));
        assert_eq!(server.reason(&selecting(11, ip(62))), Reason::AckSelecting);
        // Until the first card releases the address, the second one has another one.
        let decision = server.ask(&request);
        assert_eq!(offer(&decision), (ip(10), Reason::AckInsteadOfReserved));
    }
    // An offer that is not accepted ends.
    let mut server = Server::new(lenient());
    server.ask(&discover(11));
    server.pass_secs(60);
    assert_eq!(offer(&server.ask(&bootp(12))), (ip(62), Reason::AckBootp));
}

#[test]
fn a_bootp_client_takes_the_place_of_a_device_with_its_second_message() {
    for is_bootp in [false, true] {
        let mut server = with_a_device_on_the_line(is_bootp);
        let request = on_line(bootp(2));
        // The copy that a second relay forwards is no second message.
        for _ in 0..2 {
            let decision = server.ask(&request);
            assert_eq!((decision.reason, &decision.reply), (Reason::BootpAskedOnce, &None));
            assert!(decision.changes.is_empty());
        }
        // Until then, the other device may extend its lease. That begins the exchange again.
        let goes_on = if is_bootp { on_line(bootp(1)) } else { renewing(1, ip(60)) };
        assert_eq!(offered(&server.ask(&goes_on)), ip(60));
        server.pass_secs(4);
        assert_eq!(server.reason(&request), Reason::BootpAskedOnce);
        server.pass_secs(4);
        let preview = server.engine.preview(server.now, 0, &request, &Default::default());
        let decision = server.ask(&request);
        assert_eq!(preview.decision, decision);
        assert_eq!(offer(&decision), (ip(60), Reason::AckBootp));
        assert_eq!(decision.changes[0].previous.as_ref().unwrap().client, key(1));
        assert_eq!(server.reason(&renewing(1, ip(60))), Reason::NakAddressTaken);
        // What it repeats extends its own lease.
        assert_eq!(offer(&server.ask(&request)), (ip(60), Reason::AckBootp));
    }
}

#[test]
fn a_bootp_client_that_asks_once_ends_nothing() {
    let mut server = with_a_device_on_the_line(true);
    for _ in 0..3 {
        assert_eq!(server.reason(&on_line(bootp(2))), Reason::BootpAskedOnce);
        assert_eq!(server.engine.offers().count(), 1);
        server.pass_secs(60);
    }
    assert_eq!(server.record(1).address, ip(60));
    // The address is free at once for the device after it if the one before releases it.
    assert_eq!(server.reason(&on_line(release(1, ip(60)))), Reason::ReleasedLease);
    assert_eq!(offer(&server.ask(&on_line(bootp(2)))), (ip(60), Reason::AckBootp));
}

#[test]
fn a_subscriber_gives_a_lease_up_for_the_second_message_of_a_bootp_client() {
    let terms = limited("s", 1, BeyondLimit::ReplaceOldest);
    for is_full in [false, true] {
        let mut server = Server::new(lenient());
        let former = server.lease_under(1, &terms);
        if is_full {
            server.lease_each(5..=7);
        }
        let once = server.ask_under(&bootp(9), &terms);
        assert_eq!((once.reason, once.changes.len()), (Reason::BootpAskedOnce, 0));
        assert_eq!(server.ask_under(&renewing(1, former), &terms).reason, Reason::AckRenewing);
        server.pass_secs(4);
        if is_full {
            // The device has extended the lease that would have ended.
            assert_eq!(server.ask_under(&bootp(9), &terms).reason, Reason::BootpAskedOnce);
            server.pass_secs(4);
        }
        let decision = server.ask_under(&bootp(9), &terms);
        assert_eq!((decision.reason, offered(&decision) == former), (Reason::AckBootp, is_full));
        assert_eq!(decision.changes.len(), if is_full { 1 } else { 2 });
        let renewal = server.ask_under(&renewing(1, former), &terms);
        assert_eq!(renewal.reason.outcome(), lessor_core::Outcome::Nak);
    }
}

#[test]
fn a_rapid_discover_ends_no_lease_of_its_subscriber() {
    let terms = limited("s", 1, BeyondLimit::ReplaceOldest);
    let mut server = Server::new(lenient());
    let former = server.lease_under(1, &terms);
    let decision = server.ask_under(&rapid(9), &terms);
    assert_eq!((decision.reason, decision.changes.len()), (Reason::OfferedFromPool, 0));
    assert_eq!(server.ask_under(&renewing(1, former), &terms).reason, Reason::AckRenewing);
    let accepted = server.ask_under(&selecting(9, offered(&decision)), &terms);
    assert_eq!((accepted.reason, accepted.changes.len()), (Reason::AckSelecting, 2));
}
