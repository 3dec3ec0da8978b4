//! What the value of an option consists of.
//!
//! One description serves the options that are registered and those that an operator declares: the
//! former are constants ([`Shared::Registered`]), the latter are made while a configuration is read
//! ([`Shared::Declared`]). It is a tree with four ways to combine what is below:
//!
//! - [`OptionKind::List`]: values of one kind, one after the other, up to the end.
//! - [`OptionKind::Record`]: named fields, one after the other.
//! - [`OptionKind::Counted`]: a value after its length in octets, which gives it an end.
//! - [`OptionKind::SubOptions`]: options within the option, each with its code and its length.
//!
//! Everything else is a leaf. Leaves that replies often carry have a variant of
//! [`OptionValue`](crate::OptionValue) of their own; every other value is octets as soon as it has
//! been read. `read::layout` makes octets of what a person writes, and `written::layout` makes of
//! octets what a person would write.
//!
//! Invariant: octets have one reading. The functions that build a kind refuse a value that has no
//! end where another one follows it, an item of a list without octets, two fields of one name, and
//! what is nested deeper than [`DEPTH_MAX`]. A test checks that the registered kinds are as if they
//! had been built by them.

use alloc::{format, string::String, sync::Arc, vec::Vec};
use core::{fmt, ops::Deref};

/// The maximum depth of a kind: a leaf has a depth of one.
pub const DEPTH_MAX: usize = 8;
/// The maximum number of fields of a record, and of sub-options of an option.
pub const MEMBERS_MAX: usize = 255;

/// The kind of value of an option, or of a part of one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum OptionKind {
    Address,
    Addresses,
    Flag,
    U8,
    U16,
    U16s,
    U32,
    I32,
    Text,
    DomainNames,
    Routes,
    Octets,
    /// No octets: the option says what it says by being there. It is written as `true`.
    Empty,
    I8,
    I16,
    Ipv6Address,
    /// One domain name, never compressed.
    DomainName,
    /// This number of octets.
    Fixed(u8),
    /// One server by its domain name or its address, after an octet that says which of the two.
    Server,
    /// Servers by their domain names or their addresses, after an octet that says which of the two
    /// (RFC 3361).
    Servers,
    /// The parameters of a service by name, such as `alpn` and `port` (RFC 9460 section 2.2).
    ServiceParameters,
    /// Values of one kind up to the end, at least one.
    List(Shared<OptionKind>),
    /// Fields in their order.
    Record(Shared<[Field]>),
    /// A value after its length.
    Counted(Width, Shared<OptionKind>),
    /// Options within the option, each with its code and its length.
    SubOptions(Shared<[SubOption]>),
}

/// A part of a description: a constant, or made at run time.
#[derive(Debug)]
pub enum Shared<T: ?Sized + 'static> {
    /// Part of a registered option.
    Registered(&'static T),
    /// Part of a declared option.
    Declared(Arc<T>),
}

/// A field of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub name: Name,
    /// The kind of its value.
    pub kind: OptionKind,
    /// Whether it can be missing, with all fields after it.
    pub is_optional: bool,
}

/// An option within an option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubOption {
    /// Its code.
    pub code: u8,
    /// Its name.
    pub name: Name,
    /// The kind of its value.
    pub kind: OptionKind,
}

/// The name of an option, a field or a sub-option.
pub type Name = Shared<str>;

/// The number of octets of a length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// One octet.
    One,
    /// Two octets.
    Two,
}

/// Why no kind can be built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KindMistake {
    /// There is nothing in the record, or no sub-option.
    NoMembers,
    /// There are more members than [`MEMBERS_MAX`].
    TooManyMembers,
    /// Two members have this name.
    NameTwice(String),
    /// Two sub-options have this code.
    CodeTwice(u8),
    /// A value that extends to the end is followed by this field.
    EndlessBefore(String),
    /// This field follows a field that can be missing, and cannot be missing itself.
    RequiredAfterOptional(String),
    /// This field can be missing, and may have no octets if it is there.
    EmptyOptional(String),
    /// Items of a list have no end.
    EndlessItem,
    /// Items of a list may have no octets.
    EmptyItem,
    /// It is nested deeper than [`DEPTH_MAX`].
    TooDeep,
}

