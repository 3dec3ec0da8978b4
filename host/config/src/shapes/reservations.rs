//! The keys of reservations, and of what names files and sources of them.

use super::{
    Shape,
    groups::{LEVEL, RESERVED, VPN_NAME},
};

pub(crate) static RESERVATION: Shape = Shape {
    name: "[[subnet.reservation]]",
    keys: &[],
    synonyms: &[],
    groups: &[&RESERVED, &LEVEL],
};

/// A reservation outside of a subnet.
pub(crate) static SHARED_RESERVATION: Shape = Shape {
    name: "[[reservation]]",
    keys: &[],
    synonyms: &[],
    groups: &[&RESERVED, &VPN_NAME, &LEVEL],
};

/// A reservation in a file of reservations.
pub(crate) static RESERVATION_ROW: Shape = Shape {
    name: "the reservation",
    keys: &[],
    synonyms: &[],
    groups: &[&RESERVED, &VPN_NAME, &LEVEL],
};

/// A lookup source that also has reservations.
pub(crate) static RESERVATION_SOURCE: Shape = Shape {
    name: "the source of reservations",
    keys: &["lookup", "columns"],
    synonyms: &[("source", "lookup"), ("name", "lookup"), ("column", "columns")],
    groups: &[],
};
