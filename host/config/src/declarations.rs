//! Reads `[[option]]` and `[[vendor]]`: the options and sub-options that a configuration declares.
//!
//! Reads no values. A description is a table with a `type`; three types contain further
//! descriptions: `record` in `fields`, `list` in `of`, and `sub-options` in the list of that name.
//! Each becomes an [`OptionKind`], which refuses what could not be read back.

use lessor_vocabulary::{
    Catalogue, CatalogueMistake, DeclaredOption, OptionKind, Vendor,
    option::{Field, KindMistake, MEMBERS_MAX, Name, SubOption, Width, code},
};

use crate::{
    collector::Collector,
    mistake::Draft,
    reader::{Table, Value},
    shapes,
};

/// The maximum number of vendors, so that every option that has their values is read quickly.
pub const VENDORS_MAX: usize = 256;
/// The maximum length of the names of options, fields, sub-options and vendors.
const NAME_OCTETS_MAX: usize = 64;

/// Why option 43 has no sub-options with the codes 0 and 255.
pub(crate) const NO_SUB_OPTION: &str =
    "0 is padding in option 43, and 255 ends it (RFC 2132 section 8.4)";

/// A type in a description.
#[derive(Clone, Copy)]
enum Type {
    Leaf(fn() -> OptionKind),
    ListOf(fn() -> OptionKind),
    Octets,
    List,
    Record,
    SubOptions,
}

static TYPES: [(&str, Type); 27] = [
    ("address", Type::Leaf(|| OptionKind::Address)),
    ("addresses", Type::Leaf(|| OptionKind::Addresses)),
    ("ipv6-address", Type::Leaf(|| OptionKind::Ipv6Address)),
    ("ipv6-addresses", Type::ListOf(|| OptionKind::Ipv6Address)),
    ("flag", Type::Leaf(|| OptionKind::Flag)),
    ("u8", Type::Leaf(|| OptionKind::U8)),
    ("u16", Type::Leaf(|| OptionKind::U16)),
    ("u32", Type::Leaf(|| OptionKind::U32)),
    ("i8", Type::Leaf(|| OptionKind::I8)),
    ("i16", Type::Leaf(|| OptionKind::I16)),
    ("i32", Type::Leaf(|| OptionKind::I32)),
    ("u8s", Type::ListOf(|| OptionKind::U8)),
    ("u16s", Type::Leaf(|| OptionKind::U16s)),
    ("u32s", Type::ListOf(|| OptionKind::U32)),
    ("text", Type::Leaf(|| OptionKind::Text)),
    ("domain-name", Type::Leaf(|| OptionKind::DomainName)),
    ("domain-names", Type::ListOf(|| OptionKind::DomainName)),
    ("compressed-domain-names", Type::Leaf(|| OptionKind::DomainNames)),
    ("routes", Type::Leaf(|| OptionKind::Routes)),
    ("server", Type::Leaf(|| OptionKind::Server)),
    ("servers", Type::Leaf(|| OptionKind::Servers)),
    ("service-parameters", Type::Leaf(|| OptionKind::ServiceParameters)),
    ("empty", Type::Leaf(|| OptionKind::Empty)),
    ("octets", Type::Octets),
    ("list", Type::List),
    ("record", Type::Record),
    ("sub-options", Type::SubOptions),
];

/// Reads what the document declares.
pub(crate) fn read(root: &Table, collector: &Collector) -> Catalogue {
    let mut catalogue = Catalogue::default();
    for table in root.get("option").map(|value| value.tables(&shapes::OPTION)).unwrap_or_default() {
        read_option(&table, &mut catalogue);
    }
    let vendors = root.get("vendor").map(|value| value.tables(&shapes::VENDOR)).unwrap_or_default();
    if let Some(table) = vendors.get(VENDORS_MAX) {
        let draft = Draft::found(format!("there are more than {VENDORS_MAX} vendors"));
        collector.report(table.span(), draft.wanted("this one is too many"));
    }
    for table in vendors.iter().take(VENDORS_MAX) {
        read_vendor(table, &mut catalogue);
    }
    catalogue
}

