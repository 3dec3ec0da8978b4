//! Clients without a record that want to keep an address: how `unknown-clients` treats them, and
//! how `after-data-loss` holds their addresses back from new clients.

use lessor_core::{
    AfterDataLoss, Holding, Network, OwnAddresses, Reason, Skipped, SkippedRange, Terms,
    UnknownClients, WhySkipped,
};

use crate::support::*;

fn network_with(unknown_clients: UnknownClients, authoritative: bool) -> Network {
    let mut network = Network { authoritative, ..network() };
    network.subnets[0].unknown_clients = unknown_clients;
    network.subnets[0].reservations = vec![reservation(circuit(b"line"), ip(13))];
    network
}

/// A network that has just lost its records. Leases last at most a day.
fn without_records() -> Server {
    let mut server = Server::new(Network {
        after_data_loss: AfterDataLoss::Hold,
        ..network_with(UnknownClients::Adopt, false)
    });
    server.engine.set_no_records_since(server.now);
    server
}

#[test]
fn an_unknown_client_keeps_a_free_address_if_it_is_adopted() {
    for ask in [init_reboot, renewing, rebinding] {
        let mut server = Server::new(network_with(UnknownClients::Adopt, false));
        let decision = server.ask(&ask(9, ip(12)));
        assert_eq!((decision.reason, offered(&decision)), (Reason::AckAdopted, ip(12)));
        assert!(server.record(9).is_active(server.now));
        assert_ne!(server.reason(&ask(9, ip(12))), Reason::AckAdopted);
        let garden = server.ask_under(&ask(8, ip(100)), &in_pool("garden"));
        assert_eq!((garden.reason, offered(&garden)), (Reason::AckAdopted, ip(100)));
    }
}

#[test]
fn an_unknown_client_is_not_given_what_it_may_not_have() {
    let mut server = Server::new(network_with(UnknownClients::Adopt, false));
    let leased = server.lease(1);
    let held = offered(&server.ask(&discover(2)));
    // An address that is leased has certainly another client, wherever the sender has it from. One
    // that starts again may remember it from another place.
    assert_eq!(server.reason(&init_reboot(9, leased)), Reason::UnknownClient);
    assert_eq!(server.reason(&renewing(9, leased)), Reason::NakAddressTaken);
    assert_eq!(server.reason(&rebinding(9, leased)), Reason::NakAddressTaken);
    // Offered, reserved, by policy only, and in no pool.
    for address in [held, ip(13), ip(100), ip(200)] {
        for ask in [init_reboot, renewing, rebinding] {
            let decision = server.ask(&ask(9, address));
            assert_eq!(
                (decision.reason, decision.reply),
                (Reason::UnknownClient, None),
                "{address}"
            );
        }
    }
}

/// What the journal says of an address decides nothing, but has to agree with the decision.
#[test]
fn what_holds_an_address_says_whether_authority_or_adoption_changes_the_answer() {
    let excluded = SkippedRange { first: ip(12), last: ip(12), why: WhySkipped::Excluded };
    let skipping = |unknown_clients, authoritative| {
        let mut network = network_with(unknown_clients, authoritative);
        let pools = &mut network.subnets[0].pools;
        pools[0].rules.skipped = Skipped::new(vec![excluded], false);
        pools.push(pool("drained", 20, 21));
        network
    };
    let own = OwnAddresses::from(vec![ip(11)]);
    let expected = [
        (ip(11), Holding::ServersOwn),
        (ip(12), Holding::Skipped(WhySkipped::Excluded)),
        (ip(13), Holding::Reserved),
        (ip(20), Holding::Drained),
        (ip(200), Holding::OutsidePools),
        (ip(10), Holding::Free),
    ];
    for (address, holding) in expected {
        let answer = |unknown_clients, authoritative| {
            let mut server = Server::new(skipping(unknown_clients, authoritative));
            server.engine.set_drained(["drained".into()]);
            let ask = with(init_reboot(9, address), |r| r.arrival.own_addresses = own.clone());
            let reason = server.reason(&ask);
            // A client that keeps an address has it.
            let found = server.engine.holding(address);
            assert!(found == Some(holding.clone()) || reason == Reason::AckAdopted, "{found:?}");
            reason
        };
        let is_adopted = answer(UnknownClients::Adopt, false) == Reason::AckAdopted;
        assert_eq!(is_adopted, holding == Holding::Free, "{address}");
        let is_refused = answer(UnknownClients::Ignore, true) == Reason::NakAddressTaken;
        assert_eq!(is_refused, holding.is_refused_with_authority(), "{address}");
        assert_eq!(answer(UnknownClients::Ignore, false), Reason::UnknownClient, "{address}");
    }
}

