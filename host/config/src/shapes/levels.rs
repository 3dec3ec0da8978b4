//! The keys that every level of the configuration has, and their synonyms. Both are macros, because
//! the list of keys of a table is one slice.

/// The keys that every level of the configuration has, from `[server]` to a reservation.
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
