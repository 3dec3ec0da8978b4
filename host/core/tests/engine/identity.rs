//! The identity of clients: what each kind of key uses, what identifies no client, and how a change
//! of the kind affects active leases.

use std::{
    net::{Ipv4Addr, SocketAddrV4},
    sync::Arc,
};

use lessor_core::{
    Binding, ClientKey, ClientKeyKind, HardwareAddress, Line, Network, Reason, RelayInformation,
    Request, Terms,
};

use crate::support::*;

const LINE: &[u8] = b"olt1/1";
const OTHER_LINE: &[u8] = b"olt1/2";

fn keyed_by(client_key: ClientKeyKind) -> Network {
    Network { client_key, ..network() }
}

fn identified(id: &[u8], request: Request) -> Request {
    with(request, |r| r.client_identifier = Some(id.into()))
}

fn line(id: &[u8]) -> Line {
    Line::of(&line_information(id)).unwrap()
}

fn line_information(id: &[u8]) -> RelayInformation {
    on_circuit(id, discover(1)).relay_information.unwrap()
}

/// Leads a client on a line from DISCOVER to ACK and returns its address.
fn lease_on(server: &mut Server, id: &[u8], client: u8) -> Ipv4Addr {
    let address = offered(&server.ask(&on_circuit(id, discover(client))));
    let decision = server.ask(&on_circuit(id, selecting(client, address)));
    assert_eq!(decision.reason, Reason::AckSelecting);
    address
}

#[test]
fn a_message_that_identifies_nobody_is_answered_with_silence() {
    let nobody = |request: Request, octets: &[u8]| {
        with(request, |r| r.hardware_address = HardwareAddress::new(1, octets).unwrap())
    };
    let mut server = Server::plain();
    for octets in [&[][..], &[0; 6], &[0; 16]] {
        for request in [discover(1), init_reboot(1, ip(10)), inform(1, ip(10)), release(1, ip(10))]
        {
            let request = nobody(request, octets);
            let decision = server.ask(&request);
            assert_eq!((decision.reason, decision.reply), (Reason::UnidentifiedClient, None));
            let empty = server.ask(&identified(b"", request.clone()));
            assert_eq!(empty.reason, Reason::UnidentifiedClient);
            let preview = server.engine.preview(server.now, 0, &request, &Terms::default());
            assert_eq!(preview.decision.reason, Reason::UnidentifiedClient);
        }
        let request = identified(b"\x00", nobody(discover(1), octets));
        assert!(server.ask(&request).reply.is_some());
    }
    assert_eq!(server.engine.offers().count(), 1);
}

#[test]
fn a_key_with_another_hardware_address_or_line_is_reported_while_its_lease_is_active() {
    let mut server = Server::plain();
    let request = |client, circuit: &[u8]| on_circuit(circuit, identified(b"x", discover(client)));
    let address = offered(&server.ask(&request(1, LINE)));
    let taken = with(request(1, LINE), |r| {
        r.kind = lessor_core::RequestKind::Request;
        r.server_identifier = Some(SERVER);
        r.requested_address = Some(address);
    });
    assert_eq!(server.ask(&taken).seen_elsewhere, None);
    assert_eq!(server.ask(&request(1, LINE)).seen_elsewhere, None);
    let seen = *server.ask(&request(2, LINE)).seen_elsewhere.expect("another device");
    assert_eq!((seen.address, seen.lines), (address, None));
    assert_eq!(seen.hardware_addresses, Some((hardware(1), hardware(2))));
    let seen = *server.ask(&request(1, OTHER_LINE)).seen_elsewhere.expect("another line");
    assert_eq!((seen.hardware_addresses, seen.lines), (None, Some((line(LINE), line(OTHER_LINE)))));
    // It is served anyway, and the hardware address of its last message is on record.
    let decision = server.ask(&with(taken.clone(), |r| r.hardware_address = hardware(2)));
    assert_eq!(decision.reason, Reason::AckSelecting);
    assert!(decision.seen_elsewhere.is_some());
    assert_eq!(server.ask(&request(2, LINE)).seen_elsewhere, None);
    // A renewal that the client sends directly names no line.
    let direct = identified(b"x", renewing(2, address));
    assert_eq!(server.ask(&direct).seen_elsewhere, None);
    server.pass_secs(3600);
    assert_eq!(server.ask(&request(1, OTHER_LINE)).seen_elsewhere, None);
}

