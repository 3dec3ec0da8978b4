//! Builds kinds from their parts, and refuses those whose octets could be read in two ways.

use alloc::{string::String, sync::Arc, vec::Vec};
use core::fmt;

use super::{Field, OptionKind, Shared, SubOption, Width};

/// The maximum depth of a kind: a leaf has a depth of one.
pub const DEPTH_MAX: usize = 8;
/// The maximum number of fields of a record, and of sub-options of an option.
pub const MEMBERS_MAX: usize = 255;

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
