//! The keys of every table, in the recommended order.

use lessor_core::OptionDefinition;

/// The known keys of a table.
pub(crate) struct Shape {
    /// The name of the table in messages: its header.
    pub(crate) name: &'static str,
    /// Its keys.
    pub(crate) keys: &'static [&'static str],
    /// Common synonyms, and the keys that they stand for.
    pub(crate) synonyms: &'static [(&'static str, &'static str)],
}

/// The keys that every level of the configuration has, from `[server]` to a reservation. A macro,
/// because each list of keys is one.
macro_rules! with_level_keys {
    ($($key:literal,)*) => {
        &[
            $($key,)*
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
        ]
    };
}

/// The synonyms of the keys of every level.
macro_rules! with_level_synonyms {
    ($(($synonym:literal, $meant:literal),)*) => {
        &[
            $(($synonym, $meant),)*
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
        ]
    };
}

pub(crate) static DOCUMENT: Shape = Shape {
    name: "the file",
    keys: &[
        "reservations",
        "server",
        "store",
        "plugins",
        "lookup",
        "control",
        "journal",
        "hosts",
        "metrics",
        "log",
        "options",
        "option",
        "vendor",
        "class",
        "vpn",
        "network",
        "reservation",
        "subnet",
    ],
    synonyms: &[
        ("vendors", "vendor"),
        ("classes", "class"),
        ("client-class", "class"),
        ("plugin", "plugins"),
        ("lookups", "lookup"),
        ("source", "lookup"),
        ("logging", "log"),
        ("shared-network", "network"),
        ("vpns", "vpn"),
        ("vrf", "vpn"),
        ("hosts-file", "hosts"),
    ],
};

pub(crate) static SERVER: Shape = Shape {
    name: "[server]",
    keys: with_level_keys![
        "interfaces",
        "listen",
        "relays",
        "authoritative",
        "client-key",
        "unknown-clients",
        "after-data-loss",
        "bootp",
        "bootp-lease-time",
        "workers",
        "user",
        "group",
        "send-buffer-kib",
        "waiting-messages-max",
        "allocation",
        "exclude-first-last-24",
        "shorten",
    ],
    synonyms: with_level_synonyms![
        ("address", "listen"),
        ("addresses", "listen"),
        ("relay", "relays"),
        ("threads", "workers"),
        ("allocator", "allocation"),
    ],
};

pub(crate) static STORE: Shape = Shape {
    name: "[store]",
    keys: &["backend", "path", "waiting-changes-max"],
    synonyms: &[("type", "backend"), ("directory", "path")],
};

pub(crate) static PLUGINS: Shape = Shape {
    name: "[plugins]",
    keys: &["directory", "cache", "interpreters", "rollback", "until-compiled"],
    synonyms: &[
        ("path", "directory"),
        ("folder", "directory"),
        ("while-compiling", "until-compiled"),
    ],
};

pub(crate) static LOOKUP: Shape = Shape {
    name: "[[lookup]]",
    keys: &[
        "name",
        "type",
        "path",
        "key",
        "delimiter",
        "rows-min",
        "query",
        "url",
        "headers",
        "server",
        "secret-file",
        "password-file",
        "bearer-token-file",
        "ca-file",
        "nas-identifier",
        "require-message-authenticator",
        "deadline-ms",
        "concurrency-max",
        "queue-max",
        "cache-ttl",
        "negative-ttl",
        "stale-for",
        "cache-entries-max",
        "on-failure",
    ],
    synonyms: &[
        ("kind", "type"),
        ("file", "path"),
        ("column", "key"),
        ("separator", "delimiter"),
        ("sql", "query"),
        ("host", "server"),
        ("secret", "secret-file"),
        ("password", "password-file"),
        ("token", "bearer-token-file"),
        ("bearer-token", "bearer-token-file"),
        ("timeout-ms", "deadline-ms"),
        ("ttl", "cache-ttl"),
    ],
};

pub(crate) static ROLLBACK: Shape = Shape {
    name: "rollback",
    keys: &["faults-max", "window"],
    synonyms: &[("faults", "faults-max"), ("threshold", "faults-max"), ("within", "window")],
};

pub(crate) static CONTROL: Shape =
    Shape { name: "[control]", keys: &["enabled", "socket"], synonyms: &[("path", "socket")] };

pub(crate) static JOURNAL: Shape = Shape {
    name: "[journal]",
    keys: &["path", "file-mib-max", "files-max", "free-mib-min"],
    synonyms: &[("file", "path"), ("size-max", "file-mib-max"), ("rotate", "files-max")],
};

pub(crate) static HOSTS: Shape = Shape {
    name: "[hosts]",
    keys: &["path", "domain", "entries-max"],
    synonyms: &[("file", "path"), ("domain-name", "domain"), ("suffix", "domain")],
};

pub(crate) static METRICS: Shape = Shape {
    name: "[metrics]",
    keys: &["listen"],
    synonyms: &[("address", "listen"), ("port", "listen")],
};

