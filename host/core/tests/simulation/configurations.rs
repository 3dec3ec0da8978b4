//! The parameters that are drawn first from a seed, and the configurations for reloads.

use std::{
    net::Ipv4Addr,
    num::{NonZeroU8, NonZeroU32},
};

use lessor_core::{
    AfterDataLoss, AllocationOrder, BootpClients, CacheThreshold, Fraction, LeaseTime, Network,
    OffersMax, OptionValue, Pool, PoolRules, ProbeMethod, Probing, QuarantineMax, ReservationOwner,
    Shortening, ShorteningStep, Skipped, SkippedRange, UnknownClients, WhySkipped,
};

use super::{clients::line_name, random::Random};
use crate::support::*;

/// The parameters that are drawn first from a seed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parameters {
    /// The number of servers that share the store.
    pub(super) servers: usize,
    /// The number of clients: few with many events, or many that compete.
    pub(super) clients: u8,
    /// How many of a hundred batches fail.
    pub(super) fails: u64,
    /// How many of a hundred failed batches are written nevertheless.
    pub(super) writes_all_the_same: u64,
    /// How many times of a hundred storage accepts or answers a later decision first, and the feed
    /// delivers a later record first.
    pub(super) out_of_order: u64,
    /// How many of a hundred answers are delivered twice.
    pub(super) answered_twice: u64,
    /// How many of a thousand decisions storage never answers.
    pub(super) never_answers: u64,
    /// How many of a hundred messages and replies are lost.
    pub(super) lost: u64,
    /// How many of a hundred messages to both servers reach one of them later.
    pub(super) late: u64,
    /// How many of a hundred records on the feed are lost.
    pub(super) not_fed: u64,
    /// How many of a hundred steps are a message.
    pub(super) messages: u64,
    /// Whether a server outside the simulation writes to the store.
    pub(super) has_stranger: bool,
    /// How far the clock of the second server is ahead, in milliseconds.
    pub(super) ahead_ms: i64,
}

impl Parameters {
    pub(super) fn draw(random: &mut Random) -> Self {
        let servers = *random.pick(&[1, 2]);
        Self {
            servers,
            clients: *random.pick(&[8, 24, 48]),
            fails: *random.pick(&[0, 5, 15, 50]),
            writes_all_the_same: *random.pick(&[0, 50, 100]),
            out_of_order: *random.pick(&[0, 20, 60]),
            answered_twice: *random.pick(&[0, 0, 10]),
            never_answers: *random.pick(&[0, 0, 5, 20]),
            lost: *random.pick(&[0, 10, 40]),
            late: *random.pick(&[0, 20, 60]),
            not_fed: *random.pick(&[0, 10, 50, 100]),
            messages: *random.pick(&[30, 45, 60]),
            has_stranger: random.chance(if servers == 1 { 70 } else { 30 }),
            ahead_ms: *random.pick(&[0, 0, 400, -3_000]) * i64::from(servers == 2),
        }
    }

    /// Whether no other server can change what one server knows. Only then may a server keep a
    /// lease without a look at storage (`cache-threshold`).
    pub(super) const fn is_alone(&self) -> bool {
        self.servers == 1 && !self.has_stranger
    }

    /// How long servers may disagree about the end of a lease, in milliseconds.
    pub(super) const fn disagreement_ms(&self) -> i64 {
        self.ahead_ms.abs()
    }
}

