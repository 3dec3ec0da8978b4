//! The keys of `[[class]]`.

use super::{
    Shape,
    groups::{LEASES_MAX, LEVEL},
};

pub(crate) static CLASS: Shape = Shape {
    name: "[[class]]",
    keys: &["name", "match", "options", "pools", "client-key", "limit"],
    synonyms: &[("test", "match"), ("if", "match"), ("pool", "pools")],
    groups: &[&LEVEL],
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
    groups: &[],
};

/// The values of `hardware-address` that are in a file.
pub(crate) static CLASS_HARDWARE: Shape = Shape {
    name: "hardware-address",
    keys: &["in-file"],
    synonyms: &[("file", "in-file")],
    groups: &[],
};

pub(crate) static CLASS_LIMIT: Shape =
    Shape { name: "limit", keys: &["by"], synonyms: &[("per", "by")], groups: &[&LEASES_MAX] };