#[test]
fn a_line_is_compared_with_the_lease_that_is_left_of_two() {
    let mut server = Server::plain();
    let address = offered(&server.ask(&on_circuit(LINE, discover(1))));
    server.ask(&on_circuit(LINE, selecting(1, address)));
    // Another server gives the client a lease of a minute, whose end is not noticed.
    server.pass_secs(10);
    let lease = Binding {
        address: ip(13),
        changed_at: server.now,
        expires_at: server.now.after_secs(60),
        ..(*server.record(1)).clone()
    };
    server.engine.learn(server.now, Arc::new(lease));
    let request = on_circuit(OTHER_LINE, discover(1));
    let seen = |server: &mut Server| server.ask(&request).seen_elsewhere.map(|seen| seen.address);
    assert_eq!(seen(&mut server), Some(ip(13)));
    server.pass_secs(60);
    let previewed = server.engine.preview(server.now, 0, &request, &Terms::default());
    assert_eq!(previewed.decision.seen_elsewhere.map(|seen| seen.address), Some(address));
    assert_eq!(seen(&mut server), Some(address));
}

#[test]
fn clients_are_distinguished_by_hardware_address_only() {
    let mut server = Server::new(keyed_by(ClientKeyKind::HardwareAddress));
    let address = server.lease(1);
    // Another system starts on the device, with its own identifier.
    let decision = server.ask(&identified(b"x", discover(1)));
    assert_eq!(offer(&decision), (address, Reason::OfferedCurrent));
    let zero = HardwareAddress::ethernet([0; 6]);
    let request = with(identified(b"x", discover(1)), |r| r.hardware_address = zero);
    assert_eq!(server.reason(&request), Reason::UnidentifiedClient);
}

#[test]
fn clients_are_distinguished_by_line_only() {
    let mut server = Server::new(keyed_by(ClientKeyKind::Line));
    let address = lease_on(&mut server, LINE, 1);
    assert_ne!(lease_on(&mut server, OTHER_LINE, 2), address);
    // The customer replaces the router.
    let decision = server.ask(&on_circuit(LINE, discover(3)));
    assert_eq!(offer(&decision), (address, Reason::OfferedCurrent));
    assert!(decision.seen_elsewhere.is_some());
    assert_eq!(server.reason(&on_circuit(LINE, selecting(3, address))), Reason::AckSelecting);
    let record = server.engine.binding_at(address).unwrap();
    assert_eq!(
        (&record.client, record.hardware_address),
        (&ClientKey::Line(line(LINE)), hardware(3))
    );
    // Other information of the relay about the message is not part of the line.
    let request = with(on_circuit(LINE, discover(3)), |r| {
        let mut octets = b"\x0a\x01\x00".to_vec();
        octets.extend_from_slice(r.relay_information.as_ref().unwrap().octets());
        r.relay_information = Some(RelayInformation::from_octets(octets));
    });
    assert_eq!(offer(&server.ask(&request)), (address, Reason::OfferedCurrent));
    // A renewal is sent past the relay: its line is that of the lease, for the device that has the
    // lease.
    assert_eq!(server.reason(&renewing(3, address)), Reason::AckRenewing);
    assert_eq!(server.engine.client_of(&renewing(3, address)), Some(ClientKey::Line(line(LINE))));
    assert_eq!(server.reason(&renewing(1, address)), Reason::UnidentifiedClient);
    // Without a line there is no client.
    for request in [discover(4), relayed(discover(4)), init_reboot(3, address)] {
        assert_eq!(server.reason(&request), Reason::UnidentifiedClient);
    }
}

#[test]
fn clients_are_distinguished_by_line_and_hardware_address() {
    let mut server = Server::new(keyed_by(ClientKeyKind::LineAndHardwareAddress));
    let address = lease_on(&mut server, LINE, 1);
    let others = [lease_on(&mut server, LINE, 2), lease_on(&mut server, OTHER_LINE, 1)];
    assert!(!others.contains(&address) && others[0] != others[1]);
    assert_eq!(server.reason(&renewing(1, address)), Reason::AckRenewing);
    assert_eq!(server.reason(&discover(1)), Reason::UnidentifiedClient);
}

