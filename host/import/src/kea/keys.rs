//! The keys of Kea's configuration, and what becomes of each. A key that the server learns to
//! express is changed here.
//!
//! Keys with parts of their own, such as `subnet4`, are read by [`super::config`].

use lessor_core::{AllocationOrder, ClientKeyKind, Fraction, LeasePart};

use crate::{
    boot,
    model::{Scope, Unknown},
};

use super::json::Node;

/// How the value is changed, or why it is not carried.
type Done = Result<Option<&'static str>, String>;

/// Sets what a key says.
pub(super) type SetKey = fn(&mut Scope, &Node) -> Done;

/// What becomes of a key.
#[derive(Clone, Copy)]
pub(super) enum Fate {
    /// The function sets it. It returns how the value is changed, or why it is not carried.
    Set(SetKey),
    NotNeeded(&'static str),
    NotCarried(&'static str),
}

use Fate::{NotCarried, NotNeeded, Set};

const OWN_STORE: &str = "leases are imported with --leases, and the server has its own store";
const OPERATING: &str = "it is about running Kea; docs/operators.md says how this server is run";
const DNS: &str = "the server does not update DNS";
const CONDITION: &str = "conditions are for policies: see docs/policies.md";
const SWITCH: &str = "reservations that Kea does not use are left out";
const V6: &str = "the server speaks DHCPv4 only";

/// Keys of the global scope, of shared networks and of subnets.
static KEYS: &[(&str, Fate)] = &[
    ("valid-lifetime", Set(|scope, node| secs(node, &mut scope.lease_time))),
    ("min-valid-lifetime", Set(|scope, node| secs(node, &mut scope.min_lease_time))),
    ("max-valid-lifetime", Set(|scope, node| secs(node, &mut scope.max_lease_time))),
    ("decline-probation-period", Set(|scope, node| secs(node, &mut scope.quarantine))),
    ("authoritative", Set(authoritative)),
    ("match-client-id", Set(match_client_id)),
    ("next-server", Set(next_server)),
    ("boot-file-name", Set(boot_file)),
    ("server-hostname", Set(server_name)),
    ("renew-timer", Set(|scope, node| timer(node, &mut scope.renewal_time))),
    ("rebind-timer", Set(|scope, node| timer(node, &mut scope.rebinding_time))),
    ("calculate-tee-times", Set(calculate_tee_times)),
    ("t1-percent", Set(|scope, node| part(node, &mut scope.parts.renewal))),
    ("t2-percent", Set(|scope, node| part(node, &mut scope.parts.rebinding))),
    ("id", NotNeeded("a subnet is known by its prefix")),
    ("pool-id", NotNeeded("a pool is known by its range")),
    ("echo-client-id", Set(echo_client_id)),
    ("host-reservation-identifiers", NotNeeded("reservations by other identifiers are left out")),
    ("reservations-global", NotNeeded(SWITCH)),
    ("reservations-in-subnet", NotNeeded(SWITCH)),
    ("reservations-out-of-pool", NotNeeded(SWITCH)),
    ("reservation-mode", NotNeeded(SWITCH)),
    ("reservations-lookup-first", NotNeeded("reservations are looked up first")),
    (
        "early-global-reservations-lookup",
        NotNeeded("reservations are found before pools are chosen"),
    ),
    ("ip-reservations-unique", NotNeeded("an address has one owner")),
    ("store-extended-info", NotNeeded("the line of a lease is always stored")),
    ("stash-agent-options", NotNeeded("a policy sees the stored line at a renewal")),
    ("lease-database", NotNeeded(OWN_STORE)),
    ("hosts-database", NotCarried("reservations in a database are not read; export them to CSV")),
    ("hosts-databases", NotCarried("reservations in a database are not read; export them to CSV")),
    ("config-databases", NotCarried("a configuration in a database is not read")),
    ("config-control", NotCarried("a configuration in a database is not read")),
    ("server-tag", NotNeeded(OPERATING)),
    ("config-fetch-wait-time", NotNeeded(OPERATING)),
    ("control-socket", NotNeeded(OPERATING)),
    ("control-sockets", NotNeeded(OPERATING)),
    ("loggers", NotNeeded(OPERATING)),
    ("multi-threading", NotNeeded("the server has a worker for each core")),
    ("dhcp-queue-control", NotNeeded("the server decides the most urgent messages first")),
    ("sanity-checks", NotNeeded("the server checks its store and its configuration itself")),
    ("expired-leases-processing", NotNeeded("expired leases need no processing")),
    ("parked-packet-limit", NotNeeded(OPERATING)),
    ("statistic-default-sample-count", NotNeeded("see docs/operators.md for metrics")),
    ("statistic-default-sample-age", NotNeeded("see docs/operators.md for metrics")),
    ("allocator", Set(allocator)),
    ("offer-lifetime", NotCarried("write offer-hold in [[subnet]]; offers are kept for 60 s")),
    ("cache-threshold", Set(cache_threshold)),
    ("cache-max-age", NotCarried("cache-threshold has no limit beside the part of the lease")),
    ("hooks-libraries", NotCarried("hook libraries run in Kea only; see docs/policies.md")),
    ("require-client-classes", NotCarried(CONDITION)),
    ("evaluate-additional-classes", NotCarried(CONDITION)),
    ("dhcp-ddns", Set(dhcp_ddns)),
    ("ddns-send-updates", Set(|_, node| only_if(node, false, DNS))),
    ("ddns-override-no-update", Set(|_, node| only_if(node, false, DNS))),
    ("ddns-override-client-update", Set(|_, node| only_if(node, false, DNS))),
    ("ddns-replace-client-name", NotCarried(DNS)),
    ("ddns-generated-prefix", NotCarried(DNS)),
    ("ddns-qualifying-suffix", NotCarried(DNS)),
    ("ddns-update-on-renew", NotCarried(DNS)),
    ("ddns-use-conflict-resolution", NotCarried(DNS)),
    ("ddns-conflict-resolution-mode", NotCarried(DNS)),
    ("ddns-ttl", NotCarried(DNS)),
    ("ddns-ttl-percent", NotCarried(DNS)),
    ("hostname-char-set", NotCarried(DNS)),
    ("hostname-char-replacement", NotCarried(DNS)),
    ("dhcp4o6-port", NotCarried(V6)),
    ("4o6-interface", NotCarried(V6)),
    ("4o6-interface-id", NotCarried(V6)),
    ("4o6-subnet", NotCarried(V6)),
    ("compatibility", Set(compatibility)),
    ("user-context", NotNeeded("it is a comment")),
    ("comment", NotNeeded("it is a comment")),
    ("metadata", NotNeeded("it is a comment")),
];

/// What becomes of a key; `None` if Kea does not have it.
pub(super) fn fate(key: &str) -> Option<Fate> {
    KEYS.iter().find(|row| row.0 == key).map(|row| row.1)
}

/// Whether a key has a function that sets something.
pub(super) fn sets(key: &str) -> bool {
    matches!(fate(key), Some(Fate::Set(_)))
}

fn secs(node: &Node, into: &mut Option<u32>) -> Done {
    let secs = node.number::<u32>().ok_or("it is not a number of seconds")?;
    *into = Some(secs);
    Ok(None)
}

fn timer(node: &Node, into: &mut Option<LeasePart>) -> Done {
    let mut found = None;
    secs(node, &mut found)?;
    *into = found.map(LeasePart::Secs);
    Ok(None)
}

fn calculate_tee_times(scope: &mut Scope, node: &Node) -> Done {
    let are_calculated = node.flag().ok_or("it is neither true nor false")?;
    scope.parts.are_calculated = Some(are_calculated);
    Ok(None)
}

fn part(node: &Node, into: &mut Option<Fraction>) -> Done {
    let number = node.number::<f64>().ok_or("it is not a number")?;
    *into = Some(Fraction::from_number(number).ok_or("it is not between 0 and 1")?);
    Ok(None)
}

fn authoritative(scope: &mut Scope, node: &Node) -> Done {
    let authoritative = node.flag().ok_or("it is neither true nor false")?;
    scope.authoritative = Some(authoritative);
    // An authoritative Kea refuses an unknown client that asks to keep an address, also a free one,
    // and another one does not answer.
    scope.unknown_clients = Some(if authoritative { Unknown::Refuse } else { Unknown::Ignore });
    Ok(None)
}

fn allocator(scope: &mut Scope, node: &Node) -> Done {
    let (order, how) = match node.text() {
        Some("iterative") => (AllocationOrder::Sequential, None),
        Some("random") => (AllocationOrder::Random, None),
        Some("flq") => (AllocationOrder::Sequential, Some(QUEUE)),
        _ => return Err("it is neither iterative, random nor flq".to_owned()),
    };
    scope.order = Some(order);
    Ok(how)
}

const QUEUE: &str = "addresses that were never used come first, then those that are free longest";

fn cache_threshold(scope: &mut Scope, node: &Node) -> Done {
    match node.number::<f64>() {
        Some(0.0) => Ok(None),
        _ => part(node, &mut scope.cache_threshold),
    }
}

fn compatibility(scope: &mut Scope, node: &Node) -> Done {
    const OTHERS: &str = "the server has its own tolerance: see docs/operators.md";
    let excludes = node.get("exclude-first-last-24").and_then(Node::flag);
    scope.excludes_first_last_24 = excludes;
    let has_others = node.object().is_none_or(|members| members.len() > 1);
    match (excludes, has_others) {
        (Some(_), false) => Ok(None),
        (Some(_), true) => Ok(Some(OTHERS)),
        (None, _) => Err(OTHERS.to_owned()),
    }
}

fn match_client_id(scope: &mut Scope, node: &Node) -> Done {
    let kind = match node.flag().ok_or("it is neither true nor false")? {
        true => ClientKeyKind::ClientIdentifier,
        false => ClientKeyKind::HardwareAddress,
    };
    scope.client_key = Some(kind);
    Ok(None)
}

fn next_server(scope: &mut Scope, node: &Node) -> Done {
    let address = node.text().and_then(|text| text.parse().ok());
    scope.next_server = Some(address.ok_or("it is not an IPv4 address")?);
    Ok(None)
}

pub(super) fn boot_file(scope: &mut Scope, node: &Node) -> Done {
    let text = node.text().ok_or("it is not a text")?;
    match text {
        "" => Ok(None),
        text => boot::set_boot_file(&mut scope.boot, &mut scope.options, text.as_bytes()),
    }
}

pub(super) fn server_name(scope: &mut Scope, node: &Node) -> Done {
    let text = node.text().ok_or("it is not a text")?;
    match text {
        "" => Ok(None),
        text => boot::set_server_name(&mut scope.boot, &mut scope.options, text.as_bytes()),
    }
}

fn echo_client_id(_: &mut Scope, node: &Node) -> Done {
    only_if(node, true, "the server always returns the client identifier (RFC 6842)")
}

fn dhcp_ddns(_: &mut Scope, node: &Node) -> Done {
    match node.get("enable-updates") {
        Some(enabled) => only_if(enabled, false, DNS),
        None => Ok(None),
    }
}

fn only_if(node: &Node, value: bool, otherwise: &str) -> Done {
    match node.flag() {
        Some(flag) if flag == value => Ok(None),
        _ => Err(otherwise.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_stands_once() {
        for (position, row) in KEYS.iter().enumerate() {
            assert!(KEYS.iter().skip(position + 1).all(|other| other.0 != row.0), "{}", row.0);
        }
    }
}
