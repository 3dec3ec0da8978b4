//! Makes octets of the parameters of a service (RFC 9460 section 2.2).
//!
//! Invariant: the parameters are written in the order of their keys, whatever the order in which
//! they are given, and each once.

use alloc::{format, vec::Vec};

use crate::{
    option::service_parameters::{
        ALPN, MANDATORY, NO_DEFAULT_ALPN, is_mandatory_list, key, kind, names,
    },
    read::{ValueForm, ValueRefusal, ValueSource, all, fits, octets, text},
};

use super::{HEX, delimited, unknown, wanted_table};

/// The maximum number of parameters of one service.
const PARAMETERS_MAX: usize = 64;

/// Appends the octets of parameters: a table with their names as keys, or a text with `hex:` and
/// all of their octets.
pub(super) fn write<S: ValueSource>(source: &S, out: &mut Vec<u8>) -> Option<()> {
    if is_hex(source) {
        out.extend(octets(source)?);
        return Some(());
    }
    let Some(members) = source.members() else {
        source.refuse(wanted_table("parameters such as", names()));
        return None;
    };
    if members.is_empty() || members.len() > PARAMETERS_MAX {
        source.refuse(ValueRefusal::wanted(format!("one to {PARAMETERS_MAX} parameters")));
        return None;
    }
    let mut parameters: Vec<(u16, Vec<u8>)> = Vec::with_capacity(members.len());
    let mut mandatory: Option<(&S, Vec<u16>)> = None;
    let mut is_right = true;
    for (name, value) in &members {
        let Some(key) = key(name) else {
            value.refuse(unknown("a service parameter", name, names()));
            is_right = false;
            continue;
        };
        if parameters.iter().any(|(found, _)| *found == key) {
            value.refuse(ValueRefusal::wanted("each parameter once, by name or by number"));
            is_right = false;
        }
        let mut written = Vec::new();
        let read = if key == MANDATORY && !is_hex(value) {
            keys(value).map(|keys| {
                written.extend(keys.iter().flat_map(|key| key.to_be_bytes()));
                mandatory = Some((value, keys));
            })
        } else {
            delimited(value, kind(key), &mut written)
        };
        let read = read.and_then(|()| fits(value, written.len(), usize::from(u16::MAX)));
        is_right &= read.is_some();
        parameters.push((key, written));
    }
    let present: Vec<u16> = parameters.iter().map(|(key, _)| *key).collect();
    if let Some((value, listed)) = mandatory
        && !is_mandatory_list(&listed, &present)
    {
        let wanted = "the names of other parameters of this service, each once";
        value.refuse(ValueRefusal::wanted(wanted));
        is_right = false;
    }
    if present.contains(&NO_DEFAULT_ALPN) && !present.contains(&ALPN) {
        let wanted = "`alpn` as well, without which `no-default-alpn` leaves no protocol";
        source.refuse(ValueRefusal::wanted(wanted));
        is_right = false;
    }
    parameters.sort_by_key(|(key, _)| *key);
    for (key, octets) in parameters {
        out.extend(key.to_be_bytes());
        out.extend((octets.len() as u16).to_be_bytes());
        out.extend(octets);
    }
    is_right.then_some(())
}

fn is_hex<S: ValueSource>(source: &S) -> bool {
    matches!(source.form(), ValueForm::Text(text) if text.starts_with(HEX))
}

/// Reads names of parameters as their keys, in ascending order.
fn keys<S: ValueSource>(source: &S) -> Option<Vec<u16>> {
    let mut keys = all(source, "the name of a parameter", |item| {
        let name = text(item, "the name of a parameter, such as \"alpn\"")?;
        let found = key(name);
        if found.is_none() {
            item.refuse(unknown("a service parameter", name, names()));
        }
        found
    })?;
    keys.sort_unstable();
    Some(keys)
}
