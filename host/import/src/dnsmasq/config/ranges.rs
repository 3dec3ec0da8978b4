//! `dhcp-range`: subnets, their pools, and the tags that clients get by their addresses.
//!
//! Invariant: a subnet has one prefix, lease time and list of pools, whichever of its ranges came
//! first.

use std::{collections::BTreeMap, net::Ipv4Addr};

use ipnet::Ipv4Net;
use lessor_core::option::code;

use crate::{
    dnsmasq::{
        lines::Line,
        range::{self, Range},
    },
    model::{Access, Boot, Options, Pool, Scope, Subnet},
    report::{EntryId, LineOutcome},
};

use super::{CONDITION, Reading, order::Subject};

/// A range, and the tags that its clients get.
pub(super) struct TaggedRange {
    pub(super) prefix: Ipv4Net,
    /// The position of its pool in the subnet; `None` if it has reserved addresses only.
    pub(super) pool: Option<usize>,
    pub(super) sets: Vec<String>,
    first: Ipv4Addr,
    last: Option<Ipv4Addr>,
    needs: Vec<String>,
}

impl Reading {
    /// Adds a range, or says why it is not carried.
    pub(super) fn range(&mut self, line: &Line, range: Result<Range, String>) {
        let range = match range {
            Ok(range) => range,
            Err(why) => {
                self.report.not_carried(&line.place, &line.shown(), why);
                return;
            }
        };
        let entry = self.report.carried(&line.place, &line.shown());
        if !range.says_mask {
            let note = format!("the file does not say the mask; {} is assumed", range.prefix);
            self.report.correct(entry, LineOutcome::Changed, note);
        }
        let by_policy_only = !range.needs.is_empty();
        let class = self.class_of(&range.needs, entry).map(|class| class.name.clone());
        if by_policy_only && class.is_none() {
            self.report.correct(entry, LineOutcome::Changed, CONDITION);
        }
        if let Some(class) = &class {
            self.order.note(Subject::Pools(range.prefix), class, entry);
        }
        let access = Access { allowed: class.into_iter().collect(), ..Access::default() };
        self.ensure_subnet(line, entry, &range);
        let Range { prefix, first, last, lease_time, needs, sets, .. } = range;
        let subnets = self.site.subnets.iter_mut();
        let Some(subnet) = subnets.into_iter().find(|known| known.prefix == prefix) else { return };
        let time = *subnet.scope.lease_time.get_or_insert(lease_time);
        subnet.scope.max_lease_time = Some(time);
        subnet.scope.min_lease_time = Some(time.min(range::LEASE_TIME_MIN_SECS));
        if time != lease_time {
            let note = "the lease time is that of the subnet's first range";
            self.report.correct(entry, LineOutcome::Changed, note);
        }
        let pool = last.map(|last| {
            let place = line.place.clone();
            let options = Options::new();
            // dnsmasq uses a range when those before it are full.
            let before = subnet.pools.iter().filter(|pool| pool.by_policy_only == by_policy_only);
            let preference = u8::try_from(before.count() + 1).unwrap_or(u8::MAX);
            let pool = Pool {
                place,
                entry,
                first,
                last,
                name: None,
                access,
                by_policy_only,
                preference,
                boot: Boot::default(),
                options,
            };
            subnet.pools.push(pool);
            subnet.pools.len() - 1
        });
        self.ranges.push(TaggedRange { prefix, pool, sets, first, last, needs });
    }

    /// Adds the subnet of a range, unless an earlier range has it.
    fn ensure_subnet(&mut self, line: &Line, entry: EntryId, range: &Range) {
        if self.site.subnets.iter().any(|known| known.prefix == range.prefix) {
            return;
        }
        let mut scope = Scope::default();
        if let Some(broadcast) = range.broadcast {
            scope.options.insert(code::BROADCAST_ADDRESS, broadcast.octets().to_vec().into());
        }
        self.site.subnets.push(Subnet {
            place: line.place.clone(),
            entry,
            prefix: range.prefix,
            shared_network: None,
            relay_addresses: Vec::new(),
            scope,
            pools: Vec::new(),
            reservations: Vec::new(),
        });
    }

    /// The range whose tags each reservation gets although its address is in none, by its position:
    /// in a subnet, that is the first static range, or else the first one.
    pub(super) fn find_ranges_of_outsiders(&mut self) {
        let mut by_subnet: BTreeMap<Ipv4Net, Vec<usize>> = BTreeMap::new();
        for (position, range) in self.ranges.iter().enumerate() {
            by_subnet.entry(range.prefix).or_default().push(position);
        }
        let of_subnet = |address: Ipv4Addr| {
            let around = (0..=32).filter_map(|length| Ipv4Net::new(address, length).ok());
            around.into_iter().find_map(|prefix| by_subnet.get(&prefix.trunc()))
        };
        let reservations = self.site.reservations.iter().zip(self.tags.sets_of_hosts());
        let found = reservations.map(|(reservation, sets)| {
            let address = reservation.address?;
            let ranges = of_subnet(address)?.iter();
            let ranges = ranges.filter_map(|at| self.ranges.get(*at).map(|range| (*at, range)));
            // What the client sends may set other tags, which is not known here.
            let is_usable = |range: &TaggedRange| range.needs.iter().all(|tag| sets.contains(tag));
            let usable: Vec<_> = ranges.filter(|(_, range)| is_usable(range)).collect();
            if usable.iter().any(|(_, range)| range.contains(address)) {
                return None;
            }
            let fixed = usable.iter().find(|(_, range)| range.last.is_none());
            fixed.or(usable.first()).map(|(at, _)| *at)
        });
        self.ranges_of_outsiders = found.collect();
    }
}

impl TaggedRange {
    pub(super) fn has_tag(&self, tag: &str) -> bool {
        self.sets.iter().any(|set| set == tag)
    }

    fn contains(&self, address: Ipv4Addr) -> bool {
        self.last.is_some_and(|last| (self.first..=last).contains(&address))
    }
}
