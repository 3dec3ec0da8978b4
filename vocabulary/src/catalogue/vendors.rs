//! Options 43, 124 and 125 as tables with a vendor as key.

use alloc::{
    borrow::ToOwned,
    string::{String, ToString},
    vec::Vec,
};

use super::{Catalogue, Vendor};
use crate::{
    OptionSetting, OptionValue, ValueRefusal, ValueSource,
    encapsulated::without_padding,
    hexadecimal::{self, HEX},
    near,
    option::{OPTION_OCTETS_MAX, Shared, code},
    read::{self, ValueForm, ValueWriter},
    value::{ForClass, ForEnterprise, blocks},
};

impl Catalogue {
    /// Reads option 43: a table of vendors, each with a table of its sub-options.
    pub(super) fn for_classes<S: ValueSource>(
        &self,
        source: &S,
        members: &[(String, S)],
        writer: ValueWriter,
    ) -> Option<OptionValue> {
        let mut values = Vec::with_capacity(members.len());
        let mut is_right = !members.is_empty();
        if members.is_empty() {
            source.refuse(ValueRefusal::wanted("at least one vendor"));
        }
        for (key, written) in members {
            let vendor = self.vendors.iter().find(|vendor| &*vendor.name == key);
            let Some((vendor, class)) =
                vendor.and_then(|found| Some((found, found.class.as_ref()?)))
            else {
                written.refuse(self.unknown_vendor(key, |vendor| vendor.class.is_some()));
                is_right = false;
                continue;
            };
            let mut octets = Vec::new();
            is_right &= has_only_sub_options(written);
            is_right &= of_vendor(written, vendor, OPTION_OCTETS_MAX, &mut octets).is_some();
            values.push(ForClass { class: class.clone(), octets });
        }
        if !is_right {
            return None;
        }
        match (writer, values.as_slice()) {
            (ValueWriter::Configuration, _) => Some(OptionValue::ByClass(values)),
            (ValueWriter::Policy, [value]) => Some(OptionValue::Octets(value.octets.clone())),
            (ValueWriter::Policy, _) => {
                let help = "a policy sets the option for one client";
                source.refuse(ValueRefusal::wanted("the sub-options of one vendor").help(help));
                None
            }
        }
    }

    /// Reads option 124 or 125: a table of vendors or enterprise numbers, each with a part that
    /// `read_part` reads.
    pub(super) fn for_enterprises<S: ValueSource>(
        &self,
        source: &S,
        members: &[(String, S)],
        writer: ValueWriter,
        read_part: ReadPart<S>,
    ) -> Option<OptionValue> {
        let mut parts: Vec<ForEnterprise> = Vec::with_capacity(members.len());
        let mut is_right = !members.is_empty();
        if members.is_empty() {
            source.refuse(ValueRefusal::wanted("at least one vendor"));
        }
        for (key, written) in members {
            let vendor = self.vendors.iter().find(|vendor| &*vendor.name == key);
            let number = key.parse().ok();
            let numbered = self
                .vendors
                .iter()
                .find(|found| found.enterprise.is_some() && found.enterprise == number);
            let vendor = vendor.or(numbered);
            let enterprise = vendor.and_then(|vendor| vendor.enterprise);
            let Some(enterprise) = enterprise.or(number.filter(|_| vendor.is_none())) else {
                written.refuse(self.unknown_vendor(key, |vendor| vendor.enterprise.is_some()));
                is_right = false;
                continue;
            };
            if parts.iter().any(|part| part.enterprise == enterprise) {
                written.refuse(ValueRefusal::wanted("each vendor once, by name or by number"));
                is_right = false;
            }
            let unnamed = Vendor {
                name: key.as_str().into(),
                class: None,
                enterprise: Some(enterprise),
                options: Shared::Registered(&[]),
            };
            let vendor = vendor.unwrap_or(&unnamed);
            let mut part = Vec::new();
            is_right &= read_part(written, vendor, usize::from(u8::MAX), &mut part).is_some();
            let mut octets = enterprise.to_be_bytes().to_vec();
            octets.push(part.len() as u8);
            octets.extend(part);
            parts.push(ForEnterprise { enterprise, class: vendor.class.clone(), octets });
        }
        if !is_right {
            return None;
        }
        Some(match writer {
            ValueWriter::Configuration => OptionValue::ByEnterprise(parts),
            ValueWriter::Policy => {
                OptionValue::Octets(parts.into_iter().flat_map(|part| part.octets).collect())
            }
        })
    }

