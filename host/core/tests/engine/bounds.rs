//! Bounds: how many addresses of a pool clients can occupy without a lease.

use std::sync::Arc;

use lessor_core::{
    BeyondLimit, BindingState, BootpClients, Bounds, Engine, Network, Obstacle, OffersMax,
    QuarantineMax, Reason, Request, Rule, Terms,
};

use crate::support::*;

/// A network whose only pool ends at `last`.
fn pool_to(last: u8) -> Network {
    let mut network = network();
    network.subnets[0].pools = vec![pool("open", 10, last)];
    network
}

fn quarantine_max([client, line, link, subscriber]: [u32; 4]) -> Bounds {
    let [client, line, link, subscriber] =
        [client, line, link, subscriber].map(|max| max.try_into().unwrap());
    let quarantine_max = QuarantineMax { client, line, link, subscriber };
    Bounds { quarantine_max, ..Bounds::default() }
}

fn quarantined(server: &Server) -> u64 {
    server.engine.usage()[0].quarantined
}

/// Lets a client get an address and decline it. `over` determines the path of its messages.
fn get_and_decline(
    server: &mut Server,
    client: u8,
    terms: &Terms,
    over: impl Fn(Request) -> Request,
) -> Reason {
    let address = offered(&server.ask_under(&over(discover(client)), terms));
    assert_eq!(
        server.ask_under(&over(selecting(client, address)), terms).reason,
        Reason::AckSelecting
    );
    let decision = server.ask_under(&over(decline(client, address)), terms);
    // Whatever happens to the address, the lease ends.
    let lease = &decision.changes[0].binding;
    assert_eq!((lease.state, lease.address), (BindingState::Quarantined, address));
    decision.reason
}

/// The reasons of `all` DECLINEs, of which the first `set_aside` quarantine addresses.
fn reasons(set_aside: usize, all: usize) -> Vec<Reason> {
    let reason = |number| match number < set_aside {
        true => Reason::QuarantinedDeclined,
        false => Reason::DeclinedBeyondLimit,
    };
    (0..all).map(reason).collect()
}

#[test]
fn one_client_sets_no_more_addresses_aside_than_its_bound() {
    let mut server = Server::new(pool_to(250));
    let declines: Vec<_> = (0..100)
        .map(|_| get_and_decline(&mut server, 1, &Terms::default(), |request| request))
        .collect();
    assert_eq!(declines, reasons(2, 100));
    assert_eq!((quarantined(&server), server.engine.usage()[0].leased), (2, 0));
    assert_eq!(server.lease(2), ip(110));
    // After a quarantine ends, there is room for another one.
    server.pass_secs(600);
    let decline = get_and_decline(&mut server, 1, &Terms::default(), |request| request);
    assert_eq!(decline, Reason::QuarantinedDeclined);
}

#[test]
fn a_bootp_client_gets_the_address_that_was_quarantined_first_when_none_is_free() {
    let mut network = pool_to(12);
    network.subnets[0].settings =
        settings(|fields| fields.messages.bootp = Some(BootpClients::Dynamic));
    let mut server = Server::new(network);
    for client in [1, 2] {
        get_and_decline(&mut server, client, &Terms::default(), |request| request);
        server.pass_secs(1);
    }
    let offered = offered(&server.ask(&discover(3)));
    assert_eq!((quarantined(&server), offered), (2, ip(12)));
    for (client, address) in [(4, ip(10)), (5, ip(11))] {
        let request = bootp(client);
        let preview = server.engine.preview(server.now, 0, &request, &Terms::default());
        let decision = server.ask(&request);
        assert_eq!(offer(&decision), (address, Reason::AckBootp));
        assert_eq!(preview.decision, decision);
    }
    assert_eq!((quarantined(&server), server.engine.usage()[0].leased), (0, 2));
    // An open offer does not give way.
    assert_eq!(server.reason(&bootp(6)), Reason::NoFreeAddress);
    assert_eq!(server.reason(&selecting(3, offered)), Reason::AckSelecting);
}

#[test]
fn made_up_hardware_addresses_do_not_get_around_the_bound_of_a_line() {
    let mut server = Server::new(pool_to(250));
    let over = |request| on_circuit(b"line", request);
    let declines: Vec<_> = (0..100)
        .map(|client| get_and_decline(&mut server, client, &Terms::default(), over))
        .collect();
    assert_eq!(declines, reasons(4, 100));
    // DECLINEs without option 82 do not help: the lease has the line.
    for client in 100..110 {
        let address = offered(&server.ask(&over(discover(client))));
        server.ask(&over(selecting(client, address)));
        let reason = server.reason(&directly(decline(client, address)));
        assert_ne!(reason, Reason::QuarantinedDeclined);
    }
    assert_eq!(quarantined(&server), 4);
    let other = |request| on_circuit(b"other line", request);
    let decline = get_and_decline(&mut server, 200, &Terms::default(), other);
    assert_eq!(decline, Reason::QuarantinedDeclined);
}