#[test]
fn an_unknown_client_is_ignored_or_refused() {
    for ask in [init_reboot, renewing, rebinding] {
        let mut server = Server::new(network_with(UnknownClients::Ignore, false));
        assert_eq!(server.reason(&ask(9, ip(12))), Reason::UnknownClient);
        let mut server = Server::new(network_with(UnknownClients::Ignore, true));
        assert_eq!(server.reason(&ask(9, ip(12))), Reason::UnknownClient);
        let mut server = Server::new(network_with(UnknownClients::Refuse, false));
        assert_eq!(server.reason(&ask(9, ip(12))), Reason::NakUnknownClient);
        assert_eq!(server.reason(&ask(9, ip(13))), Reason::NakAddressTaken);
        assert_eq!(server.reason(&ask(9, ip(200))), Reason::NakOtherAddress);
    }
}

#[test]
fn new_clients_get_no_address_that_an_unknown_client_may_hold() {
    let mut server = without_records();
    let wish = with(discover(1), |r| r.requested_address = Some(ip(12)));
    for request in [discover(1), wish] {
        assert_eq!(server.reason(&request), Reason::HeldAfterDataLoss);
        let preview = server.engine.preview(server.now, 0, &request, &Terms::default());
        assert_eq!(preview.decision.reason, Reason::HeldAfterDataLoss);
    }
    assert_eq!(server.reason(&selecting(1, ip(12))), Reason::NakOfferExpired);
    assert_eq!(server.reason(&init_reboot(9, ip(12))), Reason::AckAdopted);
    // A reserved address belongs only to its owner, and a released one to no client.
    let decision = server.ask(&on_circuit(b"line", discover(2)));
    assert_eq!(offer(&decision), (ip(13), Reason::OfferedReserved));
    assert_eq!(server.reason(&release(9, ip(12))), Reason::ReleasedLease);
    assert_eq!(offer(&server.ask(&discover(1))), (ip(12), Reason::OfferedFromPool));
    assert_eq!(server.reason(&selecting(1, ip(12))), Reason::AckSelecting);
    assert_eq!(server.reason(&discover(3)), Reason::HeldAfterDataLoss);
    assert_eq!(
        server.engine.records_missing_until(server.now),
        Some(server.now.after_secs(86_400))
    );
    server.pass_secs(86_399);
    // That lease has ended; leases of which this server does not know may still be active.
    assert_eq!(offer(&server.ask(&discover(3))), (ip(12), Reason::OfferedFromPool));
    assert_eq!(server.reason(&discover(4)), Reason::HeldAfterDataLoss);
    server.pass_secs(1);
    assert_eq!(offer(&server.ask(&discover(4))), (ip(10), Reason::OfferedFromPool));
    assert_eq!(server.engine.records_missing_until(server.now), None);
}

#[test]
fn a_hold_ends_with_a_configuration_that_does_not_hold() {
    let mut server = without_records();
    assert_eq!(server.reason(&discover(1)), Reason::HeldAfterDataLoss);
    server.engine.reconfigure(network_with(UnknownClients::Adopt, false).into());
    assert_eq!(server.reason(&discover(1)), Reason::OfferedFromPool);
}

/// Every unknown client that returns within its lease time can keep its address.
#[test]
fn adoption_causes_no_duplicates() {
    let mut server = without_records();
    let unknown = [(20, ip(10)), (21, ip(11)), (22, ip(12))];
    for (client, address) in unknown {
        server.ask(&discover(1));
        server.ask(&discover(2));
        assert_eq!(server.reason(&rebinding(client, address)), Reason::AckAdopted);
        server.pass_secs(1000);
    }
    assert_eq!(server.reason(&discover(1)), Reason::NoFreeAddress);
}
