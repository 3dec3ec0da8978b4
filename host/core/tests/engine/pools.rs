//! How pools allocate: what they skip, in which order, which of them, and for how long.

use std::{collections::BTreeSet, net::Ipv4Addr, num::NonZeroU8, time::Instant};

use lessor_core::{
    AllocationOrder, Attempt, BeyondLimit, Binding, CacheThreshold, ClientKey, Decision, Engine,
    Fraction, HardwareAddress, LeaseTimeRule, Network, Obstacle, OptionOrigin, Pool, PoolRules,
    Reason, Request, ReservationOwner, Rule, Shortening, ShorteningStep, Skipped, SkippedRange,
    Terms, WhySkipped,
};

use crate::support::*;

fn with_pools(pools: Vec<Pool>) -> Network {
    let mut network = network();
    network.subnets[0].pools = pools;
    network
}

fn ruled(pool: Pool, rules: PoolRules) -> Pool {
    Pool { rules, ..pool }
}

fn skipping(ranges: &[(u8, u8, WhySkipped)], first_last_24: bool) -> PoolRules {
    let range = |(first, last, why): &(u8, u8, _)| SkippedRange {
        first: ip(*first),
        last: ip(*last),
        why: *why,
    };
    let skipped = Skipped::new(ranges.iter().map(range).collect(), first_last_24);
    PoolRules { skipped, ..PoolRules::default() }
}

fn preferred(pool: Pool, preference: u8) -> Pool {
    let preference = NonZeroU8::new(preference).unwrap();
    ruled(pool, PoolRules { preference, ..PoolRules::default() })
}

fn random() -> PoolRules {
    PoolRules { order: AllocationOrder::Random, ..PoolRules::default() }
}

/// The plain network with a cache threshold.
fn cached(part: f64) -> Network {
    let mut network = network();
    network.subnets[0].settings = settings(|fields| {
        let part = Fraction::from_number(part).unwrap();
        fields.times.cache_threshold = Some(CacheThreshold::Within(part));
    });
    network
}

/// The lease times and reasons of clients that fill a pool of 10 addresses.
fn shortening() -> PoolRules {
    let step = |above, lease_time_secs| ShorteningStep {
        above: Fraction::from_number(above).unwrap(),
        lease_time_secs,
    };
    let shortening = Shortening::new(vec![step(0.5, 900), step(0.8, 120)]).unwrap();
    PoolRules { shortening, ..PoolRules::default() }
}

fn rules_of(server: &Server, request: &Request) -> Vec<(Rule, Option<Obstacle>)> {
    let preview = server.engine.preview(server.now, 0, request, &Terms::default());
    preview.candidates.iter().map(|candidate| (candidate.rule, candidate.obstacle)).collect()
}

#[test]
fn skipped_addresses_are_given_to_no_client_and_do_not_count() {
    let rules = skipping(&[(10, 10, WhySkipped::Router), (12, 13, WhySkipped::Excluded)], false);
    let mut server = Server::new(with_pools(vec![ruled(pool("open", 10, 14), rules)]));
    assert_eq!(server.engine.usage()[0].size, 2);
    assert_eq!([server.lease(1), server.lease(2)], [ip(11), ip(14)]);
    assert_eq!(server.reason(&discover(3)), Reason::NoFreeAddress);
}

#[test]
fn a_client_that_asks_for_a_skipped_address_gets_another_one_and_the_reason_is_known() {
    let rules = skipping(&[(10, 10, WhySkipped::Router), (12, 12, WhySkipped::Excluded)], false);
    let mut server = Server::new(with_pools(vec![ruled(pool("open", 10, 14), rules)]));
    for (last, obstacle) in [(10, Obstacle::Router), (12, Obstacle::Excluded)] {
        let asks = with(discover(1), |request| request.requested_address = Some(ip(last)));
        let expected = [(Rule::Asked, Some(obstacle)), (Rule::Free, None)];
        assert_eq!(rules_of(&server, &asks), expected);
    }
    let asks = with(discover(1), |request| request.requested_address = Some(ip(12)));
    assert_eq!(offer(&server.ask(&asks)), (ip(11), Reason::OfferedFromPool));
}

