//! Whether the parts stay in step: a long random walk through everything that changes an address,
//! with a look at all parts after each step.

use std::{
    collections::{BTreeMap, HashMap},
    net::Ipv4Addr,
};

use super::*;
use crate::engine::{slot::Cause, subscribers::Entries};
use crate::{
    AfterDataLoss, Answer, Change, ClientKeyKind, HardwareAddress, LeaseTime, Network, OptionSet,
    Pool, RequestKind, Reservation, ReservationOwner, Subnet, UnknownClients,
};

const FIRST: u32 = 0x0a00_0000;
const CAUSE: Cause =
    Cause { transaction_id: 1, kind: RequestKind::Request, relay_address: Ipv4Addr::UNSPECIFIED };

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
        let mut offered_to = Vec::new();
        for (address, slot) in self.slots.iter() {
            assert!(slot.queued_for <= slot.end() || slot.flight().is_some());
            assert_eq!(slot.queued_for == Timestamp::NEVER, slot.end() == Timestamp::NEVER);
            if let Some(offer) = slot.offer() {
                assert_eq!(offer.address, address);
                assert_eq!(self.offer_of(&offer.client), Some(offer));
                assert!(slot.active_lease().is_none_or(|lease| lease.client == offer.client));
                assert_ne!(slot.standing(), Standing::Quarantined);
                offered_to.push(offer.client.clone());
            }
            if let Some(flight) = slot.flight() {
                assert!(!slot.standing().is_free());
                assert_eq!(u32::from(flight.change.lease.address), address);
                assert_eq!(flight.change.previous, slot.lease);
                assert!(self.flight_of(&flight.change.lease.client).is_some());
            }
            if let Some(lease) = &slot.lease {
                assert_eq!(u32::from(lease.address), address);
            }
        }
        offered_to.sort_unstable();
        assert!(offered_to.windows(2).all(|pair| pair[0] != pair[1]), "two offers to one client");
        self.check_clients();
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

    /// Each client is found at the addresses of its slots, but for records that others outrank.
    fn check_clients(&self) {
        let mut records = BTreeMap::<ClientKey, Vec<u32>>::new();
        let mut claims = 0;
        for (address, slot) in self.slots.iter() {
            let [record, claimant] = slot.clients();
            if let Some(client) = record {
                records.entry(client.clone()).or_default().push(address);
            }
            if let Some(client) = claimant {
                claims += usize::from(record != claimant);
                assert!(self.clients.addresses(client).any(|listed| listed == address));
            }
        }
        let mut listed = 0;
        for (client, all) in records {
            let found = self.records_of(&client);
            assert!(found.iter().all(|address| all.contains(address)));
            assert!(found.is_sorted_by_key(|address| Reverse(self.slot(*address).map(rank))));
            let current = self.lease_of(&client).map(|lease| u32::from(lease.address));
            assert_eq!(current, found.first().copied());
            let is_claimed = |address: &&u32| {
                let slot = self.slot(**address).unwrap();
                slot.clients() == [Some(&client), Some(&client)]
            };
            let claimed = found.iter().filter(is_claimed).count();
            assert!(found.len() - claimed <= RECORDS_OF_CLIENT_MAX);
            listed += found.len();
        }
        assert_eq!(self.clients.len(), listed + claims);
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
            let Some(record) = slot.counted_quarantine() else { continue };
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

    /// The accounts list what the slots say, and nothing else.
    fn check_accounts(&self) {
        let mut leases = BTreeMap::<Arc<str>, Vec<(Timestamp, u32)>>::new();
        let (mut offers, mut grants, mut leaves) = (leases.clone(), leases.clone(), leases.clone());
        let never = Timestamp::NEVER;
        for (address, slot) in self.slots.iter() {
            let Entries { lease, offer, grant, leaves: left } = slot.entries();
            if let Some(lease) = lease {
                leases.entry(lease.subscriber).or_default().push((lease.began_at, address));
            }
            if let Some(offer) = offer {
                offers.entry(offer.subscriber).or_default().push((offer.expires_at, address));
            }
            grant
                .into_iter()
                .for_each(|name| grants.entry(name).or_default().push((never, address)));
            left.into_iter()
                .for_each(|name| leaves.entry(name).or_default().push((never, address)));
        }
        let mut names: Vec<_> =
            leases.keys().chain(offers.keys()).chain(grants.keys()).cloned().collect();
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
            let granted = in_order(grants.remove(&name));
            let left = in_order(leaves.remove(&name));
            assert_eq!(account.in_flight(), granted.first().or(left.first()).copied());
            assert_eq!(account.grants_len(), granted.len());
            assert_eq!(account.leases().collect::<Vec<_>>(), in_order(leases.remove(&name)));
            assert_eq!(account.offers().collect::<Vec<_>>(), in_order(offers.remove(&name)));
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
                    let is_in_flight = slot.is_some_and(|slot| slot.flight().is_some());
                    let standing = bindings.standing(address);
                    if is_in_flight {
                    } else if standing.is_free() || standing == Standing::Quarantined || is_own {
                        let expires_at = now.after_secs(10);
                        let subscriber = subscriber(below(12) as u8);
                        let client = key(client);
                        let origin = origin(below(4) as u8);
                        bindings.hold(Offer { address, client, subscriber, origin, expires_at });
                    }
                }
                3 => bindings.withdraw_offer_to(&key(client)),
                4..=8 if bindings.slot(address).is_some_and(|slot| slot.flight().is_some()) => {}
                4..=8 => {
                    let (state, secs) = match below(5) {
                        0 => (LeaseState::Released, 0),
                        1 => (LeaseState::Quarantined, secs),
                        _ => (LeaseState::Leased, secs),
                    };
                    let lease = lease(now, address, client, state, secs);
                    pending.push(bindings.depart(lease, CAUSE));
                }
                9 => {
                    now = now.after_secs(below(40) as u32);
                    bindings.notice_due(now, below(6) as usize);
                }
                10 if !pending.is_empty() => {
                    let change = pending.remove(below(pending.len() as u64) as usize);
                    let answer = match below(4) {
                        0 => Answer::NotMade,
                        1 => Answer::Conflict([None].into_iter().collect()),
                        _ => Answer::Made,
                    };
                    bindings.settle(now, &[change], &answer);
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
        for change in pending {
            bindings.settle(now, &[change], &Answer::NotMade);
        }
        bindings.notice_due(now, usize::MAX);
        bindings.check();
        assert_eq!(bindings.deadlines.len(), 0);
        assert!(bindings.slots.iter().all(|(_, slot)| slot.offer().is_none()));
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
        let change = bindings.depart(lease, CAUSE);
        bindings.settle(now, &[change], &Answer::Made);
        now = now.after_secs(1);
        bindings.notice(now, FIRST + 2);
    }
    assert_eq!(bindings.take_unreported(usize::MAX).len(), UNREPORTED_MAX);
}