#[test]
fn clients_whose_line_nobody_names_share_a_bound() {
    let mut server = Server::new(pool_to(250));
    let declines: Vec<_> = (0..100)
        .map(|client| get_and_decline(&mut server, client, &Terms::default(), relayed))
        .collect();
    assert_eq!(declines, reasons(16, 100));
    assert_eq!(quarantined(&server), 16);
}

#[test]
fn a_subscriber_has_a_bound_over_its_lines_and_keeps_its_leases() {
    let mut server = Server::new(pool_to(250));
    let one = limited("s", 1, BeyondLimit::Refuse);
    // The limit is one lease, and after each DECLINE the client gets another one.
    let declines: Vec<_> = (0..10)
        .map(|client| {
            let line = [client];
            get_and_decline(&mut server, client, &one, |request| on_circuit(&line, request))
        })
        .collect();
    assert_eq!(declines, reasons(4, 10));
    server.lease_under(50, &one);
    assert_eq!(quarantined(&server), 4);
}

#[test]
fn who_declined_an_address_beyond_a_bound_does_not_get_it_again_and_others_do() {
    let mut network = pool_to(12);
    network.bounds = quarantine_max([1, 4, 16, 4]);
    let mut server = Server::new(network);
    let mut declined = || {
        server.pass_secs(1);
        get_and_decline(&mut server, 1, &Terms::default(), |request| request)
    };
    assert_eq!([declined(), declined(), declined()][..], reasons(1, 3));
    for address in [11, 12] {
        let wanting = with(discover(1), |r| r.requested_address = Some(ip(address)));
        assert_eq!(server.reason(&wanting), Reason::NoFreeAddress);
        assert_eq!(server.reason(&init_reboot(1, ip(address))), Reason::NakAddressTaken);
    }
    // The address is at the end of the queue: those that were free before come first.
    assert_eq!([server.lease(2), server.lease(3)], [ip(11), ip(12)]);
    assert_eq!(offer(&server.ask(&discover(4))), (ip(10), Reason::OfferedQuarantined));
}

#[test]
fn a_client_is_offered_what_it_declined_once_its_quarantine_would_have_ended() {
    let mut network = pool_to(11);
    network.bounds = quarantine_max([1, 4, 16, 4]);
    let mut server = Server::new(network);
    for _ in 0..2 {
        get_and_decline(&mut server, 1, &Terms::default(), |request| request);
    }
    server.pass_secs(599);
    assert_eq!(server.reason(&discover(1)), Reason::NoFreeAddress);
    server.pass_secs(1);
    assert_eq!(server.reason(&discover(1)), Reason::OfferedFromPool);
}

#[test]
fn a_reserved_address_that_was_declined_beyond_a_bound_is_not_offered_again_at_once() {
    let mut network = pool_to(12);
    network.bounds = quarantine_max([1, 1, 1, 1]);
    network.subnets[0].reservations.push(reservation(circuit(b"line"), ip(60)));
    let mut server = Server::new(network);
    let over = |request| on_circuit(b"line", request);
    // Another device on the line declines the address that a policy gives it, and reaches the
    // line's limit.
    let named = at_address(ip(12));
    assert_eq!(get_and_decline(&mut server, 2, &named, over), Reason::QuarantinedDeclined);
    let reserved = get_and_decline(&mut server, 1, &Terms::default(), over);
    assert_eq!(reserved, Reason::DeclinedBeyondLimit);
    assert_ne!(server.reason(&over(discover(1))), Reason::OfferedReserved);
    let named = at_address(ip(60));
    let decision = server.ask_under(&over(discover(1)), &named);
    assert_eq!(decision.reason, Reason::OfferedInsteadOfReserved);
    server.pass_secs(600);
    assert_eq!(server.reason(&over(discover(1))), Reason::OfferedReserved);
}

