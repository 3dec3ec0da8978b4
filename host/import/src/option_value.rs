//! Values of options as other servers write them, to the octets that they send.
//!
//! Knows no names (see [`crate::option_names`]) and no files. Invariant: a value that is returned
//! can be written in `lessor.toml`.

mod encode;

use std::collections::BTreeMap;

use lessor_core::{OptionDefinition, option::code};
use lessor_vocabulary::option::OPTION_OCTETS_MAX;

use crate::model::{Options, Precedence, SubOptions, Value};

pub(crate) use self::encode::{encode, hexadecimal_octets, integer};

/// One item of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) text: String,
    /// Whether it was written in quotes, so that it is text whatever it looks like.
    pub(crate) is_quoted: bool,
}

impl Item {
    pub(crate) fn bare(text: impl Into<String>) -> Self {
        Self { text: text.into(), is_quoted: false }
    }

    pub(crate) fn quoted(text: impl Into<String>) -> Self {
        Self { text: text.into(), is_quoted: true }
    }
}

/// Adds an option, unless the server does not let the configuration set it.
///
/// # Errors
/// Returns the reason.
pub(crate) fn set(options: &mut Options, code: u8, octets: Vec<u8>) -> Result<(), String> {
    check_settable(code)?;
    if octets.is_empty() {
        return Err("an option without a value is not sent".to_owned());
    }
    if octets.len() > OPTION_OCTETS_MAX {
        return Err(format!("the value has more than {OPTION_OCTETS_MAX} octets"));
    }
    if options.get(&code).is_some_and(|value| value.octets().is_none()) {
        return Err(format!("option {code} has sub-options already"));
    }
    options.insert(code, octets.into());
    Ok(())
}

/// Checks that the server lets the configuration set an option.
///
/// # Errors
/// Returns the reason.
pub(crate) fn check_settable(code: u8) -> Result<(), String> {
    match OptionDefinition::by_code(code).and_then(|definition| definition.refused) {
        Some(why) => Err(format!("the configuration cannot set option {code}: {why}")),
        None => Ok(()),
    }
}

/// Adds a sub-option of an option that every client gets.
///
/// # Errors
/// Returns the reason if the option cannot have it.
pub(crate) fn set_sub_option(
    options: &mut Options,
    containing: u8,
    code: u8,
    octets: Vec<u8>,
) -> Result<(), String> {
    check_settable(containing)?;
    check_sub_option(&octets)?;
    let empty = || Value::SubOptions(SubOptions::new());
    match options.entry(containing).or_insert_with(empty) {
        Value::SubOptions(all) => {
            all.insert(code, octets);
            Ok(())
        }
        _ => Err(format!("option {containing} has another value already")),
    }
}

/// Adds a sub-option of an option that depends on the vendor of the client.
///
/// # Errors
/// Returns the reason if the option cannot have it.
pub(crate) fn set_of_vendor(
    options: &mut Options,
    containing: u8,
    vendor: &str,
    (code, octets): (u8, Vec<u8>),
) -> Result<(), String> {
    check_sub_option(&octets)?;
    let empty = || Value::OfVendors(BTreeMap::new(), Precedence::Each);
    match options.entry(containing).or_insert_with(empty) {
        Value::OfVendors(all, _) => {
            all.entry(vendor.to_owned()).or_default().insert(code, octets);
            Ok(())
        }
        _ => Err(format!("option {containing} has another value already")),
    }
}

/// Sets all sub-options of a vendor in option 125.
///
/// # Errors
/// Returns the reason if the option cannot have them.
pub(crate) fn set_vendor(
    options: &mut Options,
    vendor: &str,
    sub_options: SubOptions,
) -> Result<(), String> {
    let containing = code::VENDOR_IDENTIFYING_VENDOR_SPECIFIC;
    let empty = || Value::OfVendors(BTreeMap::new(), Precedence::Whole);
    match options.entry(containing).or_insert_with(empty) {
        Value::OfVendors(all, Precedence::Whole) => {
            all.insert(vendor.to_owned(), sub_options);
            Ok(())
        }
        _ => Err(format!("option {containing} has another value already")),
    }
}

/// Checks that a sub-option is not too long.
///
/// # Errors
/// Returns what was wanted.
pub(crate) fn check_sub_option(octets: &[u8]) -> Result<(), String> {
    match octets.len() <= usize::from(u8::MAX) {
        true => Ok(()),
        false => Err("a sub-option has at most 255 octets".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_of_the_server_itself_cannot_be_set() {
        let mut options = Options::new();
        assert!(set(&mut options, 51, vec![1]).unwrap_err().contains("lease-time"));
        assert!(set(&mut options, 3, vec![]).is_err());
        assert!(set(&mut options, 43, vec![0; OPTION_OCTETS_MAX + 1]).is_err());
        set(&mut options, 43, vec![1]).unwrap();
        assert_eq!(options.len(), 1);
    }
}
