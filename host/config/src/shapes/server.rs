//! The keys of the document, and of its tables that are about the server itself.

use super::{
    Shape,
    groups::{ALLOCATION, BOOTP, CLIENTS, LEVEL, REMOTE},
};

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
    groups: &[],
};

pub(crate) static SERVER: Shape = Shape {
    name: "[server]",
    keys: &[
        "interfaces",
        "listen",
        "workers",
        "user",
        "group",
        "send-buffer-kib",
        "waiting-messages-max",
    ],
    synonyms: &[("address", "listen"), ("addresses", "listen"), ("threads", "workers")],
    groups: &[&CLIENTS, &BOOTP, &ALLOCATION, &LEVEL],
};

pub(crate) static STORE: Shape = Shape {
    name: "[store]",
    keys: &["backend", "path", "waiting-changes-max"],
    synonyms: &[("type", "backend"), ("directory", "path")],
    groups: &[],
};

pub(crate) static PLUGINS: Shape = Shape {
    name: "[plugins]",
    keys: &["directory", "cache", "interpreters", "rollback", "until-compiled"],
    synonyms: &[
        ("path", "directory"),
        ("folder", "directory"),
        ("while-compiling", "until-compiled"),
    ],
    groups: &[],
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
    ],
    groups: &[&REMOTE],
};

pub(crate) static ROLLBACK: Shape = Shape {
    name: "rollback",
    keys: &["faults-max", "window"],
    synonyms: &[("faults", "faults-max"), ("threshold", "faults-max"), ("within", "window")],
    groups: &[],
};

pub(crate) static CONTROL: Shape = Shape {
    name: "[control]",
    keys: &["enabled", "socket"],
    synonyms: &[("path", "socket")],
    groups: &[],
};

pub(crate) static JOURNAL: Shape = Shape {
    name: "[journal]",
    keys: &["path", "file-mib-max", "files-max", "free-mib-min"],
    synonyms: &[("file", "path"), ("size-max", "file-mib-max"), ("rotate", "files-max")],
    groups: &[],
};

pub(crate) static HOSTS: Shape = Shape {
    name: "[hosts]",
    keys: &["path", "domain", "entries-max"],
    synonyms: &[("file", "path"), ("domain-name", "domain"), ("suffix", "domain")],
    groups: &[],
};

pub(crate) static METRICS: Shape = Shape {
    name: "[metrics]",
    keys: &["listen"],
    synonyms: &[("address", "listen"), ("port", "listen")],
    groups: &[],
};

pub(crate) static LOG: Shape =
    Shape { name: "[log]", keys: &["format", "level"], synonyms: &[], groups: &[] };