#[test]
fn a_client_whose_address_becomes_skipped_moves_when_it_extends_its_lease() {
    let mut server = Server::plain();
    let address = server.lease(1);
    let rules = skipping(&[(10, 10, WhySkipped::Excluded)], false);
    let network = with_pools(vec![ruled(pool("open", 10, 13), rules)]);
    assert!(server.engine.reconfigure(network.into()).is_empty());
    assert_eq!(server.engine.usage()[0].size, 3);
    assert_eq!(server.reason(&renewing(1, address)), Reason::NakOtherAddress);
    assert_eq!(server.lease(1), ip(11));
    // Without the exclusion, the address is in the pool again.
    let network = with_pools(vec![pool("open", 10, 13)]);
    assert!(server.engine.reconfigure(network.into()).is_empty());
    let usage = &server.engine.usage()[0];
    assert_eq!((usage.size, usage.leased), (4, 1));
}

#[test]
fn a_reservation_or_a_policy_can_give_an_excluded_address() {
    let rules = skipping(&[(12, 12, WhySkipped::Excluded)], false);
    let mut network = with_pools(vec![ruled(pool("open", 10, 14), rules)]);
    network.subnets[0].reservations =
        vec![reservation(ReservationOwner::HardwareAddress(hardware(1)), ip(12))];
    let mut server = Server::new(network);
    assert_eq!(server.lease(1), ip(12));
    let rules = skipping(&[(12, 12, WhySkipped::Excluded)], false);
    let mut server = Server::new(with_pools(vec![ruled(pool("open", 10, 14), rules)]));
    assert_eq!(server.lease_under(1, &at_address(ip(12))), ip(12));
}

#[test]
fn addresses_that_end_in_0_or_255_are_spared() {
    let mut network = with_pools(Vec::new());
    network.subnets[0].prefix = "10.0.0.0/22".parse().unwrap();
    let (first, last) = (Ipv4Addr::new(10, 0, 0, 254), Ipv4Addr::new(10, 0, 1, 1));
    let rules = skipping(&[], true);
    network.subnets[0].pools = vec![Pool { first, last, rules, ..pool("open", 0, 0) }];
    let mut server = Server::new(network);
    assert_eq!([server.lease(1), server.lease(2)], [first, last]);
    assert_eq!(server.reason(&discover(3)), Reason::NoFreeAddress);
    assert_eq!(server.engine.usage()[0].size, 2);
}

#[test]
fn in_random_order_clients_are_spread_and_find_their_place_again_without_their_records() {
    let network = with_pools(vec![ruled(pool("open", 10, 209), random())]);
    let mut server = Server::new(network.clone());
    let addresses: Vec<Ipv4Addr> = (1..=40).map(|client| server.lease(client)).collect();
    let distinct: BTreeSet<Ipv4Addr> = addresses.iter().copied().collect();
    assert_eq!(distinct.len(), 40);
    assert!(distinct.iter().any(|address| *address > ip(180)), "{distinct:?}");
    assert!(!addresses.is_sorted(), "{addresses:?}");
    assert_eq!(rules_of(&server, &discover(50)), [(Rule::Random, None)]);
    // Another server with another hash seed, and clients in the same order.
    let mut other = Server { engine: Engine::new(network.into(), 99), now: server.now };
    let again: Vec<Ipv4Addr> = (1..=40).map(|client| other.lease(client)).collect();
    assert_eq!(addresses, again);
}

#[test]
fn in_random_order_every_address_is_used_and_then_the_one_that_was_free_longest() {
    let mut server = Server::new(with_pools(vec![ruled(pool("open", 10, 19), random())]));
    let addresses: BTreeSet<Ipv4Addr> = (1..=10).map(|client| server.lease(client)).collect();
    assert_eq!(addresses, (10..=19).map(ip).collect());
    assert_eq!(server.reason(&discover(11)), Reason::NoFreeAddress);
    for client in [3, 7, 1] {
        server.pass_secs(1);
        let address = server.record(client).address;
        server.ask(&release(client, address));
    }
    let expected = [3, 7, 1].map(|client| server.record(client).address);
    assert_eq!(rules_of(&server, &discover(21)), [(Rule::LongestFree, None)]);
    assert_eq!([21, 22, 23].map(|client| server.lease(client)), expected);
}