pub(crate) static LOG: Shape = Shape { name: "[log]", keys: &["format", "level"], synonyms: &[] };

pub(crate) static OPTION: Shape = Shape {
    name: "[[option]]",
    keys: &["name", "code", "type", "fields", "of", "sub-options", "length", "size"],
    synonyms: TYPE_SYNONYMS,
};

/// A field of a record.
pub(crate) static OPTION_FIELD: Shape = Shape {
    name: "the field",
    keys: &["name", "type", "optional", "fields", "of", "sub-options", "length", "size"],
    synonyms: TYPE_SYNONYMS,
};

/// An item of a list.
pub(crate) static OPTION_ITEM: Shape = Shape {
    name: "the item",
    keys: &["type", "fields", "of", "sub-options", "length", "size"],
    synonyms: TYPE_SYNONYMS,
};

pub(crate) static SUB_OPTION: Shape = Shape {
    name: "the sub-option",
    keys: &["code", "name", "type", "fields", "of", "sub-options", "length", "size"],
    synonyms: TYPE_SYNONYMS,
};

const TYPE_SYNONYMS: &[(&str, &str)] =
    &[("kind", "type"), ("record", "fields"), ("item", "of"), ("items", "of")];

pub(crate) static VENDOR: Shape = Shape {
    name: "[[vendor]]",
    keys: &["name", "class", "enterprise", "sub-options"],
    synonyms: &[
        ("vendor-class", "class"),
        ("vendor-class-identifier", "class"),
        ("enterprise-number", "enterprise"),
        ("options", "sub-options"),
        ("option", "sub-options"),
    ],
};

pub(crate) static CLASS: Shape = Shape {
    name: "[[class]]",
    keys: with_level_keys!["name", "match", "options", "pools", "client-key", "limit",],
    synonyms: with_level_synonyms![("test", "match"), ("if", "match"), ("pool", "pools"),],
};

pub(crate) static CLASS_MATCH: Shape = Shape {
    name: "[class.match]",
    keys: &[
        "vendor-class",
        "user-class",
        "hardware-address",
        "circuit-id",
        "remote-id",
        "relay",
        "interface",
        "options",
        "any",
        "not",
    ],
    synonyms: &[
        ("vendor-class-identifier", "vendor-class"),
        ("mac", "hardware-address"),
        ("hw-address", "hardware-address"),
        ("giaddr", "relay"),
        ("relays", "relay"),
        ("relay-address", "relay"),
        ("interfaces", "interface"),
        ("option", "options"),
        ("or", "any"),
    ],
};

/// The values of `hardware-address` that are in a file.
pub(crate) static CLASS_HARDWARE: Shape =
    Shape { name: "hardware-address", keys: &["in-file"], synonyms: &[("file", "in-file")] };

pub(crate) static CLASS_LIMIT: Shape = Shape {
    name: "limit",
    keys: &["by", "leases-max", "beyond"],
    synonyms: &[("per", "by"), ("limit", "leases-max"), ("max", "leases-max")],
};

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

pub(crate) static RESERVATION: Shape = Shape {
    name: "[[subnet.reservation]]",
    keys: with_level_keys![
        "circuit-id",
        "remote-id",
        "relay-sub-options",
        "vendor-sub-options",
        "client-identifier",
        "duid",
        "hardware-address",
        "address",
        "pool",
        "options",
    ],
    synonyms: with_level_synonyms![
        ("mac", "hardware-address"),
        ("hw-address", "hardware-address"),
        ("client-id", "client-identifier"),
        ("sub-options", "relay-sub-options"),
        ("ip", "address"),
        ("ip-address", "address"),
    ],
};

/// A reservation outside of a subnet.
pub(crate) static SHARED_RESERVATION: Shape =
    Shape { name: "[[reservation]]", keys: RESERVATION.keys, synonyms: RESERVATION.synonyms };

/// A reservation in a file of reservations.
pub(crate) static RESERVATION_ROW: Shape =
    Shape { name: "the reservation", keys: RESERVATION.keys, synonyms: RESERVATION.synonyms };

/// A lookup source that also has reservations.
pub(crate) static RESERVATION_SOURCE: Shape = Shape {
    name: "the source of reservations",
    keys: &["lookup", "columns"],
    synonyms: &[("source", "lookup"), ("name", "lookup"), ("column", "columns")],
};

pub(crate) static ROUTE: Shape = Shape {
    name: "a route",
    keys: &["to", "via"],
    synonyms: &[("destination", "to"), ("prefix", "to"), ("router", "via"), ("gateway", "via")],
};

pub(crate) static SIDECAR: Shape = Shape {
    name: "the sidecar file",
    keys: &["mode", "on-failure", "grants", "limits", "state", "settings"],
    synonyms: &[("grant", "grants"), ("capabilities", "grants")],
};

pub(crate) static LIMITS: Shape = Shape {
    name: "[limits]",
    keys: &["deadline-ms", "memory-mib", "table-elements", "log-lines-per-sec"],
    synonyms: &[
        ("timeout-ms", "deadline-ms"),
        ("memory", "memory-mib"),
        ("log-lines", "log-lines-per-sec"),
    ],
};

