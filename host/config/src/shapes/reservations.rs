//! The keys of reservations, and of what names files and sources of them.

use super::Shape;

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
        "classes",
        "options",
    ],
    synonyms: with_level_synonyms![
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
