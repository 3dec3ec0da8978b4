//! Pools: ranges of addresses within a subnet.
//!
//! A range may contain addresses that no client can have: the ends of the subnet, routers, the
//! server. The pool skips them. Invariant: a pool has an address that it does not skip, unless a
//! mistake was reported.

use std::{net::Ipv4Addr, num::NonZeroU8, ops::Range, sync::Arc};

use ipnet::Ipv4Net;
use lessor_core::{OptionValue, Pool, PoolRules, Skipped, SkippedRange, WhySkipped, option::code};

use crate::{
    collector::Collector,
    file_position::FilePosition,
    mistake::Draft,
    own_addresses::OwnAddresses,
    reader::{Placed, Table, Value},
    scope::{Level, OfPools},
    shapes::POOL,
    spaces::Space,
};

/// A pool with its places in the file.
pub(crate) struct PlacedPool {
    pub(crate) pool: Pool,
    /// The place of its name, or of its range if it has no name.
    pub(crate) name: Range<usize>,
    pub(crate) range: Range<usize>,
    /// Its server identifier with its place.
    pub(crate) identifier: Option<(Ipv4Addr, FilePosition)>,
}

/// What the tables around a pool say that the pool depends on.
pub(crate) struct Outer<'o> {
    /// The prefix of the subnet, if it has a valid one.
    pub(crate) prefix: Option<&'o Placed<Ipv4Net>>,
    /// The routers of the subnet.
    pub(crate) routers: Option<Placed<Arc<OptionValue>>>,
    /// What the subnet and the levels around it say about its pools.
    pub(crate) rules: OfPools,
}

/// Reads the pools of a subnet. Pools with an invalid range are left out.
pub(crate) fn read_all(value: &Value, outer: &Outer) -> Vec<PlacedPool> {
    let tables = value.tables(&POOL);
    let levels: Vec<Level> = tables.iter().map(Level::of).collect();
    let of_pools = levels.iter().filter_map(|level| level.options.get(code::ROUTERS));
    let routers: Vec<Ipv4Addr> = of_pools.chain(&outer.routers).flat_map(addresses).collect();
    let read = |(table, level)| read(table, level, outer, &routers);
    let pools = tables.iter().zip(levels).filter_map(read).collect::<Vec<_>>();
    report_overlaps(&pools, value.collector());
    pools
}

/// Makes the pools of a subnet in an address space skip the server's own addresses, and reports
/// those in which no address remains.
pub(crate) fn skip_own(
    pools: &mut [PlacedPool],
    (own, space): (&OwnAddresses, Space),
    collector: &Collector,
) {
    for PlacedPool { pool, range, .. } in pools {
        let mut named = own.within(space, pool.first, pool.last).peekable();
        if named.peek().is_some() {
            let why = WhySkipped::ServersOwn;
            let named = named.map(|address| SkippedRange { first: address, last: address, why });
            pool.rules.skipped = pool.rules.skipped.with(named);
        }
        if pool.size() == 0 {
            report_empty(range, pool, own.on_host(space), collector);
        }
    }
}

fn addresses(value: &Placed<Arc<OptionValue>>) -> Vec<Ipv4Addr> {
    match &*value.value {
        OptionValue::Addresses(addresses) => addresses.clone(),
        _ => Vec::new(),
    }
}

/// Reads a pool of a subnet whose clients have these routers.
fn read(table: &Table, level: Level, outer: &Outer, routers: &[Ipv4Addr]) -> Option<PlacedPool> {
    let name_value = table.get("name");
    let name = name_value.as_ref().and_then(|value| value.name());
    let by_policy_only = table.get("by-policy-only").and_then(|value| value.flag());
    let preference = table.get("preference").and_then(|value| value.number(1, u8::MAX));
    let range_value = table.require("range", "\"100.64.1.0-100.64.200.255\"")?;
    let bounds = range(&range_value)?;
    let excluded = table.get("exclude").map(|value| excluded(&value, bounds)).unwrap_or_default();
    let (first, last) = bounds;
    let (settings, identifier) = (level.settings(), level.identifier());
    let of_pools = level.pools.or(&outer.rules);
    let name = name.map_or_else(|| format!("{first}-{last}"), str::to_owned);
    let mut pool = Pool {
        name: name.into(),
        first,
        last,
        by_policy_only: by_policy_only.unwrap_or(false),
        rules: PoolRules {
            order: of_pools.order.unwrap_or_default(),
            preference: preference.and_then(NonZeroU8::new).unwrap_or(NonZeroU8::MIN),
            skipped: Skipped::default(),
            shortening: of_pools.shortening.unwrap_or_default(),
        },
        settings,
        options: level.options.into_set(),
    };
    if let Some(prefix) = outer.prefix {
        check_range(&range_value, bounds, prefix)?;
        let ends_are_skipped = of_pools.excludes_first_last_24.unwrap_or(false);
        let first_last_24 = ends_are_skipped && prefix.value.prefix_len() <= 24;
        let ranges = skipped(bounds, prefix.value, routers, excluded);
        pool.rules.skipped = Skipped::new(ranges, first_last_24);
    }
    Some(PlacedPool {
        pool,
        name: name_value.as_ref().unwrap_or(&range_value).span().clone(),
        range: range_value.span().clone(),
        identifier,
    })
}