/// Every change from one kind to another, with a client that sends everything that any kind needs.
#[test]
fn a_lease_goes_on_when_the_kind_of_key_is_changed() {
    for before in ClientKeyKind::ALL {
        for after in ClientKeyKind::ALL {
            let mut server = Server::new(keyed_by(before));
            let send = |request: Request| on_circuit(LINE, identified(b"x", request));
            let address = offered(&server.ask(&send(discover(1))));
            server.ask(&send(selecting(1, address)));
            server.engine.reconfigure(keyed_by(after).into());
            for request in [
                identified(b"x", renewing(1, address)),
                send(rebinding(1, address)),
                send(init_reboot(1, address)),
                with(send(discover(1)), |r| r.requested_address = Some(address)),
            ] {
                let preview = server.engine.preview(server.now, 0, &request, &Terms::default());
                let decision = server.ask(&request);
                assert_eq!(preview.decision, decision);
                assert_eq!(offered(&decision), address, "{before:?} to {after:?}: {decision:?}");
            }
            let request = send(rebinding(1, address));
            let key = after.key_of(&request, request.relay_information.as_ref()).unwrap();
            assert_eq!(server.engine.binding_at(address).unwrap().client, key);
            assert_eq!(server.engine.bindings().count(), 1);
        }
    }
}

#[test]
fn a_device_that_begins_to_send_an_identifier_is_known_by_the_address_that_it_asks_for() {
    let mut server = Server::plain();
    let address = server.lease(1);
    // ciaddr has an address that the device had elsewhere.
    let request = with(identified(b"x", discover(1)), |r| {
        r.requested_address = Some(address);
        r.client_address = Ipv4Addr::new(192, 0, 2, 77);
    });
    assert_eq!(offer(&server.ask(&request)), (address, Reason::OfferedCurrent));
}

#[test]
fn a_lease_of_another_device_is_not_taken_over_when_the_kind_of_key_is_changed() {
    let mut server = Server::plain();
    let address = lease_on(&mut server, LINE, 1);
    server.engine.reconfigure(keyed_by(ClientKeyKind::Line).into());
    // Another device on the line, and the same device on another line, name the address.
    for request in
        [on_circuit(LINE, init_reboot(2, address)), on_circuit(OTHER_LINE, init_reboot(1, address))]
    {
        assert_eq!(server.reason(&request), Reason::NakAddressTaken);
    }
    assert_ne!(offered(&server.ask(&on_circuit(LINE, discover(2)))), address);
}

#[test]
fn a_release_counts_only_if_it_comes_over_the_line_or_from_the_address() {
    let mut server = Server::plain();
    let address = lease_on(&mut server, LINE, 1);
    let refused = [
        (on_circuit(OTHER_LINE, release(1, address)), Reason::OtherLineRelease),
        (relayed(release(1, address)), Reason::ReleaseFromElsewhere),
        (
            with(release(1, address), |r| r.arrival.source = SocketAddrV4::new(ip(99), 68)),
            Reason::ReleaseFromElsewhere,
        ),
    ];
    for (request, expected) in refused {
        let decision = server.ask(&request);
        assert_eq!((decision.reason, decision.changes.len()), (expected, 0));
        assert!(server.record(1).is_active(server.now));
    }
    assert_eq!(server.reason(&release(1, address)), Reason::ReleasedLease);
    let address = lease_on(&mut server, LINE, 1);
    let request = on_circuit(LINE, release(1, address));
    assert_eq!(server.reason(&request), Reason::ReleasedLease);
    // If the client's relay never added option 82, the relay is the only evidence: the address that
    // it sends from, because any host can name it.
    let address = offered(&server.ask(&relayed(discover(2))));
    server.ask(&relayed(selecting(2, address)));
    let from = |source| {
        with(relayed(release(2, address)), |r| r.arrival.source = SocketAddrV4::new(source, 67))
    };
    for source in [ip(99), Ipv4Addr::new(192, 0, 2, 9), address] {
        let decision = server.ask(&from(source));
        assert_eq!((decision.reason, decision.changes.len()), (Reason::ReleaseFromElsewhere, 0));
    }
    assert_eq!(server.reason(&from(RELAY)), Reason::ReleasedLease);
}

