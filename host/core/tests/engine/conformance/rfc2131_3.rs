//! RFC 2131 section 3: the protocol between clients and servers.

use std::net::Ipv4Addr;

use lessor_core::{INFINITE_SECS, Network, Reason};

use crate::support::*;

const AWAY: Ipv4Addr = Ipv4Addr::new(172, 16, 0, 9);

fn not_authoritative() -> Network {
    Network { authoritative: false, ..network() }
}

/// RFC 2131 section 3.1.
#[test]
fn an_ack_rests_on_a_durable_change_of_the_lease() {
    let mut server = Server::plain();
    let offered = offered(&server.ask(&discover(1)));
    let decision = server.ask(&selecting(1, offered));
    let change = &decision.changes[0];
    assert_eq!((change.binding.address, &change.binding.client), (offered, &key(1)));
    assert_eq!((change.expected_revision(), change.binding.revision), (0, 1));
    let decision = server.ask(&renewing(1, offered));
    assert_eq!(decision.changes[0].expected_revision(), 1);
}

/// RFC 2131 section 3.3.
#[test]
fn an_infinite_lease_never_ends() {
    let mut network = network();
    network.subnets[0].lease_time.max_secs = INFINITE_SECS;
    let mut server = Server::new(network);
    let request = with(discover(1), |r| r.lease_time_secs = Some(INFINITE_SECS));
    let decision = server.ask(&request);
    assert_eq!(lease_time_secs(&decision), INFINITE_SECS);
    let request = with(selecting(1, offered(&decision)), |r| {
        r.lease_time_secs = Some(INFINITE_SECS);
    });
    assert_eq!(lease_time_secs(&server.ask(&request)), INFINITE_SECS);
    server.pass_secs(INFINITE_SECS - 1);
    assert!(server.engine.reclaim(server.now, 10).is_empty());
    assert_eq!(server.engine.next_deadline(), None);
    assert!(server.record(1).is_active(server.now));
}

/// RFC 2131 section 3.2.
#[test]
fn a_server_that_is_not_sure_sends_no_nak() {
    let mut server = Server::new(not_authoritative());
    let taken = server.lease(1);
    let unknown = [
        init_reboot(9, AWAY),
        init_reboot(9, ip(12)),
        init_reboot(9, taken),
        renewing(9, ip(12)),
        rebinding(9, AWAY),
    ];
    for request in unknown {
        assert_eq!(server.reason(&request), Reason::UnknownClient);
    }
    // It is certain about clients of which it has a record, about those that name it, and about
    // those that use an address which it has leased to another one.
    assert_eq!(server.reason(&renewing(9, taken)), Reason::NakAddressTaken);
    assert_eq!(server.reason(&rebinding(9, taken)), Reason::NakAddressTaken);
    assert_eq!(server.reason(&init_reboot(1, AWAY)), Reason::NakWrongNetwork);
    assert_eq!(server.reason(&rebinding(1, ip(13))), Reason::NakOtherAddress);
    assert_eq!(server.reason(&selecting(9, taken)), Reason::NakOfferExpired);
}
