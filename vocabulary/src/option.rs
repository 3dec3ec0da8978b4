//! Options: their codes, names and kinds of value.
//!
//! The options themselves are in `catalogue`, the kinds of values in `kind`, and those kinds that
//! consist of parts in `layouts`. What an operator declares in addition is a
//! [`Catalogue`](crate::Catalogue). Invariant: a code has at most one name, and a name at most one
//! code.

use core::fmt;

use crate::near;

/// Defines the options of the catalogue: a constant for each code, and the lists.
macro_rules! options {
    (
        anyone {
            $(
                $name:ident = $code:literal, $text:literal: $kind:expr
                $(, also $($also:literal)+)?;
            )+
        }
        client {
            $($client:ident = $client_code:literal, $client_text:literal: $client_kind:ident:
                $client_why:literal;)+
        }
        engine {
            $($engine:ident = $engine_code:literal, $engine_text:literal: $engine_kind:ident:
                $why:literal;)+
        }
    ) => {
        /// The codes of the options that are known by name.
        #[allow(missing_docs, reason = "the names are those of the options")]
        pub mod code {
            $(pub const $name: u8 = $code;)+
            $(pub const $client: u8 = $client_code;)+
            $(pub const $engine: u8 = $engine_code;)+
        }

        pub(super) const ANYONE: &[OptionDefinition] = &[
            $(OptionDefinition {
                code: $code,
                name: $text,
                kind: $kind,
                synonyms: &[$($($also),+)?],
                refused: None,
            },)+
        ];

        pub(super) const CLIENT: &[OptionDefinition] = &[
            $(OptionDefinition {
                code: $client_code,
                name: $client_text,
                kind: $client_kind,
                synonyms: &[],
                refused: Some($client_why),
            },)+
        ];

        pub(super) const ENGINE: &[OptionDefinition] = &[
            $(OptionDefinition {
                code: $engine_code,
                name: $engine_text,
                kind: $engine_kind,
                synonyms: &[],
                refused: Some($why),
            },)+
        ];

        /// Returns whether only the engine may set the option; configuration and policies may not.
        pub const fn is_reserved_for_engine(code: u8) -> bool {
            matches!(code, $($engine_code)|+)
        }
    };
}

mod catalogue;
mod kind;
mod layouts;
pub(crate) mod service_parameters;

use catalogue::{ANYONE, CLIENT, ENGINE};
pub use catalogue::{code, is_reserved_for_engine};
pub use kind::{
    DEPTH_MAX, Field, KindMistake, MEMBERS_MAX, Name, OptionKind, Shared, SubOption, Width,
};
pub(crate) use layouts::USER_CLASS as COUNTED_TEXTS;

/// The maximum length of an option, in octets: four parts of 255 octets (RFC 3396). A reply has
/// little more room.
pub const OPTION_OCTETS_MAX: usize = 4 * 255;

/// An option that has a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OptionDefinition {
    /// Its code.
    pub code: u8,
    /// Its name in configuration, policies and logs.
    pub name: &'static str,
    /// The kind of its value.
    pub kind: OptionKind,
    /// Its names in other software, which are suggestions only.
    pub synonyms: &'static [&'static str],
    /// Why the configuration cannot set it, or what to do instead; `None` if it can.
    pub refused: Option<&'static str>,
}

impl OptionDefinition {
    /// The option with this name.
    pub fn by_name(name: &str) -> Option<&'static Self> {
        Self::known().find(|definition| definition.name == name)
    }

    /// The option with this code.
    pub fn by_code(code: u8) -> Option<&'static Self> {
        Self::known().find(|definition| definition.code == code)
    }

    /// Every option that can be set by name, in order of code.
    pub const fn all() -> &'static [Self] {
        ANYONE
    }

    /// Every option that clients and relays send and that the configuration cannot set, in order of
    /// code.
    pub const fn of_clients() -> &'static [Self] {
        CLIENT
    }

    /// Every option that only the engine sets, in order of code.
    pub const fn of_engine() -> &'static [Self] {
        ENGINE
    }

    /// Every option that has a name.
    pub fn known() -> impl Iterator<Item = &'static Self> {
        ANYONE.iter().chain(CLIENT).chain(ENGINE)
    }
}

/// The name of an option; `None` if it has none.
pub fn name(code: u8) -> Option<&'static str> {
    OptionDefinition::by_code(code).map(|definition| definition.name)
}

/// Displays the name of an option, or `option-` and its code if it has none.
pub fn shown_name(code: u8) -> impl fmt::Display {
    Shown { code, name: name(code) }
}

/// Displays a name, or `option-` and the code without one.
pub(crate) struct Shown<'n> {
    pub(crate) code: u8,
    pub(crate) name: Option<&'n str>,
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name {
            Some(name) => f.write_str(name),
            None => write!(f, "option-{}", self.code),
        }
    }
}

