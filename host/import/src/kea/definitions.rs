//! Definitions of options in Kea's configuration, by option space.
//!
//! Options of the space `dhcp4` become `[[option]]`, with the options of the space that they
//! contain as sub-options. Those of a space `vendor-NUMBER` become a `[[vendor]]`. Reads no values.

use lessor_core::{OptionKind, option::code};
use lessor_vocabulary::{
    Catalogue,
    option::{DEPTH_MAX, SubOption, Width},
};

use crate::{
    declaring, option_names,
    place::{Place, Refusal},
    report::{LineOutcome, Report},
};

use super::json::Node;

/// The option space of DHCPv4 itself.
pub(super) const SPACE: &str = "dhcp4";
/// The space that option 43 contains unless the configuration defines the option.
const IN_OPTION_43: &str = "vendor-encapsulated-options-space";
/// The space of a vendor begins with this, and its enterprise number follows.
const OF_VENDOR: &str = "vendor-";
/// The enterprise number of CableLabs, of which Kea knows some sub-options.
const CABLELABS: u32 = 4491;

/// An option that the configuration defines.
#[derive(Clone, Debug)]
struct Definition {
    place: Place,
    statement: String,
    space: String,
    name: String,
    code: u8,
    /// The form of its values, or why they are carried only as octets.
    form: Result<OptionKind, String>,
    /// The space of the options that it contains.
    contains: Option<String>,
}

/// What is known of an option.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) code: u8,
    /// The form of its values, or why they have to be octets.
    pub(super) form: Result<OptionKind, String>,
    /// The space of the options that it contains.
    pub(super) contains: Option<String>,
}

/// All options that the configuration defines.
#[derive(Clone, Debug, Default)]
pub(super) struct Definitions {
    all: Vec<Definition>,
    /// The names of vendors in the catalogue, by enterprise number.
    vendors: Vec<(u32, String)>,
}

/// The enterprise number of the vendor whose space this is.
pub(super) fn enterprise(space: &str) -> Option<u32> {
    space.strip_prefix(OF_VENDOR)?.parse().ok()
}

impl Definitions {
    /// Reads `option-def` and declares what it defines.
    pub(super) fn read(
        node: &Node,
        catalogue: &mut Catalogue,
        report: &mut Report,
    ) -> Result<Self, Refusal> {
        let list = node.list().ok_or_else(|| {
            node.place.refuse("`option-def` is not a list", "write a list of definitions")
        })?;
        let mut definitions = Self::default();
        for item in list {
            match Definition::read(item) {
                Ok(definition) => definitions.all.push(definition),
                Err(why) => report.not_carried(&item.place, &item.shown(), why),
            }
        }
        definitions.declare(catalogue, report);
        Ok(definitions)
    }

    /// The option that a name or a number identifies.
    ///
    /// # Errors
    /// Returns what is missing.
    pub(super) fn find(
        &self,
        space: &str,
        name: Option<&str>,
        number: Option<u8>,
    ) -> Result<Known, String> {
        let defined =
            self.all.iter().filter(|definition| definition.space == space).find(|definition| {
                name.map_or(Some(definition.code) == number, |name| definition.name == name)
            });
        if let Some(defined) = defined {
            let contains = defined.contains.clone();
            return Ok(Known { code: defined.code, form: defined.form.clone(), contains });
        }
        let standard = match space {
            SPACE => name.and_then(option_names::kea),
            _ => name.and_then(|name| of_cablelabs(space, name)),
        };
        let by_number =
            || number.map(|code| (code, (space == SPACE).then(|| form(code)).flatten()));
        let (code, form) = match (standard.or_else(by_number), name) {
            (Some(found), _) => found,
            (None, Some(name)) => return Err(format!("no option is named {name:?}")),
            (None, None) => return Err("it has neither a name nor a code".to_owned()),
        };
        let is_43 = space == SPACE && code == code::VENDOR_SPECIFIC_INFORMATION;
        let contains = is_43.then(|| IN_OPTION_43.to_owned());
        let form = match is_43 {
            true => OptionKind::Empty,
            false => form.unwrap_or(OptionKind::Octets),
        };
        Ok(Known { code, form: Ok(form), contains })
    }

    /// The key of a vendor in a table of vendors.
    pub(super) fn vendor_key(&self, enterprise: u32) -> String {
        let vendor = self.vendors.iter().find(|(number, _)| *number == enterprise);
        vendor.map_or_else(|| enterprise.to_string(), |(_, name)| name.clone())
    }

    /// The sub-options of a space that are defined.
    pub(super) fn members(&self, space: &str) -> Vec<SubOption> {
        self.members_at(space, 0)
    }

    fn members_at(&self, space: &str, depth: usize) -> Vec<SubOption> {
        let of_space = self.all.iter().filter(|definition| definition.space == space);
        of_space
            .map(|definition| SubOption {
                code: definition.code,
                name: declaring::name(&definition.name).as_str().into(),
                kind: self.kind(definition, depth + 1).unwrap_or(OptionKind::Octets),
            })
            .collect()
    }