/// The base configuration, and others for reloads. Leases can be kept as they are if the server
/// `is_alone`.
pub(super) fn networks(is_alone: bool) -> Vec<Network> {
    let mut base = network();
    let mut small = subnet("10.0.1.0/28", vec![]);
    let first = Ipv4Addr::new(10, 0, 1, 0);
    let last = Ipv4Addr::new(10, 0, 1, 7);
    small.pools = vec![Pool { first, last, ..pool("small", 0, 0) }];
    let lone = garden("lone", 110, 110);
    let open = Pool { rules: rules(), ..pool("open", 10, 24) };
    base.subnets[0].pools = vec![open, garden("garden", 100, 103), lone.clone()];
    base.subnets[0].reservations = vec![
        reservation(circuit(&line_name(0)), ip(12)),
        reservation(circuit(&line_name(1)), ip(60)),
        reservation(ReservationOwner::HardwareAddress(hardware(3)), ip(15)),
    ];
    base.subnets.push(small);
    for subnet in &mut base.subnets {
        subnet.lease_time = LeaseTime { default_secs: 600, min_secs: 60, max_secs: 1800 };
        let others = subnet.options.iter().map(|(code, value)| (code, (**value).clone()));
        subnet.options = others.chain([(108, OptionValue::U32(600))]).collect();
        subnet.settings = settings(|fields| {
            fields.messages.rapid_commit = Some(true);
            fields.messages.bootp = Some(BootpClients::Dynamic);
            fields.messages.bootp_lease_secs = Some(300);
            let part = Fraction::from_number(0.3).unwrap();
            fields.times.cache_threshold = is_alone.then_some(CacheThreshold::Within(part));
        });
    }
    base.quarantine_secs = 900;
    base.offer_hold_secs = 120;
    let [one, two] = [1, 2].map(|max| NonZeroU32::new(max).unwrap());
    base.bounds.quarantine_max =
        QuarantineMax { client: one, line: one, link: two, subscriber: one };
    let link = NonZeroU32::new(6).unwrap();
    base.bounds.offers_max = OffersMax { line: two, link };
    let mut other_pools = base.clone();
    let [mut later, mut first] = [pool("open", 13, 17), pool("first", 18, 22)];
    later.rules.preference = NonZeroU8::new(2).unwrap();
    first.rules.order = AllocationOrder::Random;
    other_pools.subnets[0].pools = vec![later, first, garden("garden", 99, 102), lone];
    other_pools.authoritative = false;
    other_pools.after_data_loss = AfterDataLoss::Hold;
    let mut other_owners = base.clone();
    for (network, unknown_clients) in
        [(&mut other_pools, UnknownClients::Adopt), (&mut other_owners, UnknownClients::Refuse)]
    {
        network.subnets.iter_mut().for_each(|subnet| subnet.unknown_clients = unknown_clients);
    }
    change_bootp(&mut other_pools, BootpClients::Off);
    change_bootp(&mut other_owners, BootpClients::Reserved);
    other_owners.subnets[0].reservations.remove(0);
    other_owners.subnets[0]
        .reservations
        .push(reservation(ReservationOwner::HardwareAddress(hardware(5)), ip(17)));
    let mut probing = base.clone();
    for subnet in &mut probing.subnets {
        let mut fields = (*subnet.settings).clone();
        fields.probing = Probing { method: Some(ProbeMethod::Auto), timeout_ms: None };
        subnet.settings = fields.into();
    }
    vec![base, other_pools, other_owners, probing]
}

/// Changes which BOOTP clients a network serves.
fn change_bootp(network: &mut Network, clients: BootpClients) {
    for subnet in &mut network.subnets {
        let mut fields = (*subnet.settings).clone();
        fields.messages.bootp = Some(clients);
        subnet.settings = fields.into();
    }
}

/// Rules of a pool that skips three addresses, and has shorter leases when it is more than half
/// full.
fn rules() -> PoolRules {
    let skipped = [(14, 14, WhySkipped::Router), (19, 20, WhySkipped::Excluded)];
    let skipped = skipped.map(|(first, last, why)| {
        let (first, last) = (ip(first), ip(last));
        SkippedRange { first, last, why }
    });
    let above = Fraction::from_number(0.5).unwrap();
    PoolRules {
        skipped: Skipped::new(skipped.into(), false),
        shortening: Shortening::new(vec![ShorteningStep { above, lease_time_secs: 300 }]).unwrap(),
        ..PoolRules::default()
    }
}

/// Returns whether a pool gives the address to any client.
pub(super) fn is_given(network: &Network, address: Ipv4Addr) -> bool {
    let mut pools = network.subnets.iter().flat_map(|subnet| &subnet.pools);
    let pool = pools.find(|pool| pool.contains(address));
    pool.is_some_and(|pool| pool.rules.skipped.why(address).is_none())
        && owners(network, address).is_empty()
}

/// The owners of an address by reservation.
pub(super) fn owners(network: &Network, address: Ipv4Addr) -> Vec<&ReservationOwner> {
    let all = network.subnets.iter().flat_map(|subnet| &subnet.reservations);
    all.filter(|reservation| reservation.address == Some(address))
        .flat_map(|reservation| reservation.owners.iter())
        .collect()
}
