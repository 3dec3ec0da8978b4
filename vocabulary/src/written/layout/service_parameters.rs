//! Makes of octets the parameters of a service (RFC 9460 section 2.2).

use alloc::{string::String, vec::Vec};

use crate::{
    option::{
        Width,
        service_parameters::{ALPN, MANDATORY, NO_DEFAULT_ALPN, is_mandatory_list, kind, name},
    },
    written::OptionSetting,
};

use super::{delimited, take_counted};

/// The parameters by name; `None` if there is none, if their keys do not ascend, or if they
/// contradict each other.
pub(super) fn read(octets: &[u8]) -> Option<OptionSetting> {
    let mut values: Vec<(u16, &[u8])> = Vec::new();
    let mut rest = octets;
    while !rest.is_empty() {
        let (key, after) = rest.split_first_chunk::<2>()?;
        let key = u16::from_be_bytes(*key);
        let (value, after) = take_counted(Width::Two, after)?;
        if values.last().is_some_and(|(last, _)| *last >= key) {
            return None;
        }
        values.push((key, value));
        rest = after;
    }
    let present: Vec<u16> = values.iter().map(|(key, _)| *key).collect();
    if present.contains(&NO_DEFAULT_ALPN) && !present.contains(&ALPN) {
        return None;
    }
    let mut members: Vec<(String, OptionSetting)> = Vec::with_capacity(values.len());
    for (key, value) in values {
        let value = match key {
            MANDATORY => mandatory(value, &present)?,
            key => delimited(kind(key), value),
        };
        members.push((name(key), value));
    }
    (!members.is_empty()).then_some(OptionSetting::Table(members))
}

/// The names of the parameters that a client has to know.
fn mandatory(octets: &[u8], present: &[u16]) -> Option<OptionSetting> {
    let (keys, rest) = octets.as_chunks::<2>();
    let keys: Vec<u16> = keys.iter().map(|key| u16::from_be_bytes(*key)).collect();
    let is_list = rest.is_empty() && is_mandatory_list(&keys, present);
    is_list.then(|| OptionSetting::List(keys.into_iter().map(|key| name(key).into()).collect()))
}
