//! `[[option]]` and `[[vendor]]`, as `lessor_config` reads them.

use lessor_core::OptionKind;
use lessor_vocabulary::{
    DeclaredOption, Vendor,
    option::{Field, SubOption, Width},
};
use toml_edit::{InlineTable, Value};

use super::list;

/// A description: its keys and their values.
type Keys = Vec<(&'static str, Value)>;

/// The keys of an option.
pub(super) fn option(option: &DeclaredOption) -> Keys {
    let name = ("name", (&*option.name).into());
    let code = ("code", i64::from(option.code).into());
    [name, code].into_iter().chain(kind(&option.kind)).collect()
}

/// The keys of a vendor.
pub(super) fn vendor(vendor: &Vendor) -> Keys {
    let class = vendor.class.as_deref().map(|class| ("class", class.into()));
    let enterprise = vendor.enterprise.map(|number| ("enterprise", i64::from(number).into()));
    let options = ("sub-options", sub_options(&vendor.options));
    let keys = [("name", (&*vendor.name).into())].into_iter().chain(class).chain(enterprise);
    keys.chain([options]).collect()
}

/// The keys that describe a kind.
fn kind(kind: &OptionKind) -> Keys {
    let name = match kind {
        OptionKind::Address => "address",
        OptionKind::Addresses => "addresses",
        OptionKind::Flag => "flag",
        OptionKind::U8 => "u8",
        OptionKind::U16 => "u16",
        OptionKind::U16s => "u16s",
        OptionKind::U32 => "u32",
        OptionKind::I8 => "i8",
        OptionKind::I16 => "i16",
        OptionKind::I32 => "i32",
        OptionKind::Text => "text",
        OptionKind::DomainName => "domain-name",
        OptionKind::DomainNames => "compressed-domain-names",
        OptionKind::Ipv6Address => "ipv6-address",
        OptionKind::Routes => "routes",
        OptionKind::Octets => "octets",
        OptionKind::Empty => "empty",
        OptionKind::Server => "server",
        OptionKind::Servers => "servers",
        OptionKind::ServiceParameters => "service-parameters",
        OptionKind::Fixed(size) => {
            return vec![("type", "octets".into()), ("size", i64::from(*size).into())];
        }
        OptionKind::List(item) => return list_of(item),
        OptionKind::Record(fields) => {
            return vec![("type", "record".into()), ("fields", list(fields.iter().map(field)))];
        }
        OptionKind::SubOptions(options) => {
            return vec![("type", "sub-options".into()), ("sub-options", sub_options(options))];
        }
        OptionKind::Counted(width, counted) => {
            let width = match width {
                Width::One => "u8",
                Width::Two => "u16",
            };
            let length = ("length", width.into());
            return self::kind(counted).into_iter().chain([length]).collect();
        }
    };
    vec![("type", name.into())]
}

fn list_of(item: &OptionKind) -> Keys {
    let name = match item {
        OptionKind::U8 => "u8s",
        OptionKind::U32 => "u32s",
        OptionKind::Ipv6Address => "ipv6-addresses",
        OptionKind::DomainName => "domain-names",
        item => return vec![("type", "list".into()), ("of", table(kind(item)))],
    };
    vec![("type", name.into())]
}

fn field(field: &Field) -> Value {
    let name = [("name", (&*field.name).into())].into_iter();
    let optional = field.is_optional.then(|| ("optional", true.into()));
    table(name.chain(kind(&field.kind)).chain(optional).collect())
}

fn sub_options(options: &[SubOption]) -> Value {
    list(options.iter().map(|option| {
        let code = ("code", i64::from(option.code).into());
        let name = ("name", (&*option.name).into());
        table([code, name].into_iter().chain(kind(&option.kind)).collect())
    }))
}

fn table(keys: Keys) -> Value {
    let mut table: InlineTable = keys.into_iter().collect();
    table.fmt();
    table.into()
}
