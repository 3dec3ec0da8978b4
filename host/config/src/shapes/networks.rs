//! The keys of networks, subnets and their pools.

use super::{
    Shape,
    groups::{ALLOCATION, BOOTP, CLIENTS, LEVEL, LINE_AND_LINK, SELECTION, VPN_NAME},
};

pub(crate) static NETWORK: Shape = Shape {
    name: "[[network]]",
    keys: &["name", "options"],
    synonyms: &[("shared-network", "name")],
    groups: &[&VPN_NAME, &SELECTION, &BOOTP, &ALLOCATION, &LEVEL],
};

pub(crate) static VPN: Shape = Shape {
    name: "[[vpn]]",
    keys: &["name", "id"],
    synonyms: &[("vpn", "name"), ("vrf", "name"), ("vpn-id", "id")],
    groups: &[],
};

pub(crate) static SUBNET: Shape = Shape {
    name: "[[subnet]]",
    keys: &[
        "prefix",
        "shared-network",
        "offer-hold",
        "quarantine",
        "quarantine-max",
        "offers-max",
        "options",
        "pool",
        "reservation",
    ],
    synonyms: &[
        ("subnet", "prefix"),
        ("network", "prefix"),
        ("range", "pool"),
        ("host", "reservation"),
    ],
    groups: &[&VPN_NAME, &SELECTION, &CLIENTS, &BOOTP, &ALLOCATION, &LEVEL],
};

pub(crate) static QUARANTINE_MAX: Shape = Shape {
    name: "quarantine-max",
    keys: &["client", "subscriber"],
    synonyms: &[],
    groups: &[&LINE_AND_LINK],
};

pub(crate) static OFFERS_MAX: Shape =
    Shape { name: "offers-max", keys: &[], synonyms: &[], groups: &[&LINE_AND_LINK] };

pub(crate) static POOL: Shape = Shape {
    name: "[[subnet.pool]]",
    keys: &["name", "range", "exclude", "preference", "by-policy-only", "options"],
    synonyms: &[
        ("prefix", "range"),
        ("pool", "range"),
        ("excluded", "exclude"),
        ("exclusions", "exclude"),
        ("priority", "preference"),
    ],
    groups: &[&ALLOCATION, &LEVEL],
};

/// A step of `shorten`.
pub(crate) static SHORTEN: Shape = Shape {
    name: "a step of shorten",
    keys: &["above", "lease-time"],
    synonyms: &[("threshold", "above"), ("max-lease-time", "lease-time")],
    groups: &[],
};