#[test]
fn a_pool_is_used_when_those_of_lower_preference_numbers_are_full() {
    let pools = vec![
        preferred(pool("last", 30, 31), 3),
        preferred(pool("first", 20, 21), 1),
        preferred(pool("second", 10, 10), 2),
    ];
    let mut server = Server::new(with_pools(pools));
    let addresses = [1, 2, 3, 4, 5].map(|client| server.lease(client));
    assert_eq!(addresses, [ip(20), ip(21), ip(10), ip(30), ip(31)]);
    server.ask(&release(2, ip(21)));
    // A used address of the first choice comes before a fresh one of a later choice.
    server.ask(&release(4, ip(30)));
    let full = (Rule::Searched, Some(Obstacle::PoolExhausted));
    assert_eq!(rules_of(&server, &discover(6)), [(Rule::LongestFree, None)]);
    assert_eq!(server.lease(6), ip(21));
    assert_eq!(rules_of(&server, &discover(7)), [full, full, (Rule::LongestFree, None)]);
    assert_eq!(server.lease(7), ip(30));
}

#[test]
fn an_ended_lease_makes_room_before_another_pool_is_used() {
    let pools = vec![pool("first", 10, 10), preferred(pool("second", 20, 20), 2)];
    let mut server = Server::new(with_pools(pools));
    server.lease(1);
    server.pass_secs(3600);
    assert_eq!(server.lease(2), ip(10));
}

#[test]
fn an_early_extension_gets_the_rest_and_writes_nothing() {
    let mut server = Server::new(cached(0.25));
    let address = server.lease(1);
    let record = server.record(1);
    for request in [
        renewing(1, address),
        rebinding(1, address),
        init_reboot(1, address),
        selecting(1, address),
    ] {
        server.pass_secs(100);
        let decision = server.ask(&request);
        assert!(decision.changes.is_empty() && decision.reply.is_some(), "{decision:?}");
        assert_eq!(decision.lease_time_rule, Some(LeaseTimeRule::Kept));
        assert_eq!(server.record(1), record);
        check_told(&server, &decision);
    }
    assert_eq!(lease_time_secs(&server.ask(&renewing(1, address))), 3200);
    server.pass_secs(500);
    let decision = server.ask(&renewing(1, address));
    assert_eq!((decision.changes.len(), decision.lease_time_rule), (1, None));
    assert_eq!(lease_time_secs(&decision), 3600);
}

#[test]
fn the_rest_is_in_whole_seconds_that_the_record_has() {
    let mut server = Server::new(cached(0.5));
    let address = server.lease(1);
    server.now = server.now.moved_by_ms(1);
    let decision = server.ask(&renewing(1, address));
    assert_eq!(lease_time_secs(&decision), 3599);
    check_told(&server, &decision);
}

#[test]
fn an_offer_of_a_lease_that_is_kept_says_the_same_as_its_ack() {
    let mut server = Server::new(cached(0.25));
    let address = server.lease(1);
    server.pass_secs(600);
    let offered = server.ask(&discover(1));
    assert_eq!(
        (offer(&offered), lease_time_secs(&offered)),
        ((address, Reason::OfferedCurrent), 3000)
    );
    let preview = server.engine.preview(server.now, 0, &selecting(1, address), &Terms::default());
    assert!(preview.option_origins.contains(&(51, OptionOrigin::Record)));
    let acknowledged = server.ask(&selecting(1, address));
    assert!(acknowledged.changes.is_empty());
    assert_eq!(lease_time_secs(&acknowledged), 3000);
    // The offer is no longer open.
    assert_eq!(server.engine.offers().count(), 0);
}

#[test]
fn what_differs_from_the_record_is_written_at_once() {
    let mut server = Server::new(cached(0.25));
    let address = server.lease(1);
    server.pass_secs(10);
    let on_line = on_circuit(b"line-1", rebinding(1, address));
    assert_eq!(server.ask(&on_line).changes.len(), 1);
    assert!(server.ask(&on_line).changes.is_empty());
    let terms = limited("alice", 3, BeyondLimit::Refuse);
    assert_eq!(server.ask_under(&on_line, &terms).changes.len(), 1);
    assert!(server.ask_under(&on_line, &terms).changes.is_empty());
    // A lease that lasts longer than the last one is new.
    let longer = Terms { lease_time_secs: Some(7200), ..terms.clone() };
    assert_eq!(server.ask_under(&on_line, &longer).changes.len(), 1);
    // One that is shorter is on record already.
    let decision = server.ask_under(&on_line, &Terms { lease_time_secs: Some(60), ..terms });
    assert!(decision.changes.is_empty());
    assert_eq!(lease_time_secs(&decision), 60);
}

