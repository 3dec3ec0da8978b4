//! Checks that the parts stay consistent: a long random walk through all changes of a resource,
//! which checks every part after each step, for each family.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap},
};

use super::{ends::UNREPORTED_MAX, of_holder::rank, *};
use crate::{
    BindingState, Change, StorageAnswer, Timestamp,
    keyed_hash::KeyedState,
    ledger::{
        Holder as _,
        families::{
            Addresses, Association, COUNTED_OF_VPN, Line, Numbers, Of, Pools, Prefixes, Sample,
            VpnAddresses, binding, holder, tenure,
        },
        subscribers::Entries,
    },
};

const CAUSE: u32 = 1;

/// Two pools of the first 32 resources; one in the first and one outside both are reserved.
fn pools<R: Sample>(last: u32) -> Arc<Pools<R>> {
    let pools = [(2, 9), (10, last)].map(|(first, last)| (R::nth(first), R::nth(last)));
    Arc::new(Pools { pools: pools.into(), reserved: [R::nth(4), R::nth(30)].into() })
}

fn bindings<R: Sample>() -> Bindings<Of<R>> {
    Bindings::new(pools(20), &KeyedState::with_seed(0))
}

/// The subscriber of a client; some have none.
fn subscriber(client: u8) -> Option<Arc<str>> {
    binding::<u32>(0, client, tenure(BindingState::Leased, Timestamp::NEVER, 0)).subscriber
}

/// One of four lines of two links.
fn source(number: u8) -> Arc<Line> {
    Arc::new(Line { link: number / 2, line: number })
}

impl<R: Sample> Bindings<Of<R>> {
    /// Panics if two parts disagree.
    fn check(&self) {
        self.slots.check();
        let mut offered_to = Vec::new();
        for view in self.slots() {
            if let Some(offer) = view.offer() {
                assert_eq!(offer.resource, view.resource);
                assert_eq!(self.offered_to(&offer.holder), Some(offer.resource));
                assert_eq!(self.offer_of(&self.look_up(offer.holder.clone())), Some(offer));
                assert!(view.active().is_none_or(|record| record.is_of(&offer.holder)));
                assert_ne!(view.standing(), Standing::Quarantined);
                offered_to.push(offer.holder.clone());
            }
            if let Some(flight) = view.flight() {
                assert!(!view.standing().is_free());
                assert_eq!(flight.change.binding.resource, view.resource);
                assert_eq!(flight.change.previous.as_deref(), view.binding().as_ref());
                let holder = self.look_up(flight.change.binding.holder.clone());
                assert!(self.flight_of(&holder).is_some());
            }
        }
        offered_to.sort_unstable();
        assert!(offered_to.windows(2).all(|pair| pair[0] != pair[1]), "two offers to one client");
        self.check_holders();
        for (position, pool) in self.pools.iter().enumerate() {
            let (first, last) = self.layout.pools[position];
            let count = |condition: &dyn Fn(Standing) -> bool| {
                let numbers = first.number()..=last.number();
                numbers
                    .map(R::of_number)
                    .filter(|resource| self.layout.giving_pool_of(*resource) == Some(position))
                    .filter(|resource| condition(self.standing(*resource)))
                    .count() as u64
            };
            assert_eq!(pool.leased(), count(&|standing| standing == Standing::Leased));
            assert_eq!(pool.offered(), count(&|standing| standing == Standing::Offered));
            assert_eq!(pool.quarantined(), count(&|standing| standing == Standing::Quarantined));
            assert_eq!(pool.free(), count(&Standing::is_free));
            let held = pool.leased() + pool.offered() + pool.quarantined();
            assert_eq!(pool.free() + held, pool.size());
        }
        for start in [None, Some(R::nth(7)), Some(R::nth(15))] {
            let free = self.free_in(&[0, 1], &|_| start, &|_| false, &|_| true);
            assert!(free.is_none_or(|free| self.standing(free).is_free()));
            let is_any = self.pools.iter().any(|pool| pool.free() > 0);
            assert_eq!(free.is_some(), is_any);
        }
        self.check_quarantines();
        self.check_open_offers();
        self.check_accounts();
    }

    /// Each holder is listed for the resources of its slots, except records that others outrank.
    fn check_holders(&self) {
        let mut records = BTreeMap::<Association, Vec<R>>::new();
        let mut claims = 0;
        for view in self.slots() {
            let holder = view.binding().map(|binding| binding.holder);
            if let Some(holder) = &holder {
                records.entry(holder.clone()).or_default().push(view.resource);
            }
            if let Some(claimant) = view.claimant() {
                claims += usize::from(holder.as_ref() != Some(claimant));
                let mut listed = self.holders.resources(&claimant.octets());
                assert!(listed.any(|listed| listed == view.resource));
            }
        }
        let mut listed = 0;
        for (holder, all) in records {
            let known = self.look_up(holder.clone());
            let found = self.records_of(&known);
            assert!(found.iter().all(|resource| all.contains(resource)));
            assert!(found.is_sorted_by_key(|resource| Reverse(self.slot(*resource).map(rank))));
            let current = self.current_of(&known).map(|view| view.resource);
            assert_eq!(current, found.first().copied());
            let claimant = |resource: &&R| self.slot(**resource).and_then(SlotView::claimant);
            let is_claimed = |resource: &&R| claimant(resource) == Some(&holder);
            let claimed = found.iter().filter(is_claimed).count();
            assert!(found.len() - claimed <= RECORDS_OF_HOLDER_MAX);
            listed += found.len();
        }
        assert_eq!(self.holders.len(), listed + claims);
    }