#[test]
fn when_none_is_free_the_address_that_was_set_aside_first_returns_first() {
    let mut server = Server::plain();
    for client in [1, 2] {
        get_and_decline(&mut server, client, &Terms::default(), |request| request);
        server.pass_secs(1);
    }
    server.lease_each([3, 4]);
    // The client that declined an address does not get it.
    assert_eq!(offer(&server.ask(&discover(1))), (ip(11), Reason::OfferedQuarantined));
    let preview = server.engine.preview(server.now, 0, &discover(5), &Terms::default());
    let last = preview.candidates.last().unwrap();
    assert_eq!((last.rule, last.address, last.obstacle), (Rule::Quarantined, Some(ip(10)), None));
    assert_eq!(offer(&server.ask(&discover(5))), (ip(10), Reason::OfferedQuarantined));
    assert_eq!(server.reason(&discover(6)), Reason::NoFreeAddress);
    let usage = &server.engine.usage()[0];
    assert_eq!((usage.offered, usage.quarantined), (2, 0));
    assert_eq!(server.reason(&selecting(5, ip(10))), Reason::AckSelecting);
    // The other offer expires; its address is still quarantined.
    server.pass_secs(60);
    server.engine.reclaim(server.now, 10);
    assert_eq!(quarantined(&server), 1);
    let preview = server.engine.preview(server.now, 0, &init_reboot(6, ip(11)), &Terms::default());
    assert_eq!(preview.candidates.last().unwrap().obstacle, Some(Obstacle::Quarantined));
}

#[test]
fn addresses_that_were_set_aside_before_a_restart_count() {
    let mut server = Server::new(pool_to(250));
    let over = |request| on_circuit(b"line", request);
    for client in 1..=4 {
        get_and_decline(&mut server, client, &Terms::default(), over);
    }
    let mut restored = Server::new(pool_to(250));
    for lease in server.engine.bindings() {
        restored.engine.restore(restored.now, lease);
    }
    let decline = get_and_decline(&mut restored, 5, &Terms::default(), over);
    assert_eq!((decline, quarantined(&restored)), (Reason::DeclinedBeyondLimit, 4));
}

#[test]
fn a_bound_that_is_lowered_ends_no_quarantine_and_lets_none_begin() {
    let mut server = Server::new(pool_to(250));
    let over = |request| on_circuit(b"line", request);
    for client in 1..=4 {
        get_and_decline(&mut server, client, &Terms::default(), over);
    }
    let mut lower = pool_to(250);
    lower.bounds = quarantine_max([2, 2, 2, 2]);
    server.engine.reconfigure(lower.into());
    let decline = get_and_decline(&mut server, 5, &Terms::default(), over);
    assert_eq!((decline, quarantined(&server)), (Reason::DeclinedBeyondLimit, 4));
    server.pass_secs(600);
    for (client, expected) in (6..=8).zip(reasons(2, 3)) {
        assert_eq!(get_and_decline(&mut server, client, &Terms::default(), over), expected);
    }
}

#[test]
fn an_engine_that_takes_over_counts_what_is_set_aside() {
    let mut server = Server::new(pool_to(250));
    for client in 1..=2 {
        get_and_decline(&mut server, client, &Terms::default(), |r| on_circuit(b"line", r));
    }
    let mut next = Server { engine: Engine::new(Arc::new(pool_to(250)), 3), now: server.now };
    for remembered in server.engine.into_remembered() {
        next.engine.adopt(remembered);
    }
    let declines: Vec<_> = (3..=5)
        .map(|client| {
            get_and_decline(&mut next, client, &Terms::default(), |r| on_circuit(b"line", r))
        })
        .collect();
    assert_eq!(declines, reasons(2, 3));
}

/// The request forwarded by another relay.
fn by_other_relay(request: Request) -> Request {
    with(request, |request| request.relay_address = ip(4))
}

/// A DISCOVER of one of many clients.
fn discover_of(number: u16) -> Request {
    with(discover(0), |r| r.client_identifier = Some(number.to_be_bytes().into()))
}

fn offers_held(server: &Server) -> u64 {
    server.engine.usage()[0].offered
}

#[test]
fn a_flood_over_one_line_holds_a_few_addresses_and_other_lines_are_served() {
    let mut server = Server::new(pool_to(60));
    for number in 0..1_000 {
        let decision = server.ask(&on_circuit(b"flood", discover_of(number)));
        assert_eq!(decision.reason, Reason::OfferedFromPool);
    }
    assert_eq!(offers_held(&server), 16);
    assert_eq!(server.reason(&on_circuit(b"line", discover(1))), Reason::OfferedFromPool);
}

#[test]
fn all_devices_of_a_large_household_get_their_addresses_at_once() {
    let mut server = Server::new(pool_to(60));
    let over = |request| on_circuit(b"household", request);
    let offers: Vec<_> =
        (1..=16).map(|client| offered(&server.ask(&over(discover(client))))).collect();
    for (client, address) in (1..=16).zip(offers) {
        assert_eq!(server.reason(&over(selecting(client, address))), Reason::AckSelecting);
    }
}

