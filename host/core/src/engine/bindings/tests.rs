//! Whether the parts stay in step: a long random walk through everything that changes an address,
//! with a look at all parts after each step.

use std::net::Ipv4Addr;

use super::*;
use crate::{
    Change, Committed, HardwareAddress, LeaseTime, Network, OptionSet, Pool, Reservation,
    ReservationOwner, Subnet,
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
            reservations: vec![reservation(4), reservation(30)],
        }],
        authoritative: true,
        offer_hold_secs: 10,
        quarantine_secs: 30,
    })
}

fn bindings() -> Bindings {
    let hasher = FixedState::default();
    Bindings::new(Arc::new(Plan::new(network(20), &hasher)), &hasher)
}

fn key(client: u8) -> ClientKey {
    ClientKey::Identifier([client].into())
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
        relay_information: None,
        revision: 0,
    }
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
        assert!(self.free_address(&[0, 1]).is_none_or(|free| self.standing(free).is_free()));
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
                    if bindings.standing(address).is_free() || is_own {
                        let expires_at = now.after_secs(10);
                        bindings.hold(Offer { address, client: key(client), expires_at });
                    }
                }
                3 => bindings.withdraw_offer_to(&key(client)),
                4..=6 => {
                    let lease = lease(now, address, client, LeaseState::Leased, secs);
                    pending.push(bindings.change(now, lease));
                }
                7 => {
                    let lease = lease(now, address, client, LeaseState::Released, 0);
                    pending.push(bindings.change(now, lease));
                }
                8 => {
                    let lease = lease(now, address, client, LeaseState::Quarantined, secs);
                    pending.push(bindings.change(now, lease));
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
    }
}

#[test]
fn leases_that_nobody_asks_to_be_told_of_are_forgotten_beyond_a_limit() {
    let mut bindings = bindings();
    let mut now = Timestamp::from_unix_ms(0);
    for round in 0..=UNREPORTED_MAX {
        let lease = lease(now, FIRST + 2, (round % 250) as u8, LeaseState::Leased, 1);
        let change = bindings.change(now, lease);
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
        let changes = [bindings.change(now, lease.clone()), bindings.change(now, lease)];
        assert_eq!(bindings.unsettled.len(), 1);
        for change in &changes {
            bindings.settle(now, change, &committed);
        }
        assert!(bindings.unsettled.is_empty(), "{committed:?}");
    }
}
