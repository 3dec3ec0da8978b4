//! The keys of tables that declare options and vendors, and of values with parts.

use super::Shape;

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

pub(crate) static ROUTE: Shape = Shape {
    name: "a route",
    keys: &["to", "via"],
    synonyms: &[("destination", "to"), ("prefix", "to"), ("router", "via"), ("gateway", "via")],
};
