//! Whether the parts stay in step: a long random walk through everything that changes an address,
//! with a look at all parts after each step.

use std::{
    collections::{BTreeMap, HashMap},
    net::Ipv4Addr,
};

use super::*;
use crate::engine::subscribers::Entries;
use crate::{
    AfterDataLoss, Change, ClientKeyKind, Committed, HardwareAddress, LeaseTime, Network,
    OptionSet, Pool, Reservation, ReservationOwner, Subnet, UnknownClients,
};

const FIRST: u32 = 0x0a00_0000;

/// 10.0.0.0/27 with two pools; one address in the first and one outside are reserved.
fn network(last: u8) -> Arc<Network> {
    let pool = |name: &str, first, last| Pool {
        name: name.into(),
        first: Ipv4Addr::new(10, 0, 0, first),
        last: Ipv4Addr::new(10, 0, 0, last),
        by_policy_only: false,
        options: OptionSet::default(),
    };
    let reservation = |last| Reservation {
        owner: ReservationOwner::HardwareAddress(HardwareAddress::ethernet([last; 6])),
        address: Ipv4Addr::new(10, 0, 0, last),
        options: OptionSet::default(),
    };
    Arc::new(Network {
        name: "test".into(),
        subnets: vec![Subnet {
            prefix: "10.0.0.0/27".parse().unwrap(),
            lease_time: LeaseTime { default_secs: 60, min_secs: 60, max_secs: 60 },
            options: OptionSet::default(),
            next_server_address: Ipv4Addr::UNSPECIFIED,
            pools: vec![pool("a", 2, 9), pool("b", 10, last)],
            relays: None,
            reservations: vec![reservation(4), reservation(30)],
            unknown_clients: UnknownClients::default(),
        }],
        authoritative: true,
        offer_hold_secs: 10,
        quarantine_secs: 30,
        bounds: crate::Bounds::default(),
        client_key: ClientKeyKind::default(),
        after_data_loss: AfterDataLoss::default(),
    })
}

fn bindings() -> Bindings {
    let hasher = FixedState::default();
    Bindings::new(Arc::new(Plan::new(network(20), &hasher)), &hasher)
}

fn key(client: u8) -> ClientKey {
    ClientKey::Identifier([client].into())
}

/// Some clients count against nobody.
fn subscriber(client: u8) -> Option<Arc<str>> {
    (!client.is_multiple_of(4)).then(|| format!("subscriber-{}", client % 4).into())
}

fn lease(now: Timestamp, address: u32, client: u8, state: LeaseState, secs: u32) -> Lease {
    Lease {
        address: address.into(),
        client: key(client),
        hardware_address: HardwareAddress::ethernet([client; 6]),
        state,
        began_at: now,
        changed_at: now,
        expires_at: now.after_secs(secs),
        subscriber: subscriber(client),
        relay_information: None,
        revision: 0,
    }
}

/// One of four lines of two relays.
fn origin(number: u8) -> Arc<crate::Origin> {
    let link = crate::Link::Relay(Ipv4Addr::new(10, 0, 0, number / 2));
    Arc::new(crate::Origin { link, circuit_id: Some([number].into()), remote_id: None })
}

impl Bindings {
    /// Looks at every part; panics if two of them disagree.
    fn check(&self) {
        let held = |slot: &Slot| slot.end() != Timestamp::NEVER;
        assert_eq!(self.deadlines.len(), self.slots.iter().filter(|(_, slot)| held(slot)).count());
        let (mut offers, mut current) = (0, 0);
        for (address, slot) in self.slots.iter() {
            assert!(slot.queued_for <= slot.end());
            assert_eq!(slot.queued_for == Timestamp::NEVER, slot.end() == Timestamp::NEVER);
            if let Some(offer) = &slot.offer {
                offers += 1;
                assert_eq!((self.offers.get(&offer.client), offer.address), (Some(offer), address));
                assert!(slot.active_lease().is_none_or(|lease| lease.client == offer.client));
                assert_ne!(slot.standing(), Standing::Quarantined);
            }
            if let Some(lease) = &slot.lease {
                assert_eq!(u32::from(lease.address), address);
                current += usize::from(self.by_client.get(&lease.client) == Some(lease));
            }
        }
        assert_eq!(offers, self.offers.len());
        assert_eq!(current, self.by_client.len());
        for (position, pool) in self.pools.iter().enumerate() {
            let (first, last) = self.plan.pools()[position].range.unwrap();
            let count = |condition: &dyn Fn(Standing) -> bool| {
                (first..=last)
                    .filter(|address| self.plan.giving_pool_of(*address) == Some(position))
                    .filter(|address| condition(self.standing(*address)))
                    .count() as u64
            };
            assert_eq!(pool.leased(), count(&|standing| standing == Standing::Leased));
            assert_eq!(pool.offered(), count(&|standing| standing == Standing::Offered));
            assert_eq!(pool.quarantined(), count(&|standing| standing == Standing::Quarantined));
            assert_eq!(pool.free(), count(&Standing::is_free));
            let held = pool.leased() + pool.offered() + pool.quarantined();
            assert_eq!(pool.free() + held, pool.size());
        }
        let free = self.free_address(&[0, 1], &|_| false, &|_| true);
        assert!(free.is_none_or(|free| self.standing(free).is_free()));
        self.check_quarantines();
        self.check_open_offers();
        self.check_accounts();
    }