fn read_option(table: &Table, catalogue: &mut Catalogue) {
    let name_value = table.require("name", "\"acme-profile\"");
    let code_value = table.require("code", "224");
    let name = name_value.as_ref().and_then(name);
    let code = code_value.as_ref().and_then(|value| value.number(1, 254));
    let (Some(name), Some(code), Some(kind)) = (name, code, kind(table)) else { return };
    let Err(mistake) = catalogue.declare(DeclaredOption { code, name, kind }) else { return };
    let (place, help) = match &mistake {
        CatalogueMistake::CodeNamed(..) | CatalogueMistake::NoCode => {
            (code_value, "private options have codes from 224 to 254; use the registered name")
        }
        _ => (name_value, "choose another name: names are shared by all options"),
    };
    if let Some(place) = place {
        place.report(Draft::found(mistake.to_string()).wanted("wanted another").help(help));
    }
}

fn read_vendor(table: &Table, catalogue: &mut Catalogue) {
    let name_value = table.require("name", "\"acme\"");
    let vendor_name = name_value.as_ref().and_then(name);
    let class = table.get("class");
    let enterprise = table.get("enterprise");
    if class.is_none() && enterprise.is_none() && !table.misspells_any(&["class", "enterprise"]) {
        let draft = Draft::found("[[vendor]] has neither `class` nor `enterprise`")
            .wanted("wanted at least one of them")
            .help(
                "class = \"ACME\" is how option 60 of its clients begins, for option 43; \
                 enterprise = 4491 is its number, for option 125",
            );
        table.collector().report_missing(table.span(), draft);
    }
    let is_right = class.is_some() || enterprise.is_some();
    let class = class.map(|value| beginning(&value));
    let enterprise = enterprise.map(|value| value.number(1, u32::MAX));
    let options = table
        .require("sub-options", "[{ code = 1, name = \"acs-url\", type = \"text\" }]")
        .and_then(|value| sub_options(&value, class.is_some()));
    let (Some(vendor_name), Some(OptionKind::SubOptions(options))) = (vendor_name, options) else {
        return;
    };
    if !is_right || matches!(class, Some(None)) || matches!(enterprise, Some(None)) {
        return;
    }
    let vendor = Vendor {
        name: vendor_name,
        class: class.flatten(),
        enterprise: enterprise.flatten(),
        options,
    };
    if let (Err(mistake), Some(place)) = (catalogue.add_vendor(vendor), name_value) {
        let draft = Draft::found(mistake.to_string()).wanted("this vendor");
        place.report(draft.help("each client must belong to one vendor: merge them or change one"));
    }
}

/// Reads how the vendor class of a vendor's clients begins.
fn beginning(value: &Value) -> Option<String> {
    const WANTED: &str = "a text of 1 to 255 octets, such as \"docsis3\"";
    let text = value.text(WANTED)?;
    if !(1..=255).contains(&text.len()) {
        value.refuse(WANTED);
        return None;
    }
    Some(text.to_owned())
}

/// Reads the name of an option, a field, a sub-option or a vendor.
fn name(value: &Value) -> Option<Name> {
    const WANTED: &str = "a name of lower-case letters, digits and `-` that begins with a letter";
    let text = value.text(WANTED)?;
    let is_name = text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.bytes().all(|octet| matches!(octet, b'a'..=b'z' | b'0'..=b'9' | b'-'));
    if !is_name {
        value.refuse(WANTED);
    } else if text.len() > NAME_OCTETS_MAX {
        value.refuse_with_help(WANTED, format!("use at most {NAME_OCTETS_MAX} characters"));
    } else {
        return Some(text.into());
    }
    None
}

/// Reads the kind that a table describes.
fn kind(table: &Table) -> Option<OptionKind> {
    let type_value = table.require("type", "\"u16\"")?;
    let found = type_value.choice(&TYPES)?;
    let word = type_value.as_text().unwrap_or_default();
    refuse_others(table, found, word);
    let kind = match found {
        Type::Leaf(make) => make(),
        Type::ListOf(make) => accepted(OptionKind::list(make()), table)?,
        Type::Octets => match table.get("size") {
            Some(size) => OptionKind::Fixed(size.number(1, u8::MAX)?),
            None => OptionKind::Octets,
        },
        Type::List => {
            let of = table.require("of", "{ type = \"record\", fields = [ … ] }")?;
            accepted(OptionKind::list(kind_of_item(&of)?), table)?
        }
        Type::Record => {
            let fields = table.require("fields", "[{ name = \"id\", type = \"u16\" }]")?;
            fields_of(&fields, table)?
        }
        Type::SubOptions => {
            let example = "[{ code = 1, name = \"url\", type = \"text\" }]";
            sub_options(&table.require("sub-options", example)?, false)?
        }
    };
    match table.get("length") {
        Some(length) => {
            let width = length.choice(&[("u8", Width::One), ("u16", Width::Two)])?;
            accepted(OptionKind::counted(width, kind), table)
        }
        None => Some(kind),
    }
}