#[test]
fn an_infinite_lease_is_kept_and_a_finite_one_in_its_place_is_written() {
    let mut network = cached(0.25);
    network.subnets[0].lease_time.max_secs = u32::MAX;
    let mut server = Server::new(network);
    let infinite = Terms { lease_time_secs: Some(u32::MAX), ..Terms::default() };
    let address = server.lease_under(1, &infinite);
    server.pass_secs(1_000_000);
    let decision = server.ask_under(&renewing(1, address), &infinite);
    assert_eq!((decision.changes.len(), lease_time_secs(&decision)), (0, u32::MAX));
    assert_eq!(server.ask(&renewing(1, address)).changes.len(), 1);
}

#[test]
fn leases_become_shorter_as_their_pool_fills_up() {
    let mut server = Server::new(with_pools(vec![ruled(pool("open", 10, 19), shortening())]));
    let times: Vec<u32> = (1..=10)
        .map(|client| {
            let offered = server.ask(&discover(client));
            let acknowledged = server.ask(&selecting(client, offer(&offered).0));
            check_told(&server, &acknowledged);
            assert_eq!(lease_time_secs(&offered), lease_time_secs(&acknowledged));
            let expected = (client > 5).then_some(LeaseTimeRule::Shortened);
            assert_eq!(acknowledged.lease_time_rule, expected);
            lease_time_secs(&acknowledged)
        })
        .collect();
    assert_eq!(times, [3600, 3600, 3600, 3600, 3600, 900, 900, 900, 120, 120]);
    // Existing clients get shorter leases as well, and keep what was promised.
    let before = server.record(1).expires_at;
    let decision = server.ask(&renewing(1, ip(10)));
    assert_eq!(lease_time_secs(&decision), 120);
    assert_eq!(server.record(1).expires_at, before);
    let preview = server.engine.preview(server.now, 0, &renewing(2, ip(11)), &Terms::default());
    assert!(preview.option_origins.contains(&(51, OptionOrigin::FillLevel)));
    for client in 6..=10 {
        server.ask(&release(client, ip(9 + client)));
    }
    assert_eq!(lease_time_secs(&server.ask(&renewing(1, ip(10)))), 3600);
}

#[test]
fn a_reserved_address_does_not_get_a_shorter_lease() {
    let mut network = with_pools(vec![ruled(pool("open", 10, 11), shortening())]);
    let owner = ReservationOwner::HardwareAddress(hardware(1));
    network.subnets[0].reservations = vec![reservation(owner, ip(11))];
    let mut server = Server::new(network);
    server.lease(2);
    let decision = server.ask(&discover(1));
    assert_eq!((offered(&decision), lease_time_secs(&decision)), (ip(11), 3600));
}

/// Restarts a server with the records that storage has.
fn restarted(server: &Server, network: Network) -> Server {
    let records: Vec<Binding> = server.engine.bindings().collect();
    let mut next = Server { engine: Engine::new(network.into(), 3), now: server.now };
    for record in records.into_iter().rev() {
        next.engine.restore(next.now, record);
    }
    next
}

#[test]
fn a_client_gets_its_address_back_after_release_expiry_and_restart() {
    for rules in [PoolRules::default(), random()] {
        let network = with_pools(vec![ruled(pool("open", 10, 15), rules)]);
        let mut server = Server::new(network.clone());
        let addresses = [1, 2, 3, 4].map(|client| server.lease(client));
        server.pass_secs(1);
        server.ask(&release(2, addresses[1]));
        server.pass_secs(1);
        server.ask(&release(1, addresses[0]));
        server.pass_secs(3600);
        let mut server = restarted(&server, network);
        // Strangers get what was never used, then what has been free longest.
        let fresh = [11, 12].map(|client| server.lease(client));
        assert!(fresh.iter().all(|address| !addresses.contains(address)));
        assert_eq!(offer(&server.ask(&discover(1))), (addresses[0], Reason::OfferedPrevious));
        assert_eq!(offer(&server.ask(&discover(3))), (addresses[2], Reason::OfferedPrevious));
        assert_eq!(server.lease(13), addresses[1]);
        assert_eq!(server.lease(14), addresses[3]);
    }
}

/// The client never gets a longer time than its record has.
#[track_caller]
fn check_told(server: &Server, decision: &Decision) {
    let address = reply(decision).your_address;
    let record = server.engine.binding_at(address).expect("a record");
    assert!(server.now.after_secs(lease_time_secs(decision)) <= record.expires_at);
}

/// Numbers that look random and are the same in each run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u64) -> u64 {
        const FACTOR: u64 = 6_364_136_223_846_793_005;
        self.0 = self.0.wrapping_mul(FACTOR).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// Whatever clients do: no pool gives what it skips, a later choice is used only when those before
