//! The keys of networks, subnets and their pools.

use super::Shape;

pub(crate) static NETWORK: Shape = Shape {
    name: "[[network]]",
    keys: with_level_keys![
        "name",
        "vpn",
        "relay-addresses",
        "interfaces",
        "bootp",
        "bootp-lease-time",
        "options",
        "allocation",
        "exclude-first-last-24",
        "shorten",
    ],
    synonyms: with_level_synonyms![
        ("shared-network", "name"),
        ("giaddr", "relay-addresses"),
        ("relay-address", "relay-addresses"),
        ("interface", "interfaces"),
        ("vrf", "vpn"),
        ("allocator", "allocation"),
    ],
};

pub(crate) static VPN: Shape = Shape {
    name: "[[vpn]]",
    keys: &["name", "id"],
    synonyms: &[("vpn", "name"), ("vrf", "name"), ("vpn-id", "id")],
};

pub(crate) static SUBNET: Shape = Shape {
    name: "[[subnet]]",
    keys: with_level_keys![
        "prefix",
        "shared-network",
        "vpn",
        "relay-addresses",
        "interfaces",
        "relays",
        "authoritative",
        "client-key",
        "unknown-clients",
        "after-data-loss",
        "bootp",
        "bootp-lease-time",
        "offer-hold",
        "quarantine",
        "quarantine-max",
        "offers-max",
        "allocation",
        "exclude-first-last-24",
        "shorten",
        "options",
        "pool",
        "reservation",
    ],
    synonyms: with_level_synonyms![
        ("subnet", "prefix"),
        ("network", "prefix"),
        ("relay", "relays"),
        ("giaddr", "relay-addresses"),
        ("relay-address", "relay-addresses"),
        ("interface", "interfaces"),
        ("vrf", "vpn"),
        ("range", "pool"),
        ("host", "reservation"),
        ("allocator", "allocation"),
    ],
};

pub(crate) static QUARANTINE_MAX: Shape = Shape {
    name: "quarantine-max",
    keys: &["client", "line", "link", "subscriber"],
    synonyms: &[("circuit", "line"), ("relay", "link"), ("interface", "link")],
};

pub(crate) static OFFERS_MAX: Shape = Shape {
    name: "offers-max",
    keys: &["line", "link"],
    synonyms: &[("circuit", "line"), ("relay", "link"), ("interface", "link")],
};

pub(crate) static POOL: Shape = Shape {
    name: "[[subnet.pool]]",
    keys: with_level_keys![
        "name",
        "range",
        "exclude",
        "exclude-first-last-24",
        "allocation",
        "preference",
        "shorten",
        "by-policy-only",
        "options",
    ],
    synonyms: with_level_synonyms![
        ("prefix", "range"),
        ("pool", "range"),
        ("excluded", "exclude"),
        ("exclusions", "exclude"),
        ("allocator", "allocation"),
        ("priority", "preference"),
    ],
};

/// A step of `shorten`.
pub(crate) static SHORTEN: Shape = Shape {
    name: "a step of shorten",
    keys: &["above", "lease-time"],
    synonyms: &[("threshold", "above"), ("max-lease-time", "lease-time")],
};
