//! Options of Kea: their values.
//!
//! An option that contains a space gets the options of that space beside it, as Kea does. Those of
//! a vendor go into option 125.

use std::collections::BTreeMap;

use lessor_core::{OptionKind, option::code};
use lessor_vocabulary::option::DEPTH_MAX;

use crate::{
    expressing,
    model::{Options, SubOptions},
    option_value::{self, Item},
    place::Refusal,
    report::{LineOutcome, REPLACED, Report},
};

use super::{
    definitions::{Definitions, Known, SPACE, enterprise},
    json::Node,
};

const OF_SUBNET: &str = "Kea sends the mask of the subnet, whatever this option says";
const ASKED_FOR: &str = "sent to clients that ask for it";
const OF_VENDOR: &str =
    "sent to clients that name the vendor, or no vendor, whichever sub-options they ask for";
const TAKEN_PLACE: &str = "the octets of the option that contains it have its code already";
const BY_SUB_OPTIONS: &str = "option 125 has the vendors whose sub-options are set";

/// One option of a list.
struct Setting<'n> {
    node: &'n Node,
    space: &'n str,
    known: Known,
    octets: Vec<u8>,
    is_always_sent: bool,
    place: Containment,
}

/// Whether another option of the list contains an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Containment {
    /// No option contains its space.
    Nowhere,
    /// An option contains its space, but has other octets with its code, or no sub-options at all.
    TakenPlace,
    Contained,
}

/// Reads `option-data`. Options that are sent unasked are added to `always_sent`, if their scope
/// can say so.
pub(super) fn read(
    node: &Node,
    definitions: &Definitions,
    options: &mut Options,
    mut always_sent: Option<&mut Vec<u8>>,
    report: &mut Report,
) -> Result<(), Refusal> {
    let list = node.list().ok_or_else(|| {
        node.place.refuse("`option-data` is not a list", "write a list of options")
    })?;
    let mut settings = Vec::new();
    for item in list {
        match setting(item, definitions) {
            Ok(setting) => settings.push(setting),
            Err((outcome, why)) => {
                report.add(&item.place, &item.shown(), outcome, why);
            }
        }
    }
    leave_out_replaced(&mut settings, report);
    contain(&mut settings);
    for setting in &settings {
        let (outcome, note) = set(setting, definitions, options, always_sent.as_deref_mut());
        report.add(&setting.node.place, &setting.node.shown(), outcome, note);
    }
    Ok(())
}

fn set(
    setting: &Setting,
    definitions: &Definitions,
    options: &mut Options,
    always_sent: Option<&mut Vec<u8>>,
) -> (LineOutcome, String) {
    let code = setting.known.code;
    let done = match (setting.space, enterprise(setting.space)) {
        (SPACE, _) => set_octets(setting, options).map(|()| {
            let always_sent = always_sent.filter(|_| code != code::IPV6_ONLY_PREFERRED);
            match (setting.is_always_sent, always_sent) {
                (true, Some(always_sent)) => always_sent.push(code),
                (true, None) => return (LineOutcome::Changed, ASKED_FOR.to_owned()),
                (false, _) => {}
            }
            (LineOutcome::Carried, String::new())
        }),
        (_, Some(number)) => {
            let vendor = definitions.vendor_key(number);
            let code = code::VENDOR_IDENTIFYING_VENDOR_SPECIFIC;
            let sub_option = (setting.known.code, setting.octets.clone());
            option_value::set_of_vendor(options, code, &vendor, sub_option)
                .map(|()| (LineOutcome::Changed, OF_VENDOR.to_owned()))
        }
        (space, None) => match setting.place {
            Containment::Contained => Ok((LineOutcome::Carried, String::new())),
            Containment::TakenPlace => Err(TAKEN_PLACE.to_owned()),
            Containment::Nowhere => {
                Err(format!("no option beside it contains the space {space:?}"))
            }
        },
    };
    done.unwrap_or_else(|why| (LineOutcome::NotCarried, why))
}

fn set_octets(setting: &Setting, options: &mut Options) -> Result<(), String> {
    let code = setting.known.code;
    let is_empty = setting.known.form == Ok(OptionKind::Empty) && setting.octets.is_empty();
    if is_empty && setting.known.contains.is_none() {
        options.insert(code, Vec::new().into());
        return Ok(());
    }
    option_value::set(options, code, setting.octets.clone())
}

/// Removes the options that a later one of the list replaces.
fn leave_out_replaced(settings: &mut Vec<Setting>, report: &mut Report) {
    let mut last: BTreeMap<(&str, u8), usize> = BTreeMap::new();
    for (position, setting) in settings.iter().enumerate() {
        last.insert((setting.space, setting.known.code), position);
    }
    let mut positions = 0..;
    settings.retain(|setting| {
        let is_last = last.get(&(setting.space, setting.known.code)).copied() == positions.next();
        if !is_last {
            report.not_needed(&setting.node.place, &setting.node.shown(), REPLACED);
        }
        is_last
    });
}

/// Puts options into those that contain their space.
fn contain(settings: &mut [Setting]) {
    let mut used = Vec::new();
    for position in 0..settings.len() {
        let Some(setting) = settings.get(position).filter(|setting| setting.space == SPACE) else {
            continue;
        };
        if let Some(octets) = with_contained(settings, setting, 0, &mut used)
            && let Some(setting) = settings.get_mut(position)
        {
            setting.octets = octets;
        }
    }
    let containing = |setting: &Setting| setting.known.contains.clone();
    let spaces: Vec<String> = settings.iter().filter_map(containing).collect();
    for (position, setting) in settings.iter_mut().enumerate() {
        setting.place = match used.contains(&position) {
            true => Containment::Contained,
            false if spaces.iter().any(|space| space == setting.space) => Containment::TakenPlace,
            false => Containment::Nowhere,
        };
    }
}

