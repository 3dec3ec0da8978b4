//! The keys of the cases that policies are tried on.

use super::{
    Shape,
    groups::{LEASES_MAX, TERMS, VPN_NAME},
};

pub(crate) static CASE: Shape = Shape {
    name: "the case",
    keys: &["request", "expect", "settings", "option", "vendor", "class"],
    synonyms: &[("expected", "expect"), ("expectation", "expect")],
    groups: &[],
};

pub(crate) static CASE_REQUEST: Shape = Shape {
    name: "the request",
    keys: &[
        "kind",
        "hardware-address",
        "client-identifier",
        "circuit-id",
        "remote-id",
        "relay-sub-options",
        "relay-address",
        "vendor-class",
        "host-name",
        "requested-address",
        "client-address",
        "server-identifier",
        "lease-time-secs",
        "parameter-request-list",
        "options",
        "transaction-id",
        "elapsed-secs",
        "unicast",
        "interface",
        "classes",
        "network",
        "pools",
        "subnet",
        "time",
        "lease",
        "earlier",
        "lookups",
        "stale-lookups",
        "tables",
        "reply",
        "event",
    ],
    synonyms: &[
        ("type", "kind"),
        ("message", "kind"),
        ("mac", "hardware-address"),
        ("chaddr", "hardware-address"),
        ("client-id", "client-identifier"),
        ("giaddr", "relay-address"),
        ("ciaddr", "client-address"),
        ("hostname", "host-name"),
        ("vendor-class-identifier", "vendor-class"),
        ("lease-time", "lease-time-secs"),
        ("xid", "transaction-id"),
        ("secs", "elapsed-secs"),
        ("now", "time"),
        ("vpn-name", "vpn"),
    ],
    groups: &[&VPN_NAME],
};

pub(crate) static CASE_LEASE: Shape = Shape {
    name: "the lease",
    keys: &["address", "ends-in-secs", "pool", "circuit-id", "remote-id", "relay-sub-options"],
    synonyms: &[("ip", "address"), ("expires-in-secs", "ends-in-secs"), ("pool-name", "pool")],
    groups: &[],
};

pub(crate) static CASE_POOL: Shape = Shape {
    name: "the pool",
    keys: &["total", "leased", "free"],
    synonyms: &[("size", "total"), ("used", "leased")],
    groups: &[],
};

pub(crate) static CASE_REPLY: Shape = Shape {
    name: "the reply",
    keys: &["kind", "your-address", "next-server", "server-name", "boot-file", "options"],
    synonyms: &[
        ("yiaddr", "your-address"),
        ("address", "your-address"),
        ("type", "kind"),
        ("siaddr", "next-server"),
        ("sname", "server-name"),
        ("file", "boot-file"),
        ("filename", "boot-file"),
    ],
    groups: &[],
};

pub(crate) static CASE_EARLIER: Shape =
    Shape { name: "what earlier policies have set", keys: &[], synonyms: &[], groups: &[&TERMS] };

pub(crate) static CASE_EXPECT: Shape = Shape {
    name: "[expect]",
    keys: &["verdict", "reason", "fault", "classes", "final", "reply", "lookups", "log"],
    synonyms: &[],
    groups: &[&TERMS],
};

pub(crate) static CASE_EXPECTED_REPLY: Shape =
    Shape { name: "[expect.reply]", keys: &["options", "no-options"], synonyms: &[], groups: &[] };

pub(crate) static CASE_SUBSCRIBER: Shape =
    Shape { name: "the subscriber", keys: &["name"], synonyms: &[], groups: &[&LEASES_MAX] };

pub(crate) static CASE_PLANNED: Shape =
    Shape { name: "the lookup", keys: &["source", "key"], synonyms: &[], groups: &[] };