impl OptionKind {
    /// A list of values of this kind. The lists that have a variant of their own are that variant.
    ///
    /// # Errors
    /// Returns an error if an item would have no end, or no octets.
    pub fn list(item: Self) -> Result<Self, KindMistake> {
        match item {
            Self::Address => Ok(Self::Addresses),
            Self::U16 => Ok(Self::U16s),
            item => Self::List(Shared::Declared(Arc::new(item))).checked(),
        }
    }

    /// A record of these fields.
    ///
    /// # Errors
    /// Returns an error if a field would have no end, or if two have the same name.
    pub fn record(fields: Vec<Field>) -> Result<Self, KindMistake> {
        Self::Record(Shared::Declared(fields.into())).checked()
    }

    /// A value of this kind after its length.
    ///
    /// # Errors
    /// Returns an error if it is nested too deeply.
    pub fn counted(width: Width, kind: Self) -> Result<Self, KindMistake> {
        Self::Counted(width, Shared::Declared(Arc::new(kind))).checked()
    }

    /// These sub-options.
    ///
    /// # Errors
    /// Returns an error if two have the same name or the same code.
    pub fn sub_options(options: Vec<SubOption>) -> Result<Self, KindMistake> {
        Self::SubOptions(Shared::Declared(options.into())).checked()
    }

    /// Its name in the tables of the SDKs. Values with names there are encoded by the SDKs, and the
    /// server encodes every `layout`.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::Addresses => "addresses",
            Self::Flag => "flag",
            Self::U8 => "u8",
            Self::U16 => "u16",
            Self::U16s => "u16s",
            Self::U32 => "u32",
            Self::I32 => "i32",
            Self::Text => "text",
            Self::DomainNames => "domain-names",
            Self::Routes => "routes",
            Self::Octets => "octets",
            _ => LAYOUT,
        }
    }

    /// Whether its values consist of addresses.
    pub const fn takes_addresses(&self) -> bool {
        matches!(self, Self::Address | Self::Addresses)
    }

    /// Whether its values are octets as soon as they have been read.
    pub fn is_layout(&self) -> bool {
        self.name() == LAYOUT
    }

    /// Whether a list of numbers is a value of this kind.
    pub fn takes_lists_of_numbers(&self) -> bool {
        match self {
            Self::U16s => true,
            Self::List(item) => item.takes_numbers(),
            Self::Counted(_, kind) => kind.takes_lists_of_numbers(),
            _ => false,
        }
    }

    /// Whether a number, or a list of numbers, is a value of this kind.
    pub fn takes_numbers(&self) -> bool {
        match self {
            Self::U8 | Self::U16 | Self::U16s | Self::U32 | Self::I32 | Self::I8 | Self::I16 => {
                true
            }
            Self::List(item) => item.takes_numbers(),
            Self::Counted(_, kind) => kind.takes_numbers(),
            _ => false,
        }
    }

    /// Whether a reader of octets knows where a value ends.
    fn has_end(&self) -> bool {
        match self {
            Self::Addresses
            | Self::U16s
            | Self::Text
            | Self::DomainNames
            | Self::Routes
            | Self::Octets
            | Self::Server
            | Self::Servers
            | Self::ServiceParameters
            | Self::List(_)
            | Self::SubOptions(_) => false,
            Self::Record(fields) => {
                fields.iter().all(|field| field.kind.has_end() && !field.is_optional)
            }
            _ => true,
        }
    }

    /// Whether every value has octets.
    fn is_never_empty(&self) -> bool {
        match self {
            Self::Empty | Self::Fixed(0) => false,
            Self::Record(fields) => {
                fields.iter().any(|field| field.kind.is_never_empty() && !field.is_optional)
            }
            _ => true,
        }
    }

    fn depth(&self) -> usize {
        let below = match self {
            Self::List(kind) | Self::Counted(_, kind) => kind.depth(),
            Self::Record(fields) => {
                fields.iter().map(|field| field.kind.depth()).max().unwrap_or_default()
            }
            Self::SubOptions(options) => {
                options.iter().map(|option| option.kind.depth()).max().unwrap_or_default()
            }
            _ => 0,
        };
        below + 1
    }

    /// Returns the kind if its uppermost node is as it must be. Those below are, because they were
    /// built before.
    fn checked(self) -> Result<Self, KindMistake> {
        if self.depth() > DEPTH_MAX {
            return Err(KindMistake::TooDeep);
        }
        match &self {
            Self::List(item) if !item.has_end() => return Err(KindMistake::EndlessItem),
            Self::List(item) if !item.is_never_empty() => return Err(KindMistake::EmptyItem),
            Self::Record(fields) => check_fields(fields)?,
            Self::SubOptions(options) => {
                let names = options.iter().map(|option| &*option.name);
                check_names(names, options.len())?;
                for (place, option) in options.iter().enumerate() {
                    if options.iter().take(place).any(|earlier| earlier.code == option.code) {
                        return Err(KindMistake::CodeTwice(option.code));
                    }
                }
            }
            _ => {}
        }
        Ok(self)
    }
}

