//! The options that a configuration knows by name: those that are registered, those that it
//! declares itself, and the sub-options of vendors.
//!
//! Does not read declarations; the crate of the configuration does. Everything that resolves the
//! name of an option asks a catalogue, so that a declared option can be used wherever a registered
//! one can. [`Catalogue::registered`] has no declarations: it is what policies are built with.
//!
//! Vendors are tables within the options 43, 124 and 125, with the name of the vendor as their key:
//! `{ acme = { acs-url = "http://…" } }`. In a configuration, the value is then chosen for each
//! client; a policy, which knows its client, writes the value of one vendor into option 43.
//!
//! Invariant: a name means one option, a code has one name, and a vendor differs from every other
//! one in name, class and enterprise number.

mod vendors;

use alloc::{
    borrow::ToOwned,
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::{cell::RefCell, fmt};

use crate::{
    OptionDefinition, OptionKind, OptionSetting, OptionValue, ValueSource,
    option::{self, Name, Shared, Shown, SubOption, Unrecognised, code, is_reserved_for_engine},
    read::{self, ValueWriter},
    written::Named,
};

/// The options that are known by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalogue {
    options: Vec<DeclaredOption>,
    vendors: Vec<Vendor>,
}

/// An option that is declared in a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeclaredOption {
    /// Its code.
    pub code: u8,
    /// Its name.
    pub name: Name,
    /// The kind of its value.
    pub kind: OptionKind,
}

/// A vendor with sub-options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vendor {
    /// Its name.
    pub name: Name,
    /// The beginning of the vendor class (option 60) of its clients, which get option 43.
    pub class: Option<String>,
    /// Its enterprise number, for the options 124 and 125.
    pub enterprise: Option<u32>,
    /// Its sub-options.
    pub options: Shared<[SubOption]>,
}

/// Why an option or a vendor cannot be declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CatalogueMistake {
    /// The code is not one of an option.
    NoCode,
    /// The option with this code has this name already.
    CodeNamed(u8, String),
    /// An option has this name already, or it is the name of an option in other software.
    NameTaken(String),
    /// Another vendor has this name.
    VendorTwice(String),
    /// Another vendor has this class or this enterprise number.
    SameClients(String),
}

static REGISTERED: Catalogue = Catalogue { options: Vec::new(), vendors: Vec::new() };

/// Returns the code of the registered option with this name or number, and the value as octets.
///
/// # Errors
/// Returns a sentence if no option has this name, if only the server sets it, or if the value is of
/// another kind.
pub fn encode_option(name: &str, value: &OptionSetting) -> Result<(u8, Vec<u8>), String> {
    REGISTERED.encode(name, value)
}

