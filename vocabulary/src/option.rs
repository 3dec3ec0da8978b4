//! Options: their codes, names and kinds of value.
//!
//! The options themselves are in `catalogue`. Invariant: a code has at most one name, and a name
//! at most one code.

use core::fmt;

use crate::near;

/// Defines the options of the catalogue: a constant for each code, and the two lists.
macro_rules! options {
    (
        anyone {
            $(
                $name:ident = $code:literal, $text:literal: $kind:ident
                $(, also $($also:literal)+)?;
            )+
        }
        engine { $($engine:ident = $engine_code:literal, $engine_text:literal: $why:literal;)+ }
        nameless { $($nameless:ident = $nameless_code:literal;)+ }
    ) => {
        /// The codes of the options that are known by name, and of some others.
        #[allow(missing_docs, reason = "the names are those of the options")]
        pub mod code {
            $(pub const $name: u8 = $code;)+
            $(pub const $engine: u8 = $engine_code;)+
            $(pub const $nameless: u8 = $nameless_code;)+
        }

        pub(super) const ANYONE: &[OptionDefinition] = &[
            $(OptionDefinition {
                code: $code,
                name: $text,
                kind: OptionKind::$kind,
                synonyms: &[$($($also),+)?],
            },)+
        ];

        pub(super) const ENGINE: &[ReservedOption] = &[
            $(ReservedOption { code: $engine_code, name: $engine_text, why: $why },)+
        ];

        /// Returns whether only the engine may set the option; configuration and policies may not.
        pub const fn is_reserved_for_engine(code: u8) -> bool {
            matches!(code, $($engine_code)|+)
        }
    };
}

mod catalogue;

use catalogue::{ANYONE, ENGINE};
pub use catalogue::{code, is_reserved_for_engine};

/// The maximum length of an option, in octets: four parts of 255 octets (RFC 3396). A reply has
/// little more room.
pub const OPTION_OCTETS_MAX: usize = 4 * 255;

/// The kind of value of an option; one for each variant of [`OptionValue`](crate::OptionValue).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
}

/// An option that configurations and policies can set by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OptionDefinition {
    /// Its code.
    pub code: u8,
    /// Its name in configuration, policies and logs.
    pub name: &'static str,
    /// The kind of its value.
    pub kind: OptionKind,
    /// Its names in other software, which are suggestions only.
    pub synonyms: &'static [&'static str],
}

/// An option that only the engine sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReservedOption {
    /// Its code.
    pub code: u8,
    /// Its name in logs and messages.
    pub name: &'static str,
    /// Why the configuration cannot set it, or what to do instead.
    pub why: &'static str,
}

impl OptionKind {
    /// Its name in the tables of the SDKs.
    pub const fn name(self) -> &'static str {
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
        }
    }

    /// Whether its values consist of addresses.
    pub const fn takes_addresses(self) -> bool {
        matches!(self, Self::Address | Self::Addresses)
    }
}

impl OptionDefinition {
    /// The option with this name.
    pub fn by_name(name: &str) -> Option<&'static Self> {
        ANYONE.iter().find(|definition| definition.name == name)
    }

    /// The option with this code.
    pub fn by_code(code: u8) -> Option<&'static Self> {
        ANYONE.iter().find(|definition| definition.code == code)
    }

    /// Every option that can be set by name, in order of code.
    pub const fn all() -> &'static [Self] {
        ANYONE
    }
}

impl ReservedOption {
    /// The option with this code, if only the engine sets it.
    pub fn by_code(code: u8) -> Option<&'static Self> {
        ENGINE.iter().find(|reserved| reserved.code == code)
    }

    /// Every option that only the engine sets, in order of code.
    pub const fn all() -> &'static [Self] {
        ENGINE
    }
}

/// The name of an option; `None` if it has none.
pub fn name(code: u8) -> Option<&'static str> {
    let of_engine = || ReservedOption::by_code(code).map(|reserved| reserved.name);
    OptionDefinition::by_code(code).map(|definition| definition.name).or_else(of_engine)
}

/// Displays the name of an option, or `option-` and its code if it has none.
pub fn shown_name(code: u8) -> impl fmt::Display {
    struct Shown(u8);
    impl fmt::Display for Shown {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            match name(self.0) {
                Some(name) => f.write_str(name),
                None => write!(f, "option-{}", self.0),
            }
        }
    }
    Shown(code)
}

/// The reason why a text does not identify an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unrecognised<'n> {
    /// There is no option of this name.
    Name {
        /// The text.
        found: &'n str,
        /// The name that was probably meant.
        meant: Option<&'static str>,
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

/// Returns the code of the option that a text identifies by name or number, and the kind of its
/// value: `None` if the option has no name, or if only the engine sets it.
///
/// # Errors
/// Returns an [`Unrecognised`] if no option has this name or number.
pub fn recognise(text: &str) -> Result<(u8, Option<OptionKind>), Unrecognised<'_>> {
    if let Some(definition) = OptionDefinition::by_name(text) {
        return Ok((definition.code, Some(definition.kind)));
    }
    if let Some(reserved) = ENGINE.iter().find(|reserved| reserved.name == text) {
        return Ok((reserved.code, None));
    }
    if !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit()) {
        let code = text.parse::<u8>().map_err(|_| Unrecognised::Number { found: text })?;
        return Ok((code, OptionDefinition::by_code(code).map(|definition| definition.kind)));
    }
    let is_meant = |definition: &&OptionDefinition| definition.synonyms.contains(&text);
    let synonym = ANYONE.iter().find(is_meant).map(|definition| definition.name);
    let names = || ANYONE.iter().map(|definition| definition.name);
    Err(Unrecognised::Name { found: text, meant: synonym.or_else(|| near::closest(text, names())) })
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn the_catalogue_is_in_order_and_names_nothing_twice() {
        assert!(ANYONE.windows(2).all(|pair| pair[0].code < pair[1].code));
        assert!(ENGINE.windows(2).all(|pair| pair[0].code < pair[1].code));
        for definition in ANYONE {
            assert_eq!(OptionDefinition::by_name(definition.name), Some(definition));
            assert!(!is_reserved_for_engine(definition.code));
            assert_eq!(recognise(definition.name), Ok((definition.code, Some(definition.kind))));
            for synonym in definition.synonyms {
                let found = recognise(synonym);
                let meant = Some(definition.name);
                assert_eq!(found, Err(Unrecognised::Name { found: synonym, meant }));
            }
        }
        for reserved in ENGINE {
            assert_eq!(recognise(reserved.name), Ok((reserved.code, None)));
        }
    }

    #[test]
    fn options_are_recognised_by_name_and_number() {
        assert_eq!(recognise("routers"), Ok((3, Some(OptionKind::Addresses))));
        assert_eq!(recognise("3"), Ok((3, Some(OptionKind::Addresses))));
        assert_eq!(recognise("224"), Ok((224, None)));
        assert_eq!(recognise("lease-time"), Ok((51, None)));
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