    /// The kind of an option with the options that it contains.
    fn kind(&self, definition: &Definition, depth: usize) -> Result<OptionKind, String> {
        let own = definition.form.clone()?;
        match &definition.contains {
            None => Ok(own),
            Some(_) if depth > DEPTH_MAX => Err("it is nested too deeply".to_owned()),
            Some(space) => declaring::with_sub_options(own, self.members_at(space, depth)),
        }
    }

    fn declare(&mut self, catalogue: &mut Catalogue, report: &mut Report) {
        self.declare_vendors(catalogue);
        for definition in &self.all {
            let (outcome, note) = match definition.space.as_str() {
                SPACE => {
                    let kind = self.kind(definition, 0);
                    declaring::option(catalogue, &definition.name, definition.code, kind)
                }
                space => self.fate_of_member(space),
            };
            report.add(&definition.place, &definition.statement, outcome, note);
        }
    }

    fn declare_vendors(&mut self, catalogue: &mut Catalogue) {
        for definition in &self.all {
            let Some(number) = enterprise(&definition.space) else { continue };
            if self.vendors.iter().any(|(known, _)| *known == number) {
                continue;
            }
            let options = self.members(&definition.space);
            let name = &definition.space;
            let declared = declaring::vendor(catalogue, name, None, Some(number), options);
            self.vendors.extend(declared.ok().map(|name| (number, name)));
        }
    }

    /// What becomes of the definition of an option in an option.
    fn fate_of_member(&self, space: &str) -> (LineOutcome, String) {
        if let Some(number) = enterprise(space) {
            return match self.vendors.iter().any(|(known, _)| *known == number) {
                true => (LineOutcome::Carried, String::new()),
                false => {
                    (LineOutcome::NotCarried, "the names or codes of the space occur twice".into())
                }
            };
        }
        let containing =
            self.all.iter().filter(|definition| definition.contains.as_deref() == Some(space));
        let is_in_43 = space == IN_OPTION_43
            || containing.clone().any(|found| found.code == code::VENDOR_SPECIFIC_INFORMATION);
        match (is_in_43, containing.count()) {
            (true, _) => {
                let note = "the values are octets of option 43, because no vendor class is given";
                (LineOutcome::Changed, note.to_owned())
            }
            (false, 0) => {
                (LineOutcome::NotCarried, format!("no option contains the space {space:?}"))
            }
            (false, _) => (LineOutcome::Carried, String::new()),
        }
    }
}

impl Definition {
    fn read(item: &Node) -> Result<Self, String> {
        let text = |key| item.get(key).and_then(Node::text).filter(|text| !text.is_empty());
        let name = text("name").ok_or("it has no name")?.to_owned();
        let code = item.get("code").and_then(Node::number::<u8>).ok_or("it has no code")?;
        let is_array = item.get("array").and_then(Node::flag) == Some(true);
        let form = match text("type").unwrap_or_default() {
            "record" => {
                let types = text("record-types").ok_or("it has no record-types")?;
                of_record(types, is_array)
            }
            kind => of_type(kind, is_array),
        };
        Ok(Self {
            place: item.place.clone(),
            statement: item.shown(),
            space: text("space").unwrap_or(SPACE).to_owned(),
            name,
            code,
            form,
            contains: text("encapsulate").map(str::to_owned),
        })
    }
}

fn form(code: u8) -> Option<OptionKind> {
    option_names::form(code)
}

/// The sub-options of CableLabs that Kea knows.
fn of_cablelabs(space: &str, name: &str) -> Option<(u8, Option<OptionKind>)> {
    match (enterprise(space)?, name) {
        (CABLELABS, "oro") => Some((1, OptionKind::list(OptionKind::U8).ok())),
        (CABLELABS, "tftp-servers") => Some((2, Some(OptionKind::Addresses))),
        _ => None,
    }
}

/// The kind of a record; its last field is repeated in an array.
fn of_record(types: &str, is_array: bool) -> Result<OptionKind, String> {
    let types: Vec<&str> = types.split(',').map(str::trim).collect();
    let count = types.len();
    let kinds = types
        .into_iter()
        .enumerate()
        .map(|(position, name)| of_type(name, is_array && position + 1 == count));
    declaring::record(kinds.collect::<Result<_, _>>()?)
}

fn of_type(name: &str, is_array: bool) -> Result<OptionKind, String> {
    let kind = match name {
        "uint8" => OptionKind::U8,
        "uint16" => OptionKind::U16,
        "uint32" => OptionKind::U32,
        "int8" => OptionKind::I8,
        "int16" => OptionKind::I16,
        "int32" => OptionKind::I32,
        "ipv4-address" => OptionKind::Address,
        "ipv6-address" => OptionKind::Ipv6Address,
        "boolean" => OptionKind::Flag,
        "string" => OptionKind::Text,
        "binary" => OptionKind::Octets,
        "empty" => OptionKind::Empty,
        "fqdn" => OptionKind::DomainName,
        "tuple" => OptionKind::counted(Width::One, OptionKind::Text)
            .map_err(|mistake| mistake.to_string())?,
        name => return Err(format!("there is no type like {name:?}")),
    };
    match is_array {
        true => OptionKind::list(kind).map_err(|mistake| mistake.to_string()),
        false => Ok(kind),
    }
}