/// An item of a list is described by a table, or by the name of its type alone.
fn kind_of_item(value: &Value) -> Option<OptionKind> {
    match value.as_text() {
        Some(_) => match value.choice(&TYPES)? {
            Type::Leaf(make) => Some(make()),
            Type::Octets => Some(OptionKind::Octets),
            _ => {
                value.refuse("a table that describes the items, such as { type = \"u16\" }");
                None
            }
        },
        None => kind(&value.table(&shapes::OPTION_ITEM)?),
    }
}

fn fields_of(value: &Value, of: &Table) -> Option<OptionKind> {
    let mut fields = Vec::new();
    let mut is_right = is_short_enough(value);
    for table in value.tables(&shapes::OPTION_FIELD) {
        let found = table.require("name", "\"id\"").and_then(|value| name(&value));
        let is_optional = table.get("optional").is_some_and(|value| value.flag() == Some(true));
        match (found, kind(&table)) {
            (Some(name), Some(kind)) => fields.push(Field { name, kind, is_optional }),
            _ => is_right = false,
        }
    }
    is_right.then(|| accepted(OptionKind::record(fields), of)).flatten()
}

/// Reads sub-options; those in option 43 have no code that means something else there.
fn sub_options(value: &Value, is_in_option_43: bool) -> Option<OptionKind> {
    let mut options = Vec::new();
    let mut is_right = is_short_enough(value);
    for table in value.tables(&shapes::SUB_OPTION) {
        let found = table.require("name", "\"url\"").and_then(|value| name(&value));
        let code = table.require("code", "1");
        let code = code.and_then(|value| match value.number(0, u8::MAX)? {
            code::PAD | code::END if is_in_option_43 => {
                value.refuse_with_help("a code from 1 to 254", NO_SUB_OPTION);
                None
            }
            code => Some(code),
        });
        match (found, code, kind(&table)) {
            (Some(name), Some(code), Some(kind)) => options.push(SubOption { code, name, kind }),
            _ => is_right = false,
        }
    }
    if !is_right {
        return None;
    }
    match OptionKind::sub_options(options) {
        Ok(kind) => Some(kind),
        Err(mistake) => {
            value.report(explained(&mistake));
            None
        }
    }
}

fn is_short_enough(value: &Value) -> bool {
    let count = value.items().len();
    if count > MEMBERS_MAX {
        value.report(explained(&KindMistake::TooManyMembers));
    }
    count <= MEMBERS_MAX
}

/// The kind, unless it could not be read back.
fn accepted(kind: Result<OptionKind, KindMistake>, of: &Table) -> Option<OptionKind> {
    match kind {
        Ok(kind) => Some(kind),
        Err(mistake) => {
            of.collector().report(of.span(), explained(&mistake));
            None
        }
    }
}

fn explained(mistake: &KindMistake) -> Draft {
    let help = match mistake {
        KindMistake::NoMembers => "describe at least one",
        KindMistake::TooManyMembers => "the codes of sub-options are octets; split the record",
        KindMistake::NameTwice(_) | KindMistake::CodeTwice(_) => "give each its own",
        KindMistake::EndlessBefore(_) | KindMistake::EndlessItem => {
            "add length = \"u8\" if the device expects the length before the value, \
             or move it to the end"
        }
        KindMistake::RequiredAfterOptional(_) => "only fields at the end can be missing",
        KindMistake::EmptyOptional(_) => "a reader could not tell whether it is there",
        KindMistake::EmptyItem => "a reader could not tell how many items there are",
        KindMistake::TooDeep => "write inner parts as octets",
    };
    Draft::found(format!("such a value could not be read: {mistake}"))
        .wanted("this description")
        .help(help)
}

/// Reports keys that the type does not have.
fn refuse_others(table: &Table, found: Type, word: &str) {
    for (key, fits) in [
        ("fields", matches!(found, Type::Record)),
        ("of", matches!(found, Type::List)),
        ("sub-options", matches!(found, Type::SubOptions)),
        ("size", matches!(found, Type::Octets)),
    ] {
        if !fits && let Some(value) = table.get(key) {
            let draft = Draft::found(format!("`{key}` does not belong to the type \"{word}\""));
            value.report(draft.wanted("remove this, or change the type"));
        }
    }
}
