//! Pools in order of preference, as policies name them.

use lessor_core::{Obstacle, Reason};

use crate::support::*;

const NAMES: [&str; 2] = ["garden", "open"];

#[test]
fn the_first_pool_with_a_free_address_is_used() {
    let mut server = Server::plain();
    let terms = in_pools(&NAMES);
    assert_eq!(server.lease_under(1, &terms), ip(100));
    assert_eq!(server.lease_under(2, &terms), ip(101));
    assert_eq!(server.lease_under(3, &terms), ip(10));
    // A client keeps the address of a pool that is not the first.
    server.ask(&release(1, ip(100)));
    assert_eq!(server.ask_under(&renewing(3, ip(10)), &terms).reason, Reason::AckRenewing);
    assert_eq!(offered(&server.ask_under(&discover(3), &terms)), ip(10));
    assert_eq!(offered(&server.ask_under(&discover(4), &terms)), ip(100));
}

#[test]
fn a_pool_whose_leases_have_ended_is_not_full() {
    let mut server = Server::plain();
    let terms = in_pools(&NAMES);
    server.lease_under(1, &terms);
    server.lease_under(2, &terms);
    server.pass_secs(2 * 86_400);
    assert_eq!(offered(&server.ask_under(&discover(3), &terms)), ip(100));
}

#[test]
fn pools_that_do_not_exist_are_passed_over_unless_none_does() {
    let mut server = Server::plain();
    let terms = in_pools(&["gone", "garden"]);
    assert_eq!(server.lease_under(1, &terms), ip(100));
    assert_eq!(server.ask_under(&renewing(1, ip(100)), &terms).reason, Reason::AckRenewing);
    let decision = server.ask_under(&discover(2), &in_pools(&["gone", "lost"]));
    assert_eq!((decision.reason, decision.reply), (Reason::UnknownPool, None));
}

#[test]
fn a_client_is_moved_out_of_a_pool_that_is_not_named() {
    let mut server = Server::plain();
    let address = server.lease(1);
    let decision = server.ask_under(&renewing(1, address), &in_pools(&["garden", "gone"]));
    assert_eq!(decision.reason, Reason::NakOtherAddress);
}

#[test]
fn the_preview_lists_the_pools_that_are_full() {
    let mut server = Server::plain();
    let terms = in_pools(&["gone", "garden", "open"]);
    server.lease_under(1, &terms);
    server.lease_under(2, &terms);
    let preview = server.engine.preview(server.now, 0, &discover(3), &terms);
    let candidates = preview.candidates.iter();
    let found: Vec<_> = candidates
        .map(|candidate| (candidate.pool.as_deref(), candidate.address, candidate.obstacle))
        .collect();
    assert_eq!(
        found,
        [
            (Some("gone"), None, Some(Obstacle::UnknownPool)),
            (Some("garden"), None, Some(Obstacle::PoolExhausted)),
            (Some("open"), Some(ip(10)), None),
        ]
    );
}

#[test]
fn what_a_client_has_counts_as_free_for_it() {
    let mut server = Server::plain();
    let garden = |server: &Server, client| {
        let usage = server.engine.usage_for(&discover(client));
        let usage = usage.iter().find(|usage| &*usage.pool == "garden").cloned().unwrap();
        (usage.size, usage.leased, usage.offered, usage.free())
    };
    let terms = in_pool("garden");
    server.ask_under(&discover(1), &terms);
    assert_eq!(garden(&server, 1), (2, 0, 0, 2));
    assert_eq!(garden(&server, 2), (2, 0, 1, 1));
    server.lease_under(1, &terms);
    assert_eq!(garden(&server, 1), (2, 0, 0, 2));
    assert_eq!(garden(&server, 2), (2, 1, 0, 1));
    // A client with a lease that asks again is offered what it has.
    server.ask_under(&discover(1), &terms);
    assert_eq!(garden(&server, 1), (2, 0, 0, 2));
    assert_eq!(garden(&server, 2).3, 1);
}