#[test]
fn a_decline_counts_only_if_it_comes_over_the_line() {
    let mut server = Server::plain();
    let address = lease_on(&mut server, LINE, 1);
    let decision = server.ask(&on_circuit(OTHER_LINE, decline(1, address)));
    assert_eq!((decision.reason, decision.changes.len()), (Reason::OtherLineDecline, 0));
    let request = on_circuit(LINE, decline(1, address));
    assert_eq!(server.reason(&request), Reason::QuarantinedDeclined);
}

/// A client declines by broadcast, without using an address (RFC 2131 section 4.4.4), so that its
/// relay adds the line.
#[test]
fn a_decline_without_a_line_ends_no_lease_and_no_offer_of_a_client_on_one() {
    for kind in [ClientKeyKind::ClientIdentifier, ClientKeyKind::Line] {
        let mut server = Server::new(keyed_by(kind));
        let address = offered(&server.ask(&on_circuit(LINE, discover(1))));
        let forged = |source| {
            let decline = with(decline(1, address), |r| r.client_address = address);
            with(directly(decline), |r| r.arrival.source = SocketAddrV4::new(source, 68))
        };
        let refused = [
            forged(ip(99)),
            forged(address),
            on_link(decline(1, address)),
            relayed(decline(1, address)),
        ];
        let ends_nothing = |server: &mut Server| {
            for request in &refused {
                let decision = server.ask(request);
                assert_eq!(decision.changes.len(), 0, "{request:?}");
                assert_eq!(decision.reason.outcome(), lessor_core::Outcome::Silence);
            }
        };
        ends_nothing(&mut server);
        let selecting = on_circuit(LINE, selecting(1, address));
        assert_eq!(server.reason(&selecting), Reason::AckSelecting);
        ends_nothing(&mut server);
        if kind == ClientKeyKind::ClientIdentifier {
            assert!(refused.iter().all(|it| server.reason(it) == Reason::OtherLineDecline));
        }
        let decision = server.ask(&on_circuit(LINE, decline(1, address)));
        assert_eq!(decision.reason, Reason::QuarantinedDeclined);
    }
}

#[test]
fn a_decline_that_is_sent_to_the_server_counts_for_no_client_on_the_link() {
    let mut server = Server::plain();
    let address = server.lease(1);
    let forged = directly(decline(1, address));
    for source in [ip(99), address] {
        let forged = with(forged.clone(), |r| r.arrival.source = SocketAddrV4::new(source, 68));
        let decision = server.ask(&forged);
        assert_eq!((decision.reason, decision.changes.len()), (Reason::DeclineFromElsewhere, 0));
        assert!(server.record(1).is_active(server.now));
    }
    assert_eq!(server.reason(&on_link(decline(1, address))), Reason::QuarantinedDeclined);
}

#[test]
fn nobody_on_a_line_ends_the_lease_or_offer_of_a_client_on_the_link() {
    let mut server = Server::plain();
    let address = offered(&server.ask(&discover(1)));
    let forged = on_circuit(LINE, decline(1, address));
    assert_eq!(server.reason(&forged), Reason::OtherLineDecline);
    assert_eq!(server.reason(&selecting(1, address)), Reason::AckSelecting);
    for (forged, expected) in [
        (forged, Reason::OtherLineDecline),
        (on_circuit(LINE, release(1, address)), Reason::OtherLineRelease),
    ] {
        let decision = server.ask(&forged);
        assert_eq!((decision.reason, decision.changes.len()), (expected, 0));
        assert!(server.record(1).is_active(server.now));
    }
    assert_eq!(server.reason(&decline(1, address)), Reason::QuarantinedDeclined);
    // An offer over one line is not declined over another.
    let address = offered(&server.ask(&on_circuit(LINE, discover(2))));
    let forged = on_circuit(OTHER_LINE, decline(2, address));
    assert_eq!(server.reason(&forged), Reason::OtherLineDecline);
    let own = on_circuit(LINE, decline(2, address));
    assert_eq!(server.reason(&own), Reason::QuarantinedDeclined);
}