impl Catalogue {
    /// The catalogue without declarations.
    pub const fn registered() -> &'static Self {
        &REGISTERED
    }

    /// Adds an option.
    ///
    /// # Errors
    /// Returns an error if its code or its name is taken.
    pub fn declare(&mut self, option: DeclaredOption) -> Result<(), CatalogueMistake> {
        if matches!(option.code, code::PAD | code::END) {
            return Err(CatalogueMistake::NoCode);
        }
        if let Some(name) = self.name(option.code) {
            return Err(CatalogueMistake::CodeNamed(option.code, name.to_owned()));
        }
        let name = &*option.name;
        let is_synonym = OptionDefinition::all().iter().any(|known| known.synonyms.contains(&name));
        if is_synonym || self.recognise(name).is_ok() {
            return Err(CatalogueMistake::NameTaken(name.to_owned()));
        }
        self.options.push(option);
        Ok(())
    }

    /// Adds a vendor.
    ///
    /// # Errors
    /// Returns an error if another vendor has its name, or the same clients.
    pub fn add_vendor(&mut self, vendor: Vendor) -> Result<(), CatalogueMistake> {
        for other in &self.vendors {
            let name = || String::from(&*other.name);
            if other.name == vendor.name {
                return Err(CatalogueMistake::VendorTwice(name()));
            }
            let same_class = vendor.class.is_some() && vendor.class == other.class;
            let same_enterprise =
                vendor.enterprise.is_some() && vendor.enterprise == other.enterprise;
            if same_class || same_enterprise {
                return Err(CatalogueMistake::SameClients(name()));
            }
        }
        self.vendors.push(vendor);
        Ok(())
    }

    /// The options that are declared, in the order of their declarations.
    pub fn declared(&self) -> &[DeclaredOption] {
        &self.options
    }

    /// The vendors, in the order of their declarations.
    pub fn vendors(&self) -> &[Vendor] {
        &self.vendors
    }

    /// The name of an option; `None` if it has none.
    pub fn name(&self, code: u8) -> Option<&str> {
        let declared = self.options.iter().find(|option| option.code == code);
        declared.map(|option| &*option.name).or_else(|| option::name(code))
    }

    /// Displays the name of an option, or `option-` and its code if it has none.
    pub fn shown_name(&self, code: u8) -> impl fmt::Display + '_ {
        Shown { code, name: self.name(code) }
    }

    /// The kind of value of an option; `None` if the option has no name.
    pub fn kind(&self, code: u8) -> Option<&OptionKind> {
        let declared = self.options.iter().find(|option| option.code == code);
        let registered = || OptionDefinition::by_code(code).map(|definition| &definition.kind);
        declared.map(|option| &option.kind).or_else(registered)
    }

    /// Returns the code of the option that a text identifies by name or number.
    ///
    /// # Errors
    /// Returns an [`Unrecognised`] if no option has this name or number.
    pub fn recognise<'n>(&'n self, text: &'n str) -> Result<u8, Unrecognised<'n>> {
        if let Some(option) = self.options.iter().find(|option| &*option.name == text) {
            return Ok(option.code);
        }
        if let Some(definition) = OptionDefinition::by_name(text) {
            return Ok(definition.code);
        }
        if let Some(number) = option::number(text) {
            return number;
        }
        let declared = self.options.iter().map(|option| &*option.name);
        Err(Unrecognised::Name { found: text, meant: option::meant(text, declared) })
    }

    /// Reads the value of an option.
    pub fn value<S: ValueSource>(
        &self,
        source: &S,
        code: u8,
        writer: ValueWriter,
    ) -> Option<OptionValue> {
        let members = source.members();
        let value = match (code, members) {
            (code::VENDOR_SPECIFIC_INFORMATION, Some(members)) => {
                self.for_classes(source, &members, writer)?
            }
            (code::VENDOR_IDENTIFYING_VENDOR_SPECIFIC, Some(members)) => {
                self.for_enterprises(source, &members, writer, vendors::of_vendor)?
            }
            (code::VENDOR_IDENTIFYING_VENDOR_CLASS, Some(members))
                if vendors::are_named(&members) =>
            {
                self.for_enterprises(source, &members, writer, vendors::vendor_classes)?
            }
            _ => return read::value(source, self.kind(code), writer),
        };
        read::fitting(source, value)
    }

    /// Returns the code of the option with this name or number, and the value as octets, as a
    /// policy sets them.
    ///
    /// # Errors
    /// Returns a sentence if no option has this name, if only the server sets it, or if the value
    /// is of another kind.
    pub fn encode(&self, name: &str, value: &OptionSetting) -> Result<(u8, Vec<u8>), String> {
        let code = self.recognise(name).map_err(|unrecognised| unrecognised.to_string())?;
        if is_reserved_for_engine(code) {
            return Err(format!("option {name} is set only by the server; remove it"));
        }
        let mistake = RefCell::new(None);
        let named = Named { option: name, value, mistake: &mistake };
        match self.value(&named, code, ValueWriter::Policy) {
            Some(value) => Ok((code, value.to_octets())),
            None => Err(mistake.take().unwrap_or_default()),
        }
    }

    /// Returns octets of option `code` as a person would write them. Printable ASCII is written as
    /// text, and octets that are not valid for the option as `hex:` and digits. The sub-options in
    /// option 43 are those of the vendor that the vendor class of the client belongs to.
    pub fn decode(&self, code: u8, octets: &[u8], vendor_class: Option<&[u8]>) -> OptionSetting {
        let of_vendors = match code {
            code::VENDOR_SPECIFIC_INFORMATION => self.decode_of_class(octets, vendor_class),
            code::VENDOR_IDENTIFYING_VENDOR_SPECIFIC => self.decode_of_enterprises(octets),
            _ => None,
        };
        of_vendors.unwrap_or_else(|| OptionSetting::decode_as(self.kind(code), octets))
    }

    /// The value of option `code` in a form for people.
    pub fn shown(&self, code: u8, value: &OptionValue, vendor_class: Option<&[u8]>) -> String {
        let OptionValue::Octets(octets) = value else { return value.shown(code) };
        let leaf = self.kind(code).filter(|kind| !kind.is_layout());
        match leaf.and_then(|kind| kind.decode(octets)) {
            None | Some(OptionValue::Text(_) | OptionValue::Octets(_)) => {}
            Some(value) => return value.shown(code),
        }
        match self.decode(code, octets, vendor_class) {
            OptionSetting::List(items) => {
                let items: Vec<String> = items.iter().map(ToString::to_string).collect();
                items.join(",")
            }
            value => value.to_string(),
        }
    }
}

impl fmt::Display for CatalogueMistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCode => f.write_str("an option has a code from 1 to 254"),
            Self::CodeNamed(code, name) => write!(f, "option {code} has the name `{name}` already"),
            Self::NameTaken(name) => write!(f, "an option is named `{name}` already"),
            Self::VendorTwice(name) => write!(f, "two vendors are named `{name}`"),
            Self::SameClients(name) => {
                write!(f, "the vendor `{name}` has the same class or the same enterprise number")
            }
        }
    }
}
