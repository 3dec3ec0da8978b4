//! JSON objects, one per line, with the keys of `[[reservation]]`.

use std::{borrow::Cow, io};

use lessor_core::{
    IdentifierKind,
    relay::{CIRCUIT_ID, REMOTE_ID},
};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    json::{self, JsonDescription},
    syntax,
};

use super::{
    lines::{Line, Lines},
    rows::{Plain, PlainRow, Rows},
};

/// A reservation of an address, perhaps of a VPN, by one identifier, and no more.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct JsonReservation<'l> {
    #[serde(borrow)]
    circuit_id: Option<Cow<'l, str>>,
    #[serde(borrow)]
    remote_id: Option<Cow<'l, str>>,
    #[serde(borrow)]
    client_identifier: Option<Cow<'l, str>>,
    #[serde(borrow)]
    hardware_address: Option<Cow<'l, str>>,
    #[serde(borrow)]
    address: Cow<'l, str>,
    #[serde(borrow)]
    vpn: Option<Cow<'l, str>>,
}

const LINE: JsonDescription = JsonDescription {
    noun: "the line",
    help: "write { \"circuit-id\": \"olt1/1/3/onu17\", \"address\": \"100.64.201.17\" }, for \
           example",
};

/// Reads all lines.
///
/// # Errors
/// If the file cannot be read.
pub(super) fn read(lines: &mut Lines, rows: &mut Rows) -> io::Result<()> {
    while let Some(line) = lines.next()? {
        match line {
            Line::Text(number, text) => take(number, text, rows),
            other => {
                if !rows.refuse(other) {
                    break;
                }
            }
        }
    }
    Ok(())
}

fn take(number: usize, text: &str, rows: &mut Rows) {
    let plain = match serde_json::from_str::<JsonReservation>(text) {
        Ok(row) => row.take(number, rows),
        Err(_) => Plain::Unclear,
    };
    if matches!(plain, Plain::Taken) {
        return;
    }
    let collector = rows.collector_of(number, &as_toml_can_say(text));
    match json::as_toml(&collector, &LINE) {
        Some(toml) => {
            let entries = syntax::parse_text(&collector, &toml);
            rows.take_table(collector, number, entries.get_ref(), plain);
        }
        None => rows.collector.adopt(collector),
    }
}

impl JsonReservation<'_> {
    fn take(&self, number: usize, rows: &mut Rows) -> Plain {
        let mut owners = [
            (IdentifierKind::RelaySubOption(CIRCUIT_ID), &self.circuit_id),
            (IdentifierKind::RelaySubOption(REMOTE_ID), &self.remote_id),
            (IdentifierKind::ClientIdentifier, &self.client_identifier),
            (IdentifierKind::HardwareAddress, &self.hardware_address),
        ]
        .into_iter()
        .filter_map(|(kind, owner)| Some((kind, owner.as_deref()?)));
        match (owners.next(), owners.next()) {
            (Some(owner), None) => {
                let (address, vpn) = (&self.address, self.vpn.as_deref());
                rows.take_plain(number, PlainRow { owner, address, vpn })
            }
            _ => Plain::Unclear,
        }
    }
}

/// Rewrites JSON that has no equivalent in TOML: null, which counts as absent, `\/`, and surrogate
/// pairs. Places then refer to the returned text, which is the one that is shown.
fn as_toml_can_say(text: &str) -> Cow<'_, str> {
    if !["null", "\\/", "\\u"].iter().any(|found| text.contains(found)) {
        return Cow::Borrowed(text);
    }
    match serde_json::from_str::<Value>(text) {
        Ok(Value::Object(mut entries)) => {
            entries.retain(|_, value| !value.is_null());
            Cow::Owned(Value::Object(entries).to_string())
        }
        _ => Cow::Borrowed(text),
    }
}