/// it are full, a preview agrees with its decision, no client gets a longer time than its record
/// has, and counters are right.
#[test]
fn pools_keep_their_rules_whatever_clients_do() {
    for seed in 0..200 {
        let mut numbers = Numbers(seed);
        let mut rules = shortening();
        if seed % 2 == 0 {
            rules.order = AllocationOrder::Random;
        }
        let (first, last, why) = (ip(11), ip(12), WhySkipped::Excluded);
        rules.skipped = Skipped::new(vec![SkippedRange { first, last, why }], false);
        let second = preferred(pool("second", 20, 23), 2);
        let mut network = cached((1 + seed % 99) as f64 / 100.0);
        network.subnets[0].pools = vec![second, ruled(pool("first", 10, 17), rules)];
        let mut server = Server::new(network);
        for _ in 0..100 {
            let client = 1 + numbers.below(12) as u8;
            let record = server.engine.binding_of(&key(client)).map(|record| record.address);
            match (numbers.below(11), record) {
                (0..4, _) => discovers_and_requests(&mut server, client),
                (4..8, Some(address)) => {
                    let decision = server.ask(&renewing(client, address));
                    if decision.reason == Reason::AckRenewing {
                        check_told(&server, &decision);
                    }
                }
                (8, Some(address)) => {
                    server.ask(&release(client, address));
                }
                _ => server.pass_secs(1 + numbers.below(2_000) as u32),
            }
        }
        let usage = server.engine.usage();
        assert_eq!((usage[0].size, usage[1].size), (4, 6));
    }
}

fn discovers_and_requests(server: &mut Server, client: u8) {
    let (now, terms) = (server.now, Terms::default());
    let preview = server.engine.preview(now, 0, &discover(client), &terms);
    let decision = server.ask(&discover(client));
    assert_eq!(preview.decision, decision);
    let Some(reply) = &decision.reply else { return };
    let address = reply.your_address;
    assert!(![ip(11), ip(12)].contains(&address));
    if decision.reason == Reason::OfferedFromPool && address >= ip(20) {
        let first = &server.engine.usage()[1];
        assert_eq!(first.leased + first.offered, first.size, "it is not full");
    }
    let decision = server.ask(&selecting(client, address));
    check_told(server, &decision);
}

/// A pool of 200,000 addresses with 2,000 exclusions, of which 100 are free.
#[test]
#[allow(clippy::disallowed_methods, reason = "the test measures time; the engine does not")]
fn a_nearly_full_pool_with_exclusions_is_not_scanned() {
    const SIZE: u32 = 200_000;
    let first = u32::from(Ipv4Addr::new(10, 0, 0, 1));
    let excluded = (0..SIZE / 100).map(|number| {
        let address = Ipv4Addr::from(first + 100 * number);
        SkippedRange { first: address, last: address, why: WhySkipped::Excluded }
    });
    let skipped = Skipped::new(excluded.collect(), true);
    for order in [AllocationOrder::Sequential, AllocationOrder::Random] {
        let mut network = with_pools(Vec::new());
        network.subnets[0].prefix = "10.0.0.0/12".parse().unwrap();
        network.subnets[0].pools = vec![Pool {
            first: first.into(),
            last: (first + SIZE).into(),
            rules: PoolRules { order, skipped: skipped.clone(), ..PoolRules::default() },
            ..pool("open", 0, 0)
        }];
        let mut server = Server::new(network);
        let size = server.engine.usage()[0].size;
        server.lease(1);
        let record = server.record(1);
        let all = (first..=first + SIZE).rev().map(Ipv4Addr::from);
        let free = all.filter(|address| skipped.why(*address).is_none());
        for address in free.filter(|address| *address != record.address).skip(100) {
            let [_, kind, one, two] = address.octets();
            let hardware = HardwareAddress::ethernet([6, 0, 0, kind, one, two]);
            let client = ClientKey::Hardware(hardware);
            let lease = Binding { address, client, ..Binding::clone(&record) };
            server.engine.restore(server.now, lease);
        }
        assert_eq!(server.engine.usage()[0].leased, size - 100);
        let started = Instant::now();
        for client in 2..=101 {
            let attempt = server.engine.decide(server.now, 0, &discover(client), &Terms::default());
            assert!(matches!(attempt, Attempt::Decided(Decision { reply: Some(_), .. })));
        }
        // A scan of the pool takes milliseconds for each of them.
        let took = started.elapsed();
        assert!(took.as_millis() < 100, "100 offers took {took:?} in {order:?} order");
    }
}