    fn unknown_vendor(&self, found: &str, fits: impl Fn(&Vendor) -> bool) -> ValueRefusal {
        let names = || self.vendors.iter().filter(|vendor| fits(vendor)).map(|known| &*known.name);
        ValueRefusal::Unknown {
            noun: "a vendor of this option",
            found: found.to_owned(),
            meant: near::closest(found, names()).map(ToOwned::to_owned),
            known: names().map(ToOwned::to_owned).collect(),
        }
    }

    pub(super) fn decode_of_class(
        &self,
        octets: &[u8],
        vendor_class: Option<&[u8]>,
    ) -> Option<OptionSetting> {
        let of_class = |vendor: &&Vendor| {
            let class = vendor.class.as_ref();
            class.is_some_and(|class| vendor_class.is_some_and(|c| c.starts_with(class.as_bytes())))
        };
        let length = |vendor: &&Vendor| vendor.class.as_ref().map(String::len);
        let vendor = self.vendors.iter().filter(of_class).max_by_key(length)?;
        let options =
            OptionSetting::decode_sub_options(&vendor.options, &without_padding(octets)?)?;
        Some(OptionSetting::Table([(String::from(&*vendor.name), options)].into()))
    }

    /// Parts that cannot be read are written as octets; the option as a whole has to be read.
    pub(super) fn decode_of_enterprises(&self, octets: &[u8]) -> Option<OptionSetting> {
        let mut members: Vec<(String, OptionSetting)> = Vec::new();
        let mut length = 0;
        for (enterprise, part) in blocks(octets) {
            length += 5 + part.len();
            let vendor = self.vendors.iter().find(|vendor| vendor.enterprise == Some(enterprise));
            let name = vendor.map_or_else(|| enterprise.to_string(), |found| (*found.name).into());
            if members.iter().any(|(known, _)| *known == name) {
                return None;
            }
            let options = vendor.map_or(&[][..], |vendor| &*vendor.options);
            let value = OptionSetting::decode_sub_options(options, part);
            members.push((name, value.unwrap_or_else(|| hexadecimal::text(part).into())));
        }
        (length == octets.len() && !members.is_empty()).then_some(OptionSetting::Table(members))
    }
}

/// Reads what an option contains for a vendor, of at most this many octets, and appends it.
type ReadPart<S> = fn(&S, &Vendor, usize, &mut Vec<u8>) -> Option<()>;

/// Returns whether a table for option 124 has vendors rather than the fields of its only item.
pub(super) fn are_named<S>(members: &[(String, S)]) -> bool {
    !members.iter().any(|(key, _)| ["enterprise", "classes"].contains(&key.as_str()))
}

/// Reads what option 124 contains for one enterprise: texts, each after its length, or its octets.
pub(super) fn vendor_classes<S: ValueSource>(
    source: &S,
    _: &Vendor,
    octets_max: usize,
    octets: &mut Vec<u8>,
) -> Option<()> {
    match source.form() {
        ValueForm::Text(text) if text.starts_with(HEX) => octets.extend(read::octets(source)?),
        _ => read::counted_texts(source, octets)?,
    }
    read::fits(source, octets.len(), octets_max)
}

/// Refuses the codes in option 43 that are no sub-options.
fn has_only_sub_options<S: ValueSource>(written: &S) -> bool {
    let reserved = [code::PAD, code::END].map(|code| code.to_string());
    let mut is_right = true;
    for (_, value) in
        written.members().into_iter().flatten().filter(|(key, _)| reserved.contains(key))
    {
        let help = "0 is padding in option 43, and 255 ends it (RFC 2132 section 8.4)";
        value.refuse(ValueRefusal::wanted("a sub-option with a code from 1 to 254").help(help));
        is_right = false;
    }
    is_right
}

/// Reads the sub-options of a vendor, or its octets.
pub(super) fn of_vendor<S: ValueSource>(
    source: &S,
    vendor: &Vendor,
    octets_max: usize,
    octets: &mut Vec<u8>,
) -> Option<()> {
    match source.form() {
        ValueForm::Text(text) if text.starts_with(HEX) => octets.extend(read::octets(source)?),
        _ => read::sub_options(source, &vendor.options, octets)?,
    }
    read::fits(source, octets.len(), octets_max)
}