    /// Every address that only an offer holds is listed under its origin and its link.
    fn check_open_offers(&self) {
        let mut expected = vec![Vec::new(); self.pools.len()];
        for (address, slot) in self.slots.iter() {
            if let (Some(offer), Some(pool)) = (slot.offer(), self.plan.giving_pool_of(address))
                && slot.standing() == Standing::Offered
            {
                expected[pool].push((Arc::clone(&offer.origin), offer.expires_at, address));
            }
        }
        for (pool, mut expected) in expected.into_iter().enumerate() {
            expected.sort_unstable();
            assert_eq!(self.open_offers.listed_by_origin(pool), expected);
            let by_link = self.open_offers.listed_by_link(pool);
            let by_link: std::collections::BTreeSet<_> = by_link.into_iter().collect();
            let links =
                expected.iter().map(|(origin, at, address)| (origin.link.clone(), *at, *address));
            assert_eq!(by_link, links.collect());
        }
    }

    /// Every quarantine counts on its accounts, and is listed unless the address is offered.
    fn check_quarantines(&self) {
        let mut counts = HashMap::<_, usize>::new();
        let mut listed = vec![Vec::new(); self.pools.len()];
        for (address, slot) in self.slots.iter() {
            let Some(record) = slot.quarantine() else { continue };
            for account in crate::engine::quarantines::Account::all_of(record) {
                *counts.entry(account).or_default() += 1;
            }
            if let Some(pool) = self.plan.giving_pool_of(address)
                && slot.standing() == Standing::Quarantined
            {
                listed[pool].push((record.changed_at, address));
            }
        }
        assert_eq!(counts.len(), self.quarantines.len());
        for (account, count) in counts {
            assert_eq!(self.quarantines.count(&account), count, "{account:?}");
        }
        for (pool, mut expected) in listed.into_iter().enumerate() {
            expected.sort_unstable();
            assert_eq!(self.quarantines.of_pool(pool).collect::<Vec<_>>(), expected);
        }
    }

    /// The accounts list what the slots and the pending changes say, and nothing else.
    fn check_accounts(&self) {
        let mut leases = BTreeMap::<Arc<str>, Vec<(Timestamp, u32)>>::new();
        let mut offers = leases.clone();
        let mut leaving = BTreeMap::<Arc<str>, Vec<u32>>::new();
        for (address, slot) in self.slots.iter() {
            let Entries { lease, offer } = slot.entries();
            if let Some(lease) = lease {
                leases.entry(lease.subscriber).or_default().push((lease.began_at, address));
            }
            if let Some(offer) = offer {
                offers.entry(offer.subscriber).or_default().push((offer.expires_at, address));
            }
        }
        for (address, unsettled) in &self.unsettled {
            let active = self.slot(*address).and_then(Slot::active_lease);
            let holder = active.and_then(|lease| lease.subscriber.clone());
            for subscriber in unsettled.leaving.iter().filter(|name| Some(*name) != holder.as_ref())
            {
                leaving.entry(Arc::clone(subscriber)).or_default().push(*address);
            }
        }
        let mut names: Vec<_> =
            leases.keys().chain(offers.keys()).chain(leaving.keys()).cloned().collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), self.subscribers.len());
        for name in names {
            let account = self.account(&name).unwrap();
            let in_order = |list: Option<Vec<(Timestamp, u32)>>| {
                let mut list = list.unwrap_or_default();
                list.sort_unstable();
                list.into_iter().map(|(_, address)| address).collect::<Vec<_>>()
            };
            let mut leaving = leaving.remove(&name).unwrap_or_default();
            leaving.sort_unstable();
            assert_eq!(account.leases().collect::<Vec<_>>(), in_order(leases.remove(&name)));
            assert_eq!(account.offers().collect::<Vec<_>>(), in_order(offers.remove(&name)));
            assert_eq!(account.leaving().collect::<Vec<_>>(), leaving);
        }
    }
}