pub(crate) static STATE: Shape = Shape {
    name: "[state]",
    keys: &["keep", "when-full", "keys-max", "line-keys-max"],
    synonyms: &[
        ("keep-secs", "keep"),
        ("ttl", "keep"),
        ("expire-after", "keep"),
        ("max-keys", "keys-max"),
        ("keys", "keys-max"),
        ("keys-per-line", "line-keys-max"),
        ("on-full", "when-full"),
    ],
};

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

/// The tables of a configuration file.
static CONFIGURATION: [&Shape; 19] = [
    &DOCUMENT,
    &SERVER,
    &STORE,
    &PLUGINS,
    &LOOKUP,
    &CONTROL,
    &JOURNAL,
    &HOSTS,
    &METRICS,
    &LOG,
    &OPTION,
    &VENDOR,
    &CLASS,
    &VPN,
    &NETWORK,
    &SUBNET,
    &POOL,
    &RESERVATION,
    &SHARED_RESERVATION,
];

/// The only key of the document that is not a table.
const AT_THE_TOP: &str = "reservations";

impl Shape {
    /// Whether a key that is unknown in this table belongs at the top of the file, or vice versa.
    pub(crate) fn is_elsewhere(&self, key: &str) -> bool {
        self.name == SUBNET.name && key == AT_THE_TOP
    }

    /// Advice for an unknown key, if it is known from another table.
    pub(crate) fn advice_for(&self, key: &str) -> Option<String> {
        if self.name == CASE.name && CASE_REQUEST.keys.contains(&key) {
            return Some(format!("`{key}` belongs below [request]"));
        }
        if self.keys.contains(&"settings") {
            return Some(format!("write settings of the plugin below [settings]: {key} = …"));
        }
        let is_row = self.name == RESERVATION_ROW.name;
        if !is_row && !CONFIGURATION.iter().any(|shape| shape.name == self.name) {
            return None;
        }
        let is_settable = OptionDefinition::all().iter().any(|option| option.name == key);
        if is_settable && self.keys.contains(&"options") {
            return Some(match is_row {
                true => format!("write options for clients as \"options\": {{ \"{key}\": … }}"),
                false => format!("write options for clients as options = {{ {key} = … }}"),
            });
        }
        if is_row {
            return None;
        }
        if key == AT_THE_TOP {
            return Some(format!(
                "`{key}` belongs at the top of the file, above the first [header]"
            ));
        }
        let owners = CONFIGURATION.iter().filter(|shape| shape.keys.contains(&key));
        let owners: Vec<&str> = owners.map(|shape| shape.name).collect();
        if owners.is_empty() {
            return None;
        }
        let belongs = format!("`{key}` belongs below {}", owners.join(" or "));
        // A header ends the table before it, so a common slip is a key below the wrong header.
        match self.name.starts_with("[[subnet.") && owners.contains(&SUBNET.name) {
            true => Some(format!("{belongs}: move it above the pools and reservations")),
            false => Some(belongs),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_shows_every_key_of_every_table() {
        let reference = include_str!("../../../examples/reference.toml");
        for shape in CONFIGURATION {
            for key in shape.keys {
                let starts = [format!("{key} = "), format!("# {key} = ")];
                let headers = [format!("[{key}]"), format!("[[{key}]]")];
                let nested = [format!("[subnet.{key}]"), format!("[[subnet.{key}]]")];
                let is_shown = reference.lines().any(|line| {
                    starts
                        .iter()
                        .chain(&headers)
                        .chain(&nested)
                        .any(|start| line.starts_with(start))
                });
                assert!(is_shown, "{key} of {}", shape.name);
            }
        }
    }

    #[test]
    fn synonyms_mean_keys_and_are_none() {
        let others = [
            &RESERVATION_SOURCE,
            &ROUTE,
            &ROLLBACK,
            &QUARANTINE_MAX,
            &OFFERS_MAX,
            &SHORTEN,
            &SIDECAR,
            &LIMITS,
            &STATE,
            &CASE,
            &CASE_REQUEST,
            &CASE_LEASE,
            &CASE_POOL,
            &CASE_REPLY,
            &CASE_EARLIER,
            &OPTION_FIELD,
            &OPTION_ITEM,
            &SUB_OPTION,
            &CLASS_MATCH,
            &CLASS_HARDWARE,
            &CLASS_LIMIT,
        ];
        let expected = [&CASE_EXPECT, &CASE_EXPECTED_REPLY, &CASE_SUBSCRIBER, &CASE_PLANNED];
        for shape in CONFIGURATION.into_iter().chain(others).chain(expected) {
            for (synonym, meant) in shape.synonyms {
                assert!(shape.keys.contains(meant), "{meant} of {}", shape.name);
                assert!(!shape.keys.contains(synonym), "{synonym} of {}", shape.name);
            }
        }
    }
}
