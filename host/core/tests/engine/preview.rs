//! What would be decided and why, and that asking has no consequences. The simulation asserts at
//! every request that a preview agrees with the decision.

use lessor_core::{Obstacle, OptionOrigin, OptionValue, Preview, Reason, Request, Rule, Terms};

use crate::support::*;

fn preview(server: &Server, request: &Request, terms: &Terms) -> Preview {
    server.engine.preview(server.now, 0, request, terms)
}

/// The rules, addresses and obstacles of the candidates.
fn candidates_of(preview: &Preview) -> Vec<(Rule, Option<u8>, Option<Obstacle>)> {
    let candidates = preview.candidates.iter();
    candidates
        .map(|found| (found.rule, found.address.map(|found| found.octets()[3]), found.obstacle))
        .collect()
}

#[test]
fn a_preview_leaves_leases_offers_and_counters_as_they_are() {
    let mut server = Server::plain();
    server.lease_each(1..=2);
    server.ask(&discover(3));
    let state = |server: &Server| {
        let leases: Vec<_> = server.engine.bindings().collect();
        let offers: Vec<_> = server.engine.offers().collect();
        let usage = server.engine.usage();
        (leases, offers, usage, server.engine.next_deadline())
    };
    let before = state(&server);
    assert_eq!(before.1.len(), 1);
    for client in 1..=5 {
        for request in [discover(client), init_reboot(client, ip(11)), release(client, ip(10))] {
            preview(&server, &request, &Terms::default());
        }
    }
    assert_eq!(state(&server), before);
    server.pass_secs(86_400);
    let before = state(&server);
    assert_eq!(
        preview(&server, &discover(4), &Terms::default()).decision.reason,
        Reason::OfferedFromPool
    );
    assert_eq!(state(&server), before);
}

#[test]
fn the_addresses_that_were_considered_are_listed_up_to_the_one_taken() {
    let mut server = Server::plain();
    let address = server.lease(1);
    let found = preview(&server, &discover(1), &Terms::default());
    assert_eq!(candidates_of(&found), [(Rule::Current, Some(10), None)]);
    let mut greedy = discover(2);
    greedy.requested_address = Some(address);
    let found = preview(&server, &greedy, &Terms::default());
    let taken = (Rule::Asked, Some(10), Some(Obstacle::HeldByOther));
    assert_eq!(candidates_of(&found), [taken, (Rule::Free, Some(11), None)]);
    assert_eq!(found.candidates[0].holder, Some(key(1)));
    assert_eq!(found.candidates[1].pool.as_deref(), Some("open"));
    let garden = Terms { pool: Some("garden".into()), ..Terms::default() };
    let outside = (Rule::Current, Some(10), Some(Obstacle::OutsidePools));
    assert_eq!(
        candidates_of(&preview(&server, &discover(1), &garden)),
        [outside, (Rule::Free, Some(100), None)]
    );
    let nowhere = Terms { pool: Some("nowhere".into()), ..Terms::default() };
    assert_eq!(
        candidates_of(&preview(&server, &discover(2), &nowhere)),
        [(Rule::Searched, None, Some(Obstacle::UnknownPool))]
    );
    server.lease_each(2..=4);
    let found = preview(&server, &discover(5), &Terms::default());
    assert_eq!(found.decision.reason, Reason::NoFreeAddress);
    assert_eq!(candidates_of(&found), [(Rule::Searched, None, Some(Obstacle::PoolExhausted))]);
    let named = Terms { address: Some(address), ..Terms::default() };
    assert_eq!(
        candidates_of(&preview(&server, &discover(5), &named)),
        [
            (Rule::Policy, Some(10), Some(Obstacle::HeldByOther)),
            (Rule::Searched, None, Some(Obstacle::PoolExhausted)),
        ]
    );
}

#[test]
fn every_option_of_a_reply_says_where_it_comes_from() {
    let server = Server::plain();
    let servers = OptionValue::Addresses(vec![ip(9)]);
    let terms = Terms { options: vec![(6, Some(servers.into()))], ..Terms::default() };
    let found = preview(&server, &discover(1), &terms);
    let origin =
        |code: u8| found.option_origins.iter().find(|(found, _)| *found == code).unwrap().1;
    assert_eq!(origin(54), OptionOrigin::Server);
    assert_eq!(origin(51), OptionOrigin::Subnet);
    assert_eq!(origin(58), OptionOrigin::Server);
    assert_eq!(origin(1), OptionOrigin::Prefix);
    assert_eq!(origin(3), OptionOrigin::Subnet);
    assert_eq!(origin(6), OptionOrigin::Policy);
    let reply = found.decision.reply.unwrap();
    assert_eq!(reply.options.len(), found.option_origins.len());
}