    /// Every resource that only an offer holds is listed under its source and its link.
    fn check_open_offers(&self) {
        let mut expected = vec![Vec::new(); self.pools.len()];
        for view in self.slots() {
            if let (Some(offer), Some(pool)) =
                (view.offer(), self.layout.giving_pool_of(view.resource))
                && view.standing() == Standing::Offered
            {
                expected[pool].push((Arc::clone(&offer.source), offer.expires_at, view.resource));
            }
        }
        for (pool, mut expected) in expected.into_iter().enumerate() {
            expected.sort_unstable();
            assert_eq!(self.open_offers.listed_by_source(pool), expected);
            let by_link = self.open_offers.listed_by_link(pool);
            let by_link: BTreeSet<_> = by_link.into_iter().collect();
            let links = expected.iter().map(|(source, at, resource)| (source.link, *at, *resource));
            assert_eq!(by_link, links.collect());
        }
    }

    /// Every quarantine counts on its accounts, and is listed unless the resource is offered.
    fn check_quarantines(&self) {
        let mut counts = HashMap::<_, usize>::new();
        let mut listed = vec![Vec::new(); self.pools.len()];
        for view in self.slots() {
            let quarantine = || view.quarantine().map(|record| record.binding(view.resource));
            let declined = view.decline_in_flight().cloned();
            let Some(record) = declined.or_else(quarantine) else { continue };
            for account in Of::<R>::accounts(&record) {
                *counts.entry(account).or_default() += 1;
            }
            if let Some(pool) = self.layout.giving_pool_of(view.resource)
                && view.standing() == Standing::Quarantined
            {
                listed[pool].push((record.tenure.changed_at, view.resource));
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

    /// The accounts list exactly what the slots contain.
    fn check_accounts(&self) {
        let mut leases = BTreeMap::<&str, Vec<(Timestamp, R)>>::new();
        let (mut offers, mut grants, mut leaves) = (leases.clone(), leases.clone(), leases.clone());
        let never = Timestamp::NEVER;
        for view in self.slots() {
            let address = view.resource;
            let Entries { lease, offer, grant, leaves: left } = view.entries();
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
            leases.keys().chain(offers.keys()).chain(grants.keys()).copied().collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), self.subscribers.len());
        for name in names {
            let account = self.account(name).unwrap();
            let in_order = |list: Option<Vec<(Timestamp, R)>>| {
                let mut list = list.unwrap_or_default();
                list.sort_unstable();
                list.into_iter().map(|(_, address)| address).collect::<Vec<_>>()
            };
            let granted = in_order(grants.remove(name));
            let left = in_order(leaves.remove(name));
            assert_eq!(account.in_flight(), granted.first().or(left.first()).copied());
            assert_eq!(account.grants_len(), granted.len());
            assert_eq!(account.leases().collect::<Vec<_>>(), in_order(leases.remove(name)));
            assert_eq!(account.offers().collect::<Vec<_>>(), in_order(offers.remove(name)));
        }
    }
}

#[test]
fn the_parts_stay_in_step_whatever_the_resources_are() {
    for seed in 1..=12 {
        println!("seed {seed}");
        walk::<u32>(seed);
        walk::<<Addresses as Family>::Resource>(seed);
        walk::<<Prefixes as Family>::Resource>(seed);
        walk::<<VpnAddresses as Family>::Resource>(seed);
    }
}

fn walk<R: Sample>(seed: u64) {
    let mut state = seed;
    let mut below = move |bound: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        (state >> 33) % bound
    };
    let mut bindings = bindings::<R>();
    let mut now = Timestamp::from_unix_ms(1_000_000);
    let mut pending: Vec<Change<_>> = Vec::new();
    for _ in 0..2_000 {
        let number = 1 + below(30) as u32;
        let resource = R::nth(number);
        let client = below(12) as u8;
        let secs = below(90) as u32;
        let is_in_flight = bindings.slot(resource).is_some_and(SlotView::is_in_flight);
        match below(12) {
            0..=8 if is_in_flight => {}
            0..=2 => {
                bindings.notice(now, resource);
                // A free resource or one of the client's own, as a decision would choose.
                let active = bindings.slot(resource).and_then(SlotView::active);
                let is_own = active.is_some_and(|record| record.is_of(&holder(client)));
                let standing = bindings.standing(resource);
                if standing.is_free() || standing == Standing::Quarantined || is_own {
                    bindings.hold(Offer {
                        resource,
                        holder: holder(client),
                        subscriber: subscriber(below(12) as u8),
                        source: source(below(4) as u8),
                        expires_at: now.after_secs(10),
                    });
                }
            }
            3 => {
                let known = bindings.look_up(holder(client));
                bindings.withdraw_offer_to(&known);
            }
            4..=8 => {
                let (state, secs) = match below(5) {
                    0 => (BindingState::Released, 0),
                    1 => (BindingState::Quarantined, secs),
                    _ => (BindingState::Leased, secs),
                };
                let binding = binding(number, client, tenure(state, now, secs));
                pending.push(bindings.depart(binding, CAUSE));
            }
            9 => {
                now = now.after_secs(below(40) as u32);
                bindings.notice_due(now, below(6) as usize);
            }
            10 if !pending.is_empty() => {
                let change = pending.remove(below(pending.len() as u64) as usize);
                let answer = match below(4) {
                    0 => StorageAnswer::NotMade,
                    1 => StorageAnswer::Conflict([None].into_iter().collect()),
                    _ => StorageAnswer::Made,
                };
                bindings.settle(now, &[change], &answer);
            }
            10 => {}
            _ => bindings.lay_out(pools(15 + below(8) as u32)),
        }
        bindings.check();
    }
    now = now.after_secs(10_000);
    for change in pending {
        bindings.settle(now, &[change], &StorageAnswer::NotMade);
    }
    bindings.notice_due(now, usize::MAX);
    bindings.check();
    assert_eq!(bindings.slots.next_end(), None);
    assert!(bindings.slots().all(|view| view.offer().is_none()));
    assert_eq!(bindings.subscribers.len(), 0);
    assert_eq!(bindings.quarantines.len(), 0);
}

#[test]
fn a_pool_may_have_more_resources_than_anybody_can_count() {
    type Address = <Addresses as Family>::Resource;
    let last = Address::of_number(Address::nth(0).number() + (1 << 64));
    let layout = Pools { pools: vec![(Address::nth(0), last)], reserved: BTreeSet::new() };
    let mut bindings = Bindings::<Addresses>::new(Arc::new(layout), &KeyedState::with_seed(0));
    let now = Timestamp::from_unix_ms(0);
    let everything = |_| true;
    for client in 0..200 {
        let free = bindings.free_in(&[0], &|_| None, &|_| false, &everything).unwrap();
        assert_eq!(free, Address::nth(client));
        let binding = binding(client, client as u8, tenure(BindingState::Leased, now, 60));
        let change = bindings.depart(binding, CAUSE);
        bindings.settle(now, &[change], &StorageAnswer::Made);
    }
    let usage = bindings.usage().next().unwrap();
    assert_eq!((usage.size, usage.leased), (u64::MAX, 200));
}

#[test]
fn the_same_address_of_two_vpns_is_leased_twice() {
    type Address = <VpnAddresses as Family>::Resource;
    let ours = [Address::nth(3), Address::nth(3 + COUNTED_OF_VPN)];
    assert_eq!(ours[0].address, ours[1].address);
    let layout = Pools { pools: ours.map(|only| (only, only)).into(), reserved: BTreeSet::new() };
    let mut bindings = Bindings::<VpnAddresses>::new(Arc::new(layout), &KeyedState::with_seed(0));
    let now = Timestamp::from_unix_ms(0);
    for (client, address) in [1, 2].into_iter().zip(ours) {
        let leased = tenure(BindingState::Leased, now, 60);
        let change = bindings.depart(binding(address.number() as u32, client, leased), CAUSE);
        bindings.settle(now, &[change], &StorageAnswer::Made);
    }
    let owner = |bindings: &Bindings<VpnAddresses>, address| {
        bindings
            .slot(address)
            .and_then(SlotView::active)
            .and_then(|record| record.subscriber())
            .map(String::from)
    };
    assert_eq!(
        ours.map(|address| owner(&bindings, address)),
        ["s1", "s2"].map(|name| Some(name.into()))
    );
    let released = tenure(BindingState::Released, now, 0);
    let change = bindings.depart(binding(ours[0].number() as u32, 1, released), CAUSE);
    bindings.settle(now, &[change], &StorageAnswer::Made);
    assert_eq!(ours.map(|address| owner(&bindings, address)), [None, Some("s2".into())]);
}

#[test]
fn leases_that_nobody_asks_to_be_told_of_are_forgotten_beyond_a_limit() {
    let mut bindings: Bindings<Numbers> = bindings();
    let mut now = Timestamp::from_unix_ms(0);
    for round in 0..=UNREPORTED_MAX {
        let binding = binding(2, (round % 250) as u8, tenure(BindingState::Leased, now, 1));
        let change = bindings.depart(binding, CAUSE);
        bindings.settle(now, &[change], &StorageAnswer::Made);
        now = now.after_secs(1);
        bindings.notice(now, u32::nth(2));
    }
    assert_eq!(bindings.take_unreported(usize::MAX).len(), UNREPORTED_MAX);
}