const LAYOUT: &str = "layout";

fn check_fields(fields: &[Field]) -> Result<(), KindMistake> {
    check_names(fields.iter().map(|field| &*field.name), fields.len())?;
    if let Some(empty) =
        fields.iter().find(|field| field.is_optional && !field.kind.is_never_empty())
    {
        return Err(KindMistake::EmptyOptional(String::from(&*empty.name)));
    }
    for pair in fields.windows(2) {
        let [before, after] = pair else { continue };
        let name = || String::from(&*after.name);
        if before.is_optional && !after.is_optional {
            return Err(KindMistake::RequiredAfterOptional(name()));
        }
        if !before.kind.has_end() {
            return Err(KindMistake::EndlessBefore(name()));
        }
    }
    Ok(())
}

fn check_names<'n>(
    names: impl Iterator<Item = &'n str> + Clone,
    count: usize,
) -> Result<(), KindMistake> {
    match count {
        0 => return Err(KindMistake::NoMembers),
        count if count > MEMBERS_MAX => return Err(KindMistake::TooManyMembers),
        _ => {}
    }
    for (place, name) in names.clone().enumerate() {
        if names.clone().take(place).any(|earlier| earlier == name) {
            return Err(KindMistake::NameTwice(name.into()));
        }
    }
    Ok(())
}

/// Displays the kind as the reference of options has it: `{ mandatory: flag, servers: addresses }`.
impl fmt::Display for OptionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("empty"),
            Self::I8 => f.write_str("i8"),
            Self::I16 => f.write_str("i16"),
            Self::Ipv6Address => f.write_str("ipv6-address"),
            Self::DomainName => f.write_str("domain-name"),
            Self::Fixed(octets) => write!(f, "{octets} octets"),
            Self::Server => f.write_str("server"),
            Self::Servers => f.write_str("servers"),
            Self::ServiceParameters => f.write_str("service-parameters"),
            Self::List(item) => write!(f, "list of {}", **item),
            Self::Counted(_, kind) => write!(f, "{}", **kind),
            Self::Record(fields) => {
                let field = |field: &Field| {
                    let mark = if field.is_optional { "?" } else { "" };
                    format!("{}{mark}: {}", &*field.name, field.kind)
                };
                write!(f, "{{ {} }}", fields.iter().map(field).collect::<Vec<_>>().join(", "))
            }
            Self::SubOptions(options) => {
                let option = |option: &SubOption| format!("{}: {}", &*option.name, option.kind);
                let options: Vec<String> = options.iter().map(option).collect();
                write!(f, "sub-options {{ {} }}", options.join(", "))
            }
            other => f.write_str(other.name()),
        }
    }
}

impl fmt::Display for KindMistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoMembers => f.write_str("it has no members"),
            Self::TooManyMembers => write!(f, "it has more than {MEMBERS_MAX} members"),
            Self::NameTwice(name) => write!(f, "two members are named `{name}`"),
            Self::CodeTwice(code) => write!(f, "two sub-options have the code {code}"),
            Self::EndlessBefore(name) => {
                write!(f, "the field before `{name}` extends to the end of the value")
            }
            Self::RequiredAfterOptional(name) => {
                write!(f, "the field before `{name}` is optional, and `{name}` is not")
            }
            Self::EmptyOptional(name) => {
                write!(f, "the field `{name}` is optional, but has no octets when it is there")
            }
            Self::EndlessItem => f.write_str("the items of the list extend to its end"),
            Self::EmptyItem => f.write_str("the items of the list may have no octets"),
            Self::TooDeep => write!(f, "it is nested deeper than {DEPTH_MAX}"),
        }
    }
}