/// The reason why a text does not identify an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unrecognised<'n> {
    /// There is no option of this name.
    Name {
        /// The text.
        found: &'n str,
        /// The name that was probably meant.
        meant: Option<&'n str>,
    },
    /// The number is not one of an option.
    Number {
        /// The text.
        found: &'n str,
    },
}

impl Unrecognised<'_> {
    /// What to do about an unknown name that is like no other.
    pub const ADVICE: &'static str =
        "write an option without a name by its number, such as \"224\" = \"hex:0a0b\"";
    /// What was wanted instead of a number that is too large.
    pub const WANTED_NUMBER: &'static str = "wanted a number from 1 to 254";
}

impl fmt::Display for Unrecognised<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name { found, meant: Some(meant) } => {
                write!(f, "no option is named `{found}`; did you mean `{meant}`?")
            }
            Self::Name { found, meant: None } => {
                write!(f, "no option is named `{found}`; {}", Self::ADVICE)
            }
            Self::Number { found } => {
                write!(f, "there is no option {found}; {}", Self::WANTED_NUMBER)
            }
        }
    }
}

/// Returns the code of the registered option that a text identifies by name or number, and the kind
/// of its value: `None` if the option has no name.
///
/// # Errors
/// Returns an [`Unrecognised`] if no option has this name or number.
pub fn recognise(text: &str) -> Result<(u8, Option<OptionKind>), Unrecognised<'_>> {
    if let Some(definition) = OptionDefinition::by_name(text) {
        return Ok((definition.code, Some(definition.kind.clone())));
    }
    if let Some(number) = number(text) {
        let code = number?;
        let definition = OptionDefinition::by_code(code);
        return Ok((code, definition.map(|definition| definition.kind.clone())));
    }
    Err(Unrecognised::Name { found: text, meant: meant(text, core::iter::empty()) })
}

/// The number of an option, if the text is a number.
pub(crate) fn number(text: &str) -> Option<Result<u8, Unrecognised<'_>>> {
    let is_number = !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit());
    is_number.then(|| text.parse::<u8>().map_err(|_| Unrecognised::Number { found: text }))
}

/// The name that an unknown one was probably meant to be: that of a registered option, or one of
/// `others`.
pub(crate) fn meant<'n>(text: &str, others: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let settable = || ANYONE.iter().chain(CLIENT);
    let is_meant = |definition: &&OptionDefinition| definition.synonyms.contains(&text);
    let synonym = settable().find(is_meant).map(|definition| definition.name);
    let names = settable().map(|definition| definition.name);
    synonym.or_else(|| near::closest(text, names.chain(others)))
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn the_catalogue_is_in_order_and_names_nothing_twice() {
        for list in [ANYONE, CLIENT, ENGINE] {
            assert!(list.windows(2).all(|pair| pair[0].code < pair[1].code));
        }
        for definition in OptionDefinition::known() {
            let same = |other: &&OptionDefinition| {
                other.code == definition.code || other.name == definition.name
            };
            assert_eq!(OptionDefinition::known().filter(same).count(), 1, "{}", definition.name);
            let is_of_engine = ENGINE.contains(definition);
            assert_eq!(is_reserved_for_engine(definition.code), is_of_engine);
            let kind = Some(definition.kind.clone());
            assert_eq!(recognise(definition.name), Ok((definition.code, kind)));
            for synonym in definition.synonyms {
                let found = recognise(synonym);
                let meant = Some(definition.name);
                assert_eq!(found, Err(Unrecognised::Name { found: synonym, meant }));
            }
        }
    }

    #[test]
    fn options_are_recognised_by_name_and_number() {
        assert_eq!(recognise("routers"), Ok((3, Some(OptionKind::Addresses))));
        assert_eq!(recognise("3"), Ok((3, Some(OptionKind::Addresses))));
        assert_eq!(recognise("224"), Ok((224, None)));
        assert_eq!(recognise("lease-time"), Ok((51, Some(OptionKind::U32))));
        for (text, message) in [
            ("dns", "no option is named `dns`; did you mean `domain-name-servers`?"),
            ("router", "no option is named `router`; did you mean `routers`?"),
            ("domainSearch", "no option is named `domainSearch`; did you mean `domain-search`?"),
            ("zebra", "no option is named `zebra`; write an option without a name by its number"),
            ("", "no option is named ``; write"),
            ("256", "there is no option 256; wanted a number from 1 to 254"),
        ] {
            let said = recognise(text).unwrap_err().to_string();
            assert!(said.starts_with(message), "{text}: {said}");
        }
        assert_eq!(shown_name(6).to_string(), "domain-name-servers");
        assert_eq!(shown_name(51).to_string(), "lease-time");
        assert_eq!(shown_name(224).to_string(), "option-224");
    }
}