#[test]
fn one_offer_too_many_takes_the_place_of_the_oldest_of_its_line() {
    let mut network = pool_to(60);
    network.bounds.offers_max =
        OffersMax { line: 2.try_into().unwrap(), link: 3.try_into().unwrap() };
    let mut server = Server::new(network);
    let over = |request| on_circuit(b"line", request);
    for client in 1..=3 {
        server.ask(&over(discover(client)));
        server.pass_secs(1);
    }
    let offers =
        |server: &Server| -> Vec<_> { server.engine.offers().map(|offer| offer.client).collect() };
    assert_eq!(offers(&server), [key(2), key(3)]);
    // Its address is still free, so the first client may have it anyway.
    assert_eq!(server.reason(&over(selecting(1, ip(10)))), Reason::AckSelecting);
    // A client that asks again does not displace others.
    server.ask(&over(discover(2)));
    assert_eq!(offers(&server), [key(2), key(3)]);
    for client in 4..=7 {
        server.ask(&relayed(discover(client)));
    }
    assert_eq!(offers(&server).len(), 2 + 3);
}

#[test]
fn a_flood_without_lines_fills_the_pool_and_gives_way_to_clients_of_lines() {
    let mut server = Server::new(pool_to(60));
    for number in 0..1_000 {
        let decision = server.ask(&relayed(discover_of(number)));
        assert_eq!(decision.reply.is_some(), number < 51);
    }
    for client in 1..=25 {
        let line = [client];
        let over = |request| on_circuit(&line, request);
        let preview =
            server.engine.preview(server.now, 0, &over(discover(client)), &Terms::default());
        assert_eq!(preview.candidates.last().unwrap().rule, Rule::Contested);
        let (address, reason) = offer(&server.ask(&over(discover(client))));
        assert_eq!(reason, Reason::OfferedContested);
        assert_eq!(server.reason(&over(selecting(client, address))), Reason::AckSelecting);
    }
    // Its oldest offer was withdrawn first.
    let lost = with(selecting(0, ip(10)), |r| r.client_identifier = Some([0, 0].into()));
    assert_eq!(server.reason(&relayed(lost)), Reason::NakOfferExpired);
}

#[test]
fn a_flood_of_forged_circuit_ids_gives_way_to_clients_of_other_relays() {
    let mut server = Server::new(pool_to(60));
    for number in 0..1_000_u16 {
        server.ask(&on_circuit(&number.to_be_bytes(), discover_of(number)));
    }
    for client in 1..=20 {
        let line = [client];
        let over = |request| by_other_relay(on_circuit(&line, request));
        let (address, reason) = offer(&server.ask(&over(discover(client))));
        assert_eq!(reason, Reason::OfferedContested);
        assert_eq!(server.reason(&over(selecting(client, address))), Reason::AckSelecting);
    }
}

#[test]
fn clients_that_are_no_flood_do_not_push_each_other_out() {
    let mut server = Server::plain();
    for client in 1..=4 {
        server.ask(&on_circuit(&[client], discover(client)));
    }
    for client in 5..=20 {
        let reason = server.reason(&on_circuit(&[client], discover(client)));
        assert_eq!(reason, Reason::NoFreeAddress);
    }
    assert_eq!(server.reason(&on_circuit(&[1], selecting(1, ip(10)))), Reason::AckSelecting);
    // A client that does not accept its offer within a second can lose it.
    server.pass_secs(1);
    let late = offer(&server.ask(&on_circuit(&[5], discover(5))));
    assert_eq!(late, (ip(11), Reason::OfferedContested));
    assert_eq!(server.reason(&on_circuit(&[6], discover(6))), Reason::OfferedContested);
    let taken = server.reason(&on_circuit(&[2], selecting(2, ip(11))));
    assert_eq!(taken, Reason::NakOfferExpired);
}

#[test]
fn open_offers_are_of_their_line_after_a_reload_and_in_a_recording() {
    let mut server = Server::new(pool_to(60));
    for number in 0..16 {
        server.ask(&on_circuit(b"line", discover_of(number)));
    }
    let mut restored = Server::new(pool_to(60));
    for offer in server.engine.offers() {
        let written = serde_json::to_string(&offer).unwrap();
        restored.engine.restore_offer(serde_json::from_str(&written).unwrap());
    }
    server.engine.reconfigure(pool_to(70).into());
    for server in [&mut server, &mut restored] {
        server.ask(&on_circuit(b"line", discover_of(16)));
        assert_eq!(offers_held(server), 16);
    }
}
