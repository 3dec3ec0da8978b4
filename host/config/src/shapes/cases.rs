//! The keys of the cases that policies are tried on.

use super::Shape;

pub(crate) static CASE: Shape = Shape {
    name: "the case",
    keys: &["request", "expect", "settings", "option", "vendor", "class"],
    synonyms: &[("expected", "expect"), ("expectation", "expect")],
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
    ],
};

pub(crate) static CASE_LEASE: Shape = Shape {
    name: "the lease",
    keys: &["address", "ends-in-secs", "pool", "circuit-id", "remote-id", "relay-sub-options"],
    synonyms: &[("ip", "address"), ("expires-in-secs", "ends-in-secs"), ("pool-name", "pool")],
};

pub(crate) static CASE_POOL: Shape = Shape {
    name: "the pool",
    keys: &["total", "leased", "free"],
    synonyms: &[("size", "total"), ("used", "leased")],
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
};

pub(crate) static CASE_EARLIER: Shape = Shape {
    name: "what earlier policies have set",
    keys: &[
        "pool",
        "address",
        "lease-time-secs",
        "renewal-time",
        "rebinding-time",
        "next-server",
        "server-name",
        "boot-file",
        "subscriber",
        "options",
        "no-options",
    ],
    synonyms: &[("lease-time", "lease-time-secs"), ("ip", "address"), ("limit", "subscriber")],
};

pub(crate) static CASE_EXPECT: Shape = Shape {
    name: "[expect]",
    keys: &[
        "verdict",
        "reason",
        "fault",
        "classes",
        "pool",
        "address",
        "lease-time-secs",
        "renewal-time",
        "rebinding-time",
        "next-server",
        "server-name",
        "boot-file",
        "subscriber",
        "options",
        "no-options",
        "final",
        "reply",
        "lookups",
        "log",
    ],
    synonyms: &[("lease-time", "lease-time-secs"), ("ip", "address"), ("limit", "subscriber")],
};

pub(crate) static CASE_EXPECTED_REPLY: Shape =
    Shape { name: "[expect.reply]", keys: &["options", "no-options"], synonyms: &[] };

pub(crate) static CASE_SUBSCRIBER: Shape = Shape {
    name: "the subscriber",
    keys: &["name", "leases-max", "beyond"],
    synonyms: &[("limit", "leases-max"), ("max", "leases-max")],
};

pub(crate) static CASE_PLANNED: Shape =
    Shape { name: "the lookup", keys: &["source", "key"], synonyms: &[] };