/// The octets of an option with those that it contains; `None` if it contains none.
fn with_contained(
    settings: &[Setting],
    setting: &Setting,
    depth: usize,
    used: &mut Vec<usize>,
) -> Option<Vec<u8>> {
    let space = setting.known.contains.as_deref().filter(|_| depth < DEPTH_MAX)?;
    // Kea reads the octets of an option without a value of its own as options of the space.
    let own = match (&setting.known.form, expressing::unpacked(&setting.octets)) {
        (Ok(OptionKind::Empty), Some(own)) => own,
        (Ok(OptionKind::Empty), None) => return None,
        _ => SubOptions::new(),
    };
    let mut contained = own.clone();
    let mut taken = Vec::new();
    for (position, other) in settings.iter().enumerate().filter(|(_, other)| other.space == space) {
        let inner = with_contained(settings, other, depth + 1, used);
        let octets = inner.unwrap_or_else(|| other.octets.clone());
        if !own.contains_key(&other.known.code) && option_value::check_sub_option(&octets).is_ok() {
            contained.insert(other.known.code, octets);
            taken.push(position);
        }
    }
    used.extend(&taken);
    let before = match own.is_empty() {
        true => setting.octets.as_slice(),
        false => &[],
    };
    (!taken.is_empty()).then(|| [before, &expressing::packed(&contained)].concat())
}

/// One option, or what becomes of it.
fn setting<'n>(
    item: &'n Node,
    definitions: &Definitions,
) -> Result<Setting<'n>, (LineOutcome, String)> {
    let not_carried = |why: &str| (LineOutcome::NotCarried, why.to_owned());
    if item.get("client-classes").is_some() {
        return Err(not_carried("options for classes are for policies: see docs/policies.md"));
    }
    if item.get("never-send").and_then(Node::flag) == Some(true) {
        return Err(not_carried("an option is left out by not writing it"));
    }
    let text = |key| item.get(key).and_then(Node::text);
    let space = text("space").unwrap_or(SPACE);
    let number = item.get("code").and_then(Node::number::<u8>);
    let known = definitions.find(space, text("name"), number);
    let known = known.map_err(|why| (LineOutcome::NotCarried, why))?;
    if known.code == code::SUBNET_MASK && space == SPACE {
        return Err((LineOutcome::NotNeeded, OF_SUBNET.to_owned()));
    }
    let data = text("data").unwrap_or_default();
    let is_hexadecimal = data.starts_with("0x") || data.starts_with("0X");
    let is_csv = item.get("csv-format").and_then(Node::flag).unwrap_or(!is_hexadecimal);
    let is_125 = known.code == code::VENDOR_IDENTIFYING_VENDOR_SPECIFIC && space == SPACE;
    if is_125 && is_csv {
        return Err((LineOutcome::NotNeeded, BY_SUB_OPTIONS.to_owned()));
    }
    let octets = match (is_csv, &known.form) {
        (true, Ok(form)) => encode(form, data),
        (true, Err(why)) => Err(why.clone()),
        (false, _) => hexadecimal(data),
    };
    let octets = octets.map_err(|why| (LineOutcome::NotCarried, why))?;
    let is_always_sent = item.get("always-send").and_then(Node::flag) == Some(true);
    Ok(Setting { node: item, space, known, octets, is_always_sent, place: Containment::Nowhere })
}

/// The octets of comma-separated values. Of an option that has one value, Kea takes the first.
fn encode(form: &OptionKind, data: &str) -> Result<Vec<u8>, String> {
    let values = values(data);
    let first = || values.first().map(String::as_str).unwrap_or_default();
    let items = || values.iter().map(Item::bare).collect::<Vec<Item>>();
    match form {
        OptionKind::Empty => hexadecimal(data),
        OptionKind::Text => Ok(first().as_bytes().to_vec()),
        OptionKind::Octets => hexadecimal(first()),
        form => option_value::encode(form, &items()),
    }
}

/// The values between commas; `\,` is a comma of a value.
fn values(data: &str) -> Vec<String> {
    let mut values = vec![String::new()];
    let mut letters = data.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' if letters.peek() == Some(&',') => {
                letters.next();
                values.last_mut().into_iter().for_each(|value| value.push(','));
            }
            ',' => values.push(String::new()),
            letter => values.last_mut().into_iter().for_each(|value| value.push(letter)),
        }
    }
    values.iter().map(|value| value.trim().to_owned()).filter(|value| !value.is_empty()).collect()
}

/// Data that is not comma-separated: hexadecimal digits, or a text in single quotes.
fn hexadecimal(data: &str) -> Result<Vec<u8>, String> {
    if let Some(text) = data.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
        return Ok(text.as_bytes().to_vec());
    }
    let digits: String = data.chars().filter(|letter| *letter != ' ').collect();
    if digits.is_empty() {
        return Ok(Vec::new());
    }
    let octets = option_value::hexadecimal_octets(&digits);
    octets.ok_or_else(|| format!("{data:?} are not hexadecimal digits"))
}
