//! Keys that several tables have, with their synonyms. A group is about one subject.

use super::Group;

/// What every level of the configuration can set, from `[server]` to a reservation.
pub(crate) static LEVEL: Group = Group {
    keys: &[
        "next-server",
        "server-name",
        "boot-file",
        "boot-final-zero",
        "lease-time",
        "min-lease-time",
        "max-lease-time",
        "renewal-time",
        "rebinding-time",
        "cache-threshold",
        "always-send",
        "never-send",
        "always-send-basics",
        "always-broadcast",
        "own-address-for",
        "probe",
        "probe-timeout-ms",
        "server-identifier",
        "rapid-commit",
        "host-names",
        "host-name-prefix",
    ],
    synonyms: &[
        ("next-server-address", "next-server"),
        ("siaddr", "next-server"),
        ("tftp-server", "next-server"),
        ("sname", "server-name"),
        ("filename", "boot-file"),
        ("bootfile", "boot-file"),
        ("boot-file-name", "boot-file"),
        ("default-lease-time", "lease-time"),
        ("t1", "renewal-time"),
        ("t2", "rebinding-time"),
        ("lease-cache-threshold", "cache-threshold"),
        ("broadcast", "always-broadcast"),
        ("ping-check", "probe"),
        ("ping-timeout", "probe-timeout-ms"),
        ("generated-prefix", "host-name-prefix"),
    ],
};

/// Which clients are served, and what distinguishes them.
pub(crate) static CLIENTS: Group = Group {
    keys: &["relays", "authoritative", "client-key", "unknown-clients", "after-data-loss"],
    synonyms: &[("relay", "relays")],
};

pub(crate) static BOOTP: Group = Group { keys: &["bootp", "bootp-lease-time"], synonyms: &[] };

/// How addresses are taken from pools.
pub(crate) static ALLOCATION: Group = Group {
    keys: &["allocation", "exclude-first-last-24", "shorten"],
    synonyms: &[("allocator", "allocation")],
};

/// Which messages select a network or subnet, apart from those with an address in its prefixes.
pub(crate) static SELECTION: Group = Group {
    keys: &["relay-addresses", "interfaces"],
    synonyms: &[
        ("giaddr", "relay-addresses"),
        ("relay-address", "relay-addresses"),
        ("interface", "interfaces"),
    ],
};

/// The name of a VPN.
pub(crate) static VPN_NAME: Group = Group { keys: &["vpn"], synonyms: &[("vrf", "vpn")] };

/// The owner of a reservation, and what only reservations set.
pub(crate) static RESERVED: Group = Group {
    keys: &[
        "circuit-id",
        "remote-id",
        "relay-sub-options",
        "vendor-sub-options",
        "client-identifier",
        "duid",
        "hardware-address",
        "address",
        "pool",
        "classes",
        "options",
    ],
    synonyms: &[
        ("mac", "hardware-address"),
        ("hw-address", "hardware-address"),
        ("client-id", "client-identifier"),
        ("sub-options", "relay-sub-options"),
        ("class", "classes"),
        ("client-classes", "classes"),
        ("ip", "address"),
        ("ip-address", "address"),
    ],
};

/// Who may have how many leases: what is counted is a key of each table.
pub(crate) static LEASES_MAX: Group = Group {
    keys: &["leases-max", "beyond"],
    synonyms: &[("limit", "leases-max"), ("max", "leases-max")],
};

/// What a message comes over, where each may have a maximum.
pub(crate) static LINE_AND_LINK: Group = Group {
    keys: &["line", "link"],
    synonyms: &[("circuit", "line"), ("relay", "link"), ("interface", "link")],
};

/// The type of an option, or of a part of one.
pub(crate) static TYPE: Group = Group {
    keys: &["type", "fields", "of", "sub-options", "length", "size"],
    synonyms: &[("kind", "type"), ("record", "fields"), ("item", "of"), ("items", "of")],
};

/// What a policy sets, as cases say it.
pub(crate) static TERMS: Group = Group {
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

/// The limits of sources that take time to answer.
pub(crate) static REMOTE: Group = Group {
    keys: &[
        "deadline-ms",
        "concurrency-max",
        "queue-max",
        "cache-ttl",
        "negative-ttl",
        "stale-for",
        "cache-entries-max",
        "on-failure",
    ],
    synonyms: &[("timeout-ms", "deadline-ms"), ("ttl", "cache-ttl")],
};
