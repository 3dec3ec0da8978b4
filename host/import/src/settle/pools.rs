//! Pools that fit their subnets and do not overlap.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use lessor_core::{OptionKind, OptionValue, option::code};

use crate::{
    model::{Options, Pool, Site, range},
    report::{EntryId, LineOutcome, Report},
};

/// The maximum number of notes about one pool.
const NOTES_MAX: usize = 5;

/// Cuts from all pools what lies outside of their subnets and what an earlier pool of the subnet
/// has. The server skips the ends of the subnet, routers and itself; a pool of nothing else is left
/// out.
pub(super) fn cut(site: &mut Site, report: &mut Report) {
    let own = site.own_addresses();
    let everywhere = site.everywhere.options.clone();
    for subnet in &mut site.subnets {
        let found = std::mem::take(&mut subnet.pools);
        let scopes = found.iter().map(|pool| &pool.options);
        let scopes = scopes.chain([&subnet.scope.options, &everywhere]);
        let routers: Vec<Ipv4Addr> = scopes.flat_map(routers).collect();
        let mut pools: Vec<Pool> = Vec::new();
        for pool in found {
            let taken = pools.iter().map(|earlier| Taken {
                what: format!("the pool from {}", earlier.first),
                first: earlier.first.into(),
                last: earlier.last.into(),
            });
            let taken = taken.collect();
            let parts = without(&pool, subnet.prefix, taken, report);
            let is_skipped = |address: Ipv4Addr| {
                let prefix = subnet.prefix;
                let is_end = address == prefix.network() || address == prefix.broadcast();
                let excludes = subnet.scope.excludes_first_last_24 == Some(true);
                let is_spared = excludes && matches!(address.octets(), [.., 0 | 255]);
                (prefix.prefix_len() <= 30 && is_end)
                    || is_spared
                    || routers.contains(&address)
                    || own.contains(&address)
            };
            let gives = |part: &Pool| {
                let mut addresses = range(part.first, part.last).map(Ipv4Addr::from);
                addresses.any(|address| !is_skipped(address))
            };
            let before = pools.len();
            pools.extend(parts.into_iter().filter(gives));
            if pools.len() == before {
                report.correct(pool.entry, LineOutcome::NotCarried, "no address of it remains");
            }
        }
        subnet.pools = pools;
    }
}

fn routers(options: &Options) -> Vec<Ipv4Addr> {
    let octets = options.get(&code::ROUTERS).and_then(|value| value.octets());
    match octets.and_then(|octets| OptionKind::Addresses.decode(octets)) {
        Some(OptionValue::Addresses(routers)) => routers,
        _ => Vec::new(),
    }
}

/// Addresses that a pool must not have.
struct Taken {
    what: String,
    first: u32,
    last: u32,
}

/// The parts of a pool that remain.
fn without(pool: &Pool, prefix: Ipv4Net, taken: Vec<Taken>, report: &mut Report) -> Vec<Pool> {
    let all = range(prefix.network(), prefix.broadcast());
    let wanted = range(pool.first, pool.last);
    let (first, last) = (*wanted.start().max(all.start()), *wanted.end().min(all.end()));
    if (first, last) != (*wanted.start(), *wanted.end()) {
        let note = format!("addresses outside of {prefix} are left out");
        report.correct(pool.entry, LineOutcome::Changed, note);
    }
    let mut taken: Vec<Taken> =
        taken.into_iter().filter(|taken| taken.first <= last && taken.last >= first).collect();
    taken.sort_by_key(|taken| taken.first);
    say(&taken, pool.entry, report);
    let mut parts = Vec::new();
    let mut next = Some(first);
    for taken in &taken {
        let Some(from) = next else { break };
        if let Some(before) = taken.first.checked_sub(1).filter(|before| *before >= from) {
            parts.push((from, before.min(last)));
        }
        next = taken.last.checked_add(1).map(|after| after.max(from));
    }
    if let Some(from) = next.filter(|from| *from <= last) {
        parts.push((from, last));
    }
    let part =
        |(first, last): (u32, u32)| Pool { first: first.into(), last: last.into(), ..pool.clone() };
    parts.into_iter().map(part).collect()
}

fn say(taken: &[Taken], entry: EntryId, report: &mut Report) {
    for taken in taken.iter().take(NOTES_MAX) {
        report.correct(entry, LineOutcome::Changed, format!("without {}", taken.what));
    }
    if taken.len() > NOTES_MAX {
        let others = taken.len() - NOTES_MAX;
        report.correct(entry, LineOutcome::Changed, format!("and without {others} others"));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::{Access, Boot};
    use crate::place::Place;

    fn pool(first: &str, last: &str, report: &mut Report) -> Pool {
        let file: Arc<str> = "f".into();
        let place = Place::new(&file, 1);
        let entry = report.carried(&place, "range");
        let (first, last) = (first.parse().unwrap(), last.parse().unwrap());
        Pool {
            place,
            entry,
            first,
            last,
            name: None,
            access: Access::default(),
            by_policy_only: false,
            preference: 1,
            boot: Boot::default(),
            options: Options::new(),
        }
    }

    fn remaining(taken: &[(&str, &str)]) -> Vec<String> {
        let mut report = Report::default();
        let pool = pool("10.0.0.0", "10.0.0.255", &mut report);
        let number = |text: &str| u32::from(text.parse::<Ipv4Addr>().unwrap());
        let taken = taken.iter().map(|(first, last)| Taken {
            what: String::new(),
            first: number(first),
            last: number(last),
        });
        let parts = without(&pool, "10.0.0.0/24".parse().unwrap(), taken.collect(), &mut report);
        parts.iter().map(|part| format!("{}-{}", part.first, part.last)).collect()
    }

    #[test]
    fn what_remains_of_a_pool_has_none_of_the_taken_addresses() {
        assert_eq!(remaining(&[]), ["10.0.0.0-10.0.0.255"]);
        assert_eq!(
            remaining(&[("10.0.0.255", "10.0.0.255"), ("10.0.0.0", "10.0.0.0")]),
            ["10.0.0.1-10.0.0.254"]
        );
        assert_eq!(
            remaining(&[("10.0.0.10", "10.0.0.20"), ("10.0.0.15", "10.0.0.15")]),
            ["10.0.0.0-10.0.0.9", "10.0.0.21-10.0.0.255"]
        );
        assert_eq!(remaining(&[("0.0.0.0", "255.255.255.255")]), Vec::<String>::new());
    }
}
