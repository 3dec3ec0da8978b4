//! The keys of tables that declare options and vendors, and of values with parts.

use super::{Shape, groups::TYPE};

pub(crate) static OPTION: Shape =
    Shape { name: "[[option]]", keys: &["name", "code"], synonyms: &[], groups: &[&TYPE] };

/// A field of a record.
pub(crate) static OPTION_FIELD: Shape =
    Shape { name: "the field", keys: &["name", "optional"], synonyms: &[], groups: &[&TYPE] };

/// An item of a list.
pub(crate) static OPTION_ITEM: Shape =
    Shape { name: "the item", keys: &[], synonyms: &[], groups: &[&TYPE] };

pub(crate) static SUB_OPTION: Shape =
    Shape { name: "the sub-option", keys: &["code", "name"], synonyms: &[], groups: &[&TYPE] };

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
    groups: &[],
};

pub(crate) static ROUTE: Shape = Shape {
    name: "a route",
    keys: &["to", "via"],
    synonyms: &[("destination", "to"), ("prefix", "to"), ("router", "via"), ("gateway", "via")],
    groups: &[],
};