#[test]
fn the_parts_stay_in_step() {
    for seed in 1..=20_u64 {
        println!("seed {seed}");
        let mut state = seed;
        let mut below = move |bound: u64| {
            state =
                state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
            (state >> 33) % bound
        };
        let mut bindings = bindings();
        let mut now = Timestamp::from_unix_ms(1_000_000);
        let mut pending: Vec<Change> = Vec::new();
        for _ in 0..2_000 {
            let address = FIRST + 1 + below(30) as u32;
            let client = below(12) as u8;
            let secs = below(90) as u32;
            match below(12) {
                0..=2 => {
                    bindings.notice(now, address);
                    // A free address, or one of the client's own, as a decision would choose.
                    let slot = bindings.slot(address);
                    let active = slot.and_then(Slot::active_lease);
                    let is_own = active.is_some_and(|lease| lease.client == key(client));
                    let standing = bindings.standing(address);
                    if standing.is_free() || standing == Standing::Quarantined || is_own {
                        let expires_at = now.after_secs(10);
                        let subscriber = subscriber(below(12) as u8);
                        let client = key(client);
                        let origin = origin(below(4) as u8);
                        bindings.hold(Offer { address, client, subscriber, origin, expires_at });
                    }
                }
                3 => bindings.withdraw_offer_to(&key(client)),
                4..=6 => {
                    let lease = lease(now, address, client, LeaseState::Leased, secs);
                    pending.push(bindings.change(now, lease, Precedence::Latest));
                }
                7 => {
                    let lease = lease(now, address, client, LeaseState::Released, 0);
                    pending.push(bindings.change(now, lease, Precedence::Latest));
                }
                8 => {
                    let lease = lease(now, address, client, LeaseState::Quarantined, secs);
                    pending.push(bindings.change(now, lease, Precedence::Latest));
                }
                9 => {
                    now = now.after_secs(below(40) as u32);
                    bindings.notice_due(now, below(6) as usize);
                }
                10 if !pending.is_empty() => {
                    let change = pending.remove(0);
                    let committed = match below(4) {
                        0 => Committed::Failed,
                        1 => Committed::Conflict(None),
                        _ => Committed::Durable,
                    };
                    bindings.settle(now, &change, &committed);
                }
                10 => {}
                _ => {
                    let hasher = FixedState::default();
                    let plan = Plan::new(network(15 + below(8) as u8), &hasher);
                    assert!(bindings.go_over_to(Arc::new(plan)).is_empty());
                }
            }
            bindings.check();
        }
        now = now.after_secs(10_000);
        bindings.notice_due(now, usize::MAX);
        bindings.check();
        assert_eq!(bindings.deadlines.len(), 0);
        assert_eq!(bindings.offers.len(), 0);
        for change in pending {
            bindings.settle(now, &change, &Committed::Failed);
        }
        bindings.check();
        assert_eq!(bindings.subscribers.len(), 0);
        assert_eq!(bindings.quarantines.len(), 0);
    }
}

#[test]
fn leases_that_nobody_asks_to_be_told_of_are_forgotten_beyond_a_limit() {
    let mut bindings = bindings();
    let mut now = Timestamp::from_unix_ms(0);
    for round in 0..=UNREPORTED_MAX {
        let lease = lease(now, FIRST + 2, (round % 250) as u8, LeaseState::Leased, 1);
        let change = bindings.change(now, lease, Precedence::Latest);
        bindings.settle(now, &change, &Committed::Durable);
        now = now.after_secs(1);
        bindings.notice(now, FIRST + 2);
    }
    assert_eq!(bindings.take_unreported(usize::MAX).len(), UNREPORTED_MAX);
}

#[test]
fn what_is_settled_leaves_no_trace() {
    let mut bindings = bindings();
    let now = Timestamp::from_unix_ms(0);
    for committed in [Committed::Durable, Committed::Failed, Committed::Conflict(None)] {
        let lease = lease(now, FIRST + 2, 1, LeaseState::Leased, 60);
        let changes = [
            bindings.change(now, lease.clone(), Precedence::Latest),
            bindings.change(now, lease, Precedence::Latest),
        ];
        assert_eq!(bindings.unsettled.len(), 1);
        for change in &changes {
            bindings.settle(now, change, &committed);
        }
        assert!(bindings.unsettled.is_empty(), "{committed:?}");
    }
}