impl Width {
    /// The maximum of a length.
    pub const fn octets_max(self) -> usize {
        match self {
            Self::One => u8::MAX as usize,
            Self::Two => u16::MAX as usize,
        }
    }
}

impl<T: ?Sized> Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        match self {
            Self::Registered(found) => found,
            Self::Declared(found) => found,
        }
    }
}

impl<T: ?Sized> Clone for Shared<T> {
    fn clone(&self) -> Self {
        match self {
            Self::Registered(found) => Self::Registered(found),
            Self::Declared(found) => Self::Declared(Arc::clone(found)),
        }
    }
}

impl<T: ?Sized + PartialEq> PartialEq for Shared<T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: ?Sized + Eq> Eq for Shared<T> {}

impl From<&str> for Name {
    fn from(name: &str) -> Self {
        Self::Declared(name.into())
    }
}

#[cfg(test)]
mod tests {
    use alloc::{string::ToString, vec};

    use super::*;
    use crate::OptionDefinition;

    fn field(name: &str, kind: OptionKind) -> Field {
        Field { name: name.into(), kind, is_optional: false }
    }

    #[test]
    fn kinds_that_could_be_read_in_two_ways_are_refused() {
        use OptionKind as Kind;
        let record = OptionKind::record;
        assert_eq!(record(vec![]), Err(KindMistake::NoMembers));
        assert_eq!(
            record(vec![field("a", Kind::Text), field("b", Kind::U8)]),
            Err(KindMistake::EndlessBefore("b".into()))
        );
        assert_eq!(
            record(vec![field("a", Kind::U8), field("a", Kind::U8)]),
            Err(KindMistake::NameTwice("a".into()))
        );
        let optional = Field { is_optional: true, ..field("a", Kind::U8) };
        assert_eq!(
            record(vec![optional.clone(), field("b", Kind::U8)]),
            Err(KindMistake::RequiredAfterOptional("b".into()))
        );
        assert_eq!(Kind::list(Kind::Text), Err(KindMistake::EndlessItem));
        assert_eq!(Kind::list(Kind::Empty), Err(KindMistake::EmptyItem));
        let may_be_missing = record(vec![optional]).unwrap();
        assert_eq!(Kind::list(may_be_missing), Err(KindMistake::EndlessItem));
        let nothing = record(vec![field("a", Kind::Empty)]).unwrap();
        assert_eq!(Kind::list(nothing), Err(KindMistake::EmptyItem));
        assert_eq!(Kind::list(Kind::U16), Ok(Kind::U16s));
        let option = |code, name: &str| SubOption { code, name: name.into(), kind: Kind::U8 };
        assert_eq!(
            Kind::sub_options(vec![option(1, "a"), option(1, "b")]),
            Err(KindMistake::CodeTwice(1))
        );
        let mut kind = Kind::Octets;
        for _ in 1..DEPTH_MAX {
            kind = Kind::counted(Width::One, kind).unwrap();
        }
        assert_eq!(Kind::counted(Width::One, kind), Err(KindMistake::TooDeep));
    }

    /// The kind made again with the functions that check.
    fn rebuilt(kind: &OptionKind) -> Result<OptionKind, KindMistake> {
        match kind {
            OptionKind::List(item) => OptionKind::list(rebuilt(item)?),
            OptionKind::Counted(width, kind) => OptionKind::counted(*width, rebuilt(kind)?),
            OptionKind::Record(fields) => {
                let again =
                    |field: &Field| Ok(Field { kind: rebuilt(&field.kind)?, ..field.clone() });
                OptionKind::record(fields.iter().map(again).collect::<Result<_, _>>()?)
            }
            OptionKind::SubOptions(options) => {
                let again = |option: &SubOption| {
                    Ok(SubOption { kind: rebuilt(&option.kind)?, ..option.clone() })
                };
                OptionKind::sub_options(options.iter().map(again).collect::<Result<_, _>>()?)
            }
            leaf => Ok(leaf.clone()),
        }
    }

    #[test]
    fn registered_kinds_are_as_if_they_had_been_built() {
        for definition in OptionDefinition::known() {
            assert_eq!(
                rebuilt(&definition.kind).as_ref(),
                Ok(&definition.kind),
                "{}",
                definition.name
            );
            assert!(!definition.kind.to_string().is_empty());
        }
    }
}
