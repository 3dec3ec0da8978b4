//! Drained pools: their clients keep and extend their leases, and no other client gets an address.

use lessor_core::{Attempt, Obstacle, Reason};

use crate::support::*;

fn drain(server: &mut Server, pools: &[&str]) {
    server.engine.set_drained(pools.iter().map(|name| (*name).into()));
}

#[test]
fn clients_keep_their_leases_and_new_ones_get_none() {
    let mut server = Server::plain();
    let address = server.lease(1);
    drain(&mut server, &["open"]);
    assert_eq!(server.reason(&renewing(1, address)), Reason::AckRenewing);
    assert_eq!(server.reason(&rebinding(1, address)), Reason::AckRebinding);
    assert_eq!(server.reason(&init_reboot(1, address)), Reason::AckInitReboot);
    assert_eq!(offer(&server.ask(&discover(1))), (address, Reason::OfferedCurrent));
    assert_eq!(server.reason(&selecting(1, address)), Reason::AckSelecting);
    let asked = with(discover(2), |request| request.requested_address = Some(ip(12)));
    assert_eq!(server.reason(&asked), Reason::PoolDrained);
    assert_eq!(server.reason(&selecting(2, ip(12))), Reason::NakPoolDrained);
    // A lease that has ended is a new one.
    server.pass_secs(3600);
    assert_eq!(server.reason(&init_reboot(1, address)), Reason::NakPoolDrained);
    assert_eq!(server.reason(&discover(1)), Reason::PoolDrained);
    drain(&mut server, &[]);
    assert_eq!(offer(&server.ask(&discover(1))), (address, Reason::OfferedPrevious));
}

#[test]
fn an_offer_that_was_made_before_is_honoured_once() {
    let mut server = Server::plain();
    let address = offered(&server.ask(&discover(1)));
    drain(&mut server, &["open"]);
    assert_eq!(server.reason(&selecting(1, address)), Reason::AckSelecting);
    drain(&mut server, &[]);
    server.ask(&discover(2));
    drain(&mut server, &["open"]);
    assert_eq!(server.reason(&discover(2)), Reason::PoolDrained);
}

#[test]
fn the_pools_of_a_policy_are_passed_over_with_a_reason() {
    let mut server = Server::plain();
    drain(&mut server, &["open"]);
    let terms = in_pools(&["open", "garden"]);
    let preview = server.engine.preview(server.now, 0, &discover(1), &terms);
    let thought: Vec<_> = preview
        .candidates
        .iter()
        .map(|found| (found.pool.as_deref(), found.address, found.obstacle))
        .collect();
    assert_eq!(
        thought,
        [(Some("open"), None, Some(Obstacle::PoolDrained)), (Some("garden"), Some(ip(100)), None)]
    );
    let decision = server.ask_under(&discover(1), &terms);
    assert_eq!(offer(&decision), (ip(100), Reason::OfferedFromPool));
    let only = server.ask_under(&discover(2), &in_pool("open"));
    assert_eq!(only.reason, Reason::PoolDrained);
    let named = server.ask_under(&discover(3), &at_address(ip(11)));
    assert_eq!(named.reason, Reason::PoolDrained);
}

#[test]
fn a_policy_sees_no_free_address_in_a_drained_pool() {
    let mut server = Server::plain();
    let address = server.lease(1);
    drain(&mut server, &["open"]);
    let free = |server: &Server, client| {
        let usage = server.engine.usage_for(&discover(client));
        usage.iter().find(|usage| &*usage.pool == "open").unwrap().free()
    };
    assert_eq!(free(&server, 2), 0);
    // What the client has counts as free for it.
    assert_eq!((free(&server, 1), server.lease(1)), (1, address));
}

#[test]
fn a_drain_outlives_configurations_without_the_pool() {
    let mut server = Server::plain();
    drain(&mut server, &["open"]);
    let mut other = network();
    other.subnets[0].pools.retain(|pool| &*pool.name != "open");
    server.engine.reconfigure(other.into());
    server.engine.reconfigure(network().into());
    let drained: Vec<_> = server.engine.drained().map(ToString::to_string).collect();
    assert_eq!(drained, ["open"]);
    let attempt = server.engine.decide(server.now, 0, &discover(1), &Default::default());
    let Attempt::Decided(decision) = attempt else { panic!("{attempt:?}") };
    assert_eq!(decision.reason, Reason::PoolDrained);
}
