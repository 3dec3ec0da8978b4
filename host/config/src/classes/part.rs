//! Reads the parts of an option that a class tests: sub-options by name or code, and those of a
//! vendor.
//!
//! `relay-agent-information = { subscriber-id = "x" }` tests a sub-option, and tables are nested as
//! the option is. In the options 43, 124 and 125 a key is the name of a vendor; beside names,
//! option 43 takes codes, which mean the sub-options of any vendor, and the others take enterprise
//! numbers. Invariant: sub-options of a vendor in option 43 are tested only for its clients.

use lessor_core::{Fact, FactPart, OctetReading, OptionKind, Test, option::code};
use lessor_vocabulary::{Catalogue, Vendor, option::SubOption};
use toml::de::DeValue;

use crate::{
    declarations::NO_SUB_OPTION,
    mistake::Draft,
    reader::KeyValue,
    suggest::{closest, joined},
};

use super::{
    fitting::{Wanted, has_operators},
    reading::{ConditionReader, Tests},
};

/// Octets that a value, or a table of their parts, is about.
struct OctetPlace<'c> {
    fact: Fact,
    wanted: Wanted<'c>,
    parts: Parts<'c>,
}

/// The parts that octets have.
#[derive(Clone, Copy)]
enum Parts<'c> {
    /// None.
    None,
    /// Sub-options, some of which have names.
    SubOptions(&'c [SubOption]),
    /// The sub-options of each vendor in option 43.
    Vendors,
    /// A part for each enterprise, in option 124 or 125.
    Enterprises,
}

impl ConditionReader<'_> {
    /// Reads the tests of an option. Returns `None` if there are mistakes, which are reported.
    pub(super) fn parts(
        &mut self,
        entry: &KeyValue,
        option: u8,
        catalogue: &Catalogue,
        tests: &mut Tests,
    ) -> Option<()> {
        let kind = catalogue.kind(option);
        let parts = match option {
            code::VENDOR_SPECIFIC_INFORMATION => Parts::Vendors,
            code::VENDOR_IDENTIFYING_VENDOR_CLASS | code::VENDOR_IDENTIFYING_VENDOR_SPECIFIC => {
                Parts::Enterprises
            }
            _ => Parts::of(kind),
        };
        let place = OctetPlace { fact: Fact::option(option), wanted: Wanted::of(kind), parts };
        self.tests_at(&place, entry, catalogue, tests)
    }

    fn tests_at(
        &mut self,
        place: &OctetPlace,
        KeyValue { key, value }: &KeyValue,
        catalogue: &Catalogue,
        tests: &mut Tests,
    ) -> Option<()> {
        let is_table = matches!(value.raw(), DeValue::Table(_)) && !has_operators(value);
        if matches!(place.parts, Parts::None) || !is_table {
            let fitting = self.fitting(value, place.wanted)?;
            let test = Test::Octets(place.fact.clone(), place.wanted.reading, fitting);
            tests.add(key.value, value, test);
            return Some(());
        }
        let entries = value.entries("a table of sub-options");
        if entries.is_empty() {
            value.refuse("at least one sub-option");
        }
        let mut is_right = !entries.is_empty();
        for entry in &entries {
            let read = place.part(entry, catalogue).and_then(|(part, vendor)| {
                if let Some(class) = vendor.and_then(|vendor| vendor.class.as_deref()) {
                    tests.add_vendor_class(&entry.value, class, catalogue);
                }
                self.tests_at(&part, entry, catalogue, tests)
            });
            is_right &= read.is_some();
        }
        is_right.then_some(())
    }
}

impl<'c> Parts<'c> {
    fn of(kind: Option<&'c OptionKind>) -> Self {
        match kind {
            Some(OptionKind::SubOptions(options)) => Self::SubOptions(options),
            _ => Self::None,
        }
    }
}

