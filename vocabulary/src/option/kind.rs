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

mod build;
mod shared;

use alloc::{format, string::String, vec::Vec};
use core::fmt;

pub use self::{
    build::{DEPTH_MAX, KindMistake, MEMBERS_MAX},
    shared::Shared,
};

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

impl OptionKind {
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

    /// The fields of a record of addresses only. A list of such records can also be written as
    /// addresses in turn.
    pub fn fields_of_addresses(&self) -> Option<&[Field]> {
        let Self::Record(fields) = self else { return None };
        let is_address = |field: &Field| field.kind == Self::Address && !field.is_optional;
        fields.iter().all(is_address).then_some(fields)
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
}

const LAYOUT: &str = "layout";

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

impl Width {
    /// The maximum of a length.
    pub const fn octets_max(self) -> usize {
        match self {
            Self::One => u8::MAX as usize,
            Self::Two => u16::MAX as usize,
        }
    }
}

impl From<&str> for Name {
    fn from(name: &str) -> Self {
        Self::Declared(name.into())
    }
}