/// Reads addresses, ranges and prefixes of a pool with this range that it does not give.
fn excluded(value: &Value, (first, last): (Ipv4Addr, Ipv4Addr)) -> Vec<(Ipv4Addr, Ipv4Addr)> {
    let read = |item: &Value| {
        let single = item.as_text().and_then(|text| text.parse::<Ipv4Addr>().ok());
        let (from, to) = single.map(|address| (address, address)).or_else(|| range(item))?;
        if to < first || from > last {
            let draft = Draft::found(format!("{from}-{to} is not in the pool"))
                .wanted(format!("wanted addresses from {first} to {last}"))
                .help("remove it, or correct the range of the pool");
            item.report(draft);
            return None;
        }
        Some((from.max(first), to.min(last)))
    };
    value.items().iter().filter_map(read).collect()
}

/// Reads the first and last address: `first-last`, or all of a prefix.
fn range(value: &Value) -> Option<(Ipv4Addr, Ipv4Addr)> {
    const WANTED: &str = "a range of addresses, such as \"100.64.1.0-100.64.200.255\"";
    let text = value.text(WANTED)?;
    let Some((first, last)) = text.split_once('-') else {
        if text.contains('/') {
            let prefix = value.prefix()?;
            return Some((prefix.network(), prefix.broadcast()));
        }
        match text.parse::<Ipv4Addr>() {
            Ok(only) => value.refuse_with_help(WANTED, format!("write \"{only}-{only}\"")),
            Err(_) => value.refuse(WANTED),
        }
        return None;
    };
    let (Ok(first), Ok(last)) = (first.trim().parse::<Ipv4Addr>(), last.trim().parse::<Ipv4Addr>())
    else {
        value.refuse(WANTED);
        return None;
    };
    if first > last {
        let help = format!("did you mean \"{last}-{first}\"?");
        value.refuse_with_help("the lower address first", help);
        return None;
    }
    Some((first, last))
}

/// Refuses a range that extends beyond its subnet.
fn check_range(
    value: &Value,
    (first, last): (Ipv4Addr, Ipv4Addr),
    prefix: &Placed<Ipv4Net>,
) -> Option<()> {
    let subnet = prefix.value;
    if subnet.contains(&first) && subnet.contains(&last) {
        return Some(());
    }
    let is_outside = last < subnet.network() || first > subnet.broadcast();
    let verb = if is_outside { "is outside" } else { "extends outside" };
    let draft = Draft::found(format!("pool {first}-{last} {verb} of its subnet {subnet}"))
        .wanted(format!("wanted addresses from {} to {}", subnet.network(), subnet.broadcast()))
        .related(&prefix.span, "the subnet");
    value.report(draft);
    None
}

/// The addresses of a range that no client gets from it, and why, without those of the server.
fn skipped(
    (first, last): (Ipv4Addr, Ipv4Addr),
    subnet: Ipv4Net,
    routers: &[Ipv4Addr],
    excluded: Vec<(Ipv4Addr, Ipv4Addr)>,
) -> Vec<SkippedRange> {
    // A /31 has two hosts (RFC 3021) and a /32 has one, so all of their addresses are usable.
    let ends = match subnet.prefix_len() <= 30 {
        true => vec![
            (WhySkipped::NetworkAddress, subnet.network()),
            (WhySkipped::BroadcastAddress, subnet.broadcast()),
        ],
        false => Vec::new(),
    };
    let routers = routers.iter().map(|router| (WhySkipped::Router, *router));
    let single = ends.into_iter().chain(routers);
    let single = single.filter(|(_, address)| (first..=last).contains(address));
    let single = single.map(|(why, address)| SkippedRange { first: address, last: address, why });
    let why = WhySkipped::Excluded;
    let excluded = excluded.into_iter().map(|(first, last)| SkippedRange { first, last, why });
    single.chain(excluded).collect()
}

/// The number of skipped ranges that a mistake names.
const NAMED_MAX: usize = 4;

/// Reports a pool in which no address remains.
fn report_empty(range: &Range<usize>, pool: &Pool, on_host: &[Ipv4Addr], collector: &Collector) {
    let ranges = pool.rules.skipped.ranges().iter();
    let mut names: Vec<String> = ranges
        .map(|SkippedRange { first, last, why }| match first == last {
            true => format!("{first} {}", why.meaning()),
            false => format!("{first}-{last} {}", why.meaning()),
        })
        .collect();
    let others = names.len().saturating_sub(NAMED_MAX);
    names.truncate(NAMED_MAX);
    if others > 0 {
        names.push(format!("and so on for {others} more"));
    }
    if pool.rules.skipped.skips_first_last_24() {
        names.push("`exclude-first-last-24` is set".to_owned());
    }
    let on_host = on_host.iter().filter(|address| pool.contains(**address));
    names.extend(on_host.map(|address| format!("{address} is an address of this host")));
    let draft = Draft::found("no client can get an address of this pool")
        .wanted("wanted a range with an address that a client may have")
        .help(names.join(", "));
    collector.report(range, draft);
}

fn report_overlaps(pools: &[PlacedPool], collector: &Collector) {
    let mut sorted: Vec<&PlacedPool> = pools.iter().collect();
    sorted.sort_by_key(|placed| (placed.pool.first, placed.range.start));
    let mut reaching_furthest: Option<&PlacedPool> = None;
    for placed in sorted {
        if let Some(other) = reaching_furthest.filter(|other| other.pool.last >= placed.pool.first)
        {
            let (earlier, later) = match other.range.start < placed.range.start {
                true => (other, placed),
                false => (placed, other),
            };
            let from = placed.pool.first;
            let to = placed.pool.last.min(other.pool.last);
            let draft = Draft::found(format!("pools overlap from {from} to {to}"))
                .wanted("this pool")
                .related(&earlier.range, "and this one")
                .help("put every address into one pool only");
            collector.report(&later.range, draft);
        }
        if reaching_furthest.is_none_or(|other| other.pool.last < placed.pool.last) {
            reaching_furthest = Some(placed);
        }
    }
}
