//! Pools: ranges of addresses within a subnet, all of which clients may have.

use std::{net::Ipv4Addr, ops::Range, sync::Arc};

use ipnet::Ipv4Net;
use lessor_core::{OptionValue, Pool, option::code};

use crate::{
    collector::Collector,
    mistake::Draft,
    own_addresses::OwnAddresses,
    reader::{Placed, Table, Value},
    scope::Level,
    shapes::POOL,
    suggest::listed,
};

/// A pool with its places in the file.
pub(crate) struct PlacedPool {
    pub(crate) pool: Pool,
    /// The place of its name, or of its range if it has no name.
    pub(crate) name: Range<usize>,
    pub(crate) range: Range<usize>,
}

/// Reads the pools of a subnet. Pools with an invalid range are left out.
pub(crate) fn read_all(
    value: &Value,
    prefix: Option<&Placed<Ipv4Net>>,
    routers: Option<&Placed<Arc<OptionValue>>>,
    own: &OwnAddresses,
) -> Vec<PlacedPool> {
    let tables = value.tables(&POOL);
    let read = |table| read(table, prefix, routers, own);
    let pools = tables.iter().filter_map(read).collect::<Vec<_>>();
    report_overlaps(&pools, value.collector());
    pools
}

fn read(
    table: &Table,
    prefix: Option<&Placed<Ipv4Net>>,
    routers: Option<&Placed<Arc<OptionValue>>>,
    own: &OwnAddresses,
) -> Option<PlacedPool> {
    let name_value = table.get("name");
    let name = name_value.as_ref().and_then(|value| value.name());
    let by_policy_only = table.get("by-policy-only").and_then(|value| value.flag());
    let level = Level::of(table);
    let range_value = table.require("range", "\"100.64.1.0-100.64.200.255\"")?;
    let (first, last) = range(&range_value)?;
    if let Some(prefix) = prefix {
        let routers = level.options.get(code::ROUTERS).or(routers);
        check_range(&range_value, (first, last), prefix, routers, own)?;
    }
    let name = name.map_or_else(|| format!("{first}-{last}"), str::to_owned);
    Some(PlacedPool {
        pool: Pool {
            name: name.into(),
            first,
            last,
            by_policy_only: by_policy_only.unwrap_or(false),
            settings: level.settings(),
            options: level.options.into_set(),
        },
        name: name_value.as_ref().unwrap_or(&range_value).span().clone(),
        range: range_value.span().clone(),
    })
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

/// Refuses a range that extends beyond its subnet or contains addresses that no client may have.
fn check_range(
    value: &Value,
    (first, last): (Ipv4Addr, Ipv4Addr),
    prefix: &Placed<Ipv4Net>,
    routers: Option<&Placed<Arc<OptionValue>>>,
    own: &OwnAddresses,
) -> Option<()> {
    let subnet = prefix.value;
    if !subnet.contains(&first) || !subnet.contains(&last) {
        let is_outside = last < subnet.network() || first > subnet.broadcast();
        let verb = if is_outside { "is outside" } else { "extends outside" };
        let draft = Draft::found(format!("pool {first}-{last} {verb} of its subnet {subnet}"))
            .wanted(format!("wanted addresses from {} to {}", subnet.network(), subnet.broadcast()))
            .related(&prefix.span, "the subnet");
        value.report(draft);
        return None;
    }
    let contains = |address: &Ipv4Addr| (first..=last).contains(address);
    // A /31 has two hosts (RFC 3021) and a /32 has one, so all of their addresses are usable.
    let ends = match subnet.prefix_len() <= 30 {
        true => {
            vec![("network address", subnet.network()), ("broadcast address", subnet.broadcast())]
        }
        false => Vec::new(),
    };
    let mut taken: Vec<(&str, Ipv4Addr)> =
        ends.into_iter().filter(|(_, address)| contains(address)).collect();
    if let Some(OptionValue::Addresses(addresses)) = routers.map(|routers| &*routers.value) {
        let routers = addresses.iter().filter(|router| contains(router));
        taken.extend(routers.map(|router| ("router", *router)));
    }
    // The server may also be the router.
    for address in own.in_file.iter().filter(|own| contains(own)) {
        if !taken.iter().any(|(_, found)| found == address) {
            taken.push(("server's own address", *address));
        }
    }
    if taken.is_empty() {
        return Some(());
    }
    let names: Vec<String> =
        taken.iter().map(|(role, address)| format!("the {role} {address}")).collect();
    let on_host = own.on_host.iter().copied().filter(contains);
    let without = taken.iter().map(|(_, address)| *address).chain(on_host).collect();
    let mut draft = Draft::found(format!("the pool contains {}", listed(&names)))
        .wanted("wanted addresses that a client may have")
        .help(advice((first, last), without));
    if let (Some(routers), true) = (routers, taken.iter().any(|(role, _)| *role == "router")) {
        draft = draft.related(&routers.span, "configured as router");
    }
    value.report(draft);
    None
}

/// Advises how to write a range without some of its addresses.
fn advice((first, last): (Ipv4Addr, Ipv4Addr), mut without: Vec<Ipv4Addr>) -> String {
    without.sort_unstable();
    without.dedup();
    let mut ranges: Vec<String> = Vec::new();
    let mut add = |first: u32, last: u32| {
        if first <= last {
            ranges.push(format!("\"{}-{}\"", Ipv4Addr::from(first), Ipv4Addr::from(last)));
        }
    };
    let mut next = u32::from(first);
    for address in without.into_iter().map(u32::from) {
        add(next, address.saturating_sub(1));
        next = address.saturating_add(1);
    }
    add(next, last.into());
    match ranges.as_slice() {
        [] => "remove the pool".to_owned(),
        [range] => format!("write range = {range}"),
        ranges => format!("write a pool for each of {}", ranges.join(", ")),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_names_the_ranges_that_remain() {
        let address = |text: &str| text.parse::<Ipv4Addr>().unwrap();
        let range = (address("10.0.0.0"), address("10.0.0.255"));
        let without = |addresses: &[&str]| {
            advice(range, addresses.iter().map(|text| address(text)).collect())
        };
        assert_eq!(
            without(&["10.0.0.0", "10.0.0.255", "10.0.0.1"]),
            "write range = \"10.0.0.2-10.0.0.254\""
        );
        assert_eq!(
            without(&["10.0.0.9"]),
            "write a pool for each of \"10.0.0.0-10.0.0.8\", \"10.0.0.10-10.0.0.255\""
        );
        let only = address("10.0.0.1");
        assert_eq!(advice((only, only), vec![only]), "remove the pool");
    }
}