impl OctetPlace<'_> {
    /// The part that a key means, and the vendor whose clients alone send it; an unknown key is
    /// reported.
    fn part<'p>(
        &'p self,
        entry: &KeyValue,
        catalogue: &'p Catalogue,
    ) -> Option<(OctetPlace<'p>, Option<&'p Vendor>)> {
        let key = entry.key.value;
        let vendors = || catalogue.vendors().iter();
        let vendor = vendors().find(|vendor| &*vendor.name == key);
        match self.parts {
            Parts::Vendors => {
                if let Some(vendor) = vendor.filter(|vendor| vendor.class.is_some()) {
                    let parts = Parts::SubOptions(&vendor.options);
                    let wanted = Wanted::of(None);
                    return Some((
                        OctetPlace { fact: self.fact.clone(), wanted, parts },
                        Some(vendor),
                    ));
                }
                if let Ok(code) = key.parse() {
                    return Some((self.sub_option(entry, code, None)?, None));
                }
                let named = vendors().filter(|vendor| vendor.class.is_some());
                let noun = "a vendor with a `class`, nor a code";
                report_unknown(entry, noun, named.map(|vendor| &*vendor.name));
            }
            Parts::Enterprises => {
                let enterprise = vendor.and_then(|vendor| vendor.enterprise);
                if let Some(number) = enterprise.or_else(|| key.parse().ok()) {
                    let mut place = self.within(FactPart::Enterprise(number), None);
                    match self.fact.option == code::VENDOR_IDENTIFYING_VENDOR_CLASS {
                        true => place.wanted.reading = OctetReading::Texts,
                        false => {
                            let options = vendor.map(|vendor| &*vendor.options);
                            place.parts = Parts::SubOptions(options.unwrap_or_default());
                        }
                    }
                    return Some((place, None));
                }
                let named = vendors().filter(|vendor| vendor.enterprise.is_some());
                let noun = "a vendor with an `enterprise`, nor an enterprise number";
                report_unknown(entry, noun, named.map(|vendor| &*vendor.name));
            }
            Parts::SubOptions(options) => {
                let by_name = options.iter().find(|option| &*option.name == key);
                if let Some(code) = by_name.map(|found| found.code).or_else(|| key.parse().ok()) {
                    let kind = options.iter().find(|option| option.code == code);
                    let kind = kind.map(|option| &option.kind);
                    return Some((self.sub_option(entry, code, kind)?, None));
                }
                let named = options.iter().map(|option| &*option.name);
                report_unknown(entry, "a sub-option, nor a code", named);
            }
            Parts::None => {}
        }
        None
    }

    /// A sub-option of these octets, of this kind. A code that is none is reported.
    fn sub_option<'k>(
        &self,
        KeyValue { key, value }: &KeyValue,
        code: u8,
        kind: Option<&'k OptionKind>,
    ) -> Option<OctetPlace<'k>> {
        let is_first = self.fact.parts.is_empty();
        let is_in_option_43 = is_first && self.fact.option == code::VENDOR_SPECIFIC_INFORMATION;
        if is_in_option_43 && matches!(code, code::PAD | code::END) {
            let draft = Draft::found(format!("`{}` is not a sub-option", key.value))
                .wanted("wanted a code from 1 to 254")
                .help(NO_SUB_OPTION);
            value.collector().report(&key.span, draft);
            return None;
        }
        Some(self.within(FactPart::SubOption(code), kind))
    }

    /// A part of these octets, of this kind.
    fn within<'k>(&self, part: FactPart, kind: Option<&'k OptionKind>) -> OctetPlace<'k> {
        let parts = self.fact.parts.iter().copied().chain([part]).collect();
        let fact = Fact { option: self.fact.option, parts };
        OctetPlace { fact, wanted: Wanted::of(kind), parts: Parts::of(kind) }
    }
}

/// Reports the key of a part that is not known.
fn report_unknown<'n>(entry: &KeyValue, noun: &str, names: impl Iterator<Item = &'n str> + Clone) {
    let key = entry.key.value;
    let draft = Draft::found(format!("`{key}` is not {noun}"));
    let draft = match closest(key, names.clone()) {
        Some(name) => draft.wanted(format!("did you mean `{name}`?")),
        None => draft.wanted("unknown"),
    };
    let names = joined(names);
    let help = match names.is_empty() {
        true => "none has a name; write its number".to_owned(),
        false => format!("those with a name are {names}"),
    };
    entry.value.collector().report(&entry.key.span, draft.help(help));
}
