//! Writes leases.

use std::io::{self, Write};

use lessor_core::{Binding, BindingState, ClientKey, Timestamp, readable};
use serde_json::{Map, Value};

use super::{END, Form, LEASED, NEVER, QUARANTINED, column};

/// Writes leases and quarantined addresses to `out`. The clock is `ahead_ms` milliseconds ahead of
/// their times.
///
/// # Errors
/// If `out` cannot be written.
pub fn write(out: &mut dyn Write, form: Form, leases: &[Binding], ahead_ms: i64) -> io::Result<()> {
    match form {
        Form::Csv => {
            let mut csv = csv::WriterBuilder::new().flexible(true).from_writer(out);
            csv.write_record(column::ALL)?;
            for lease in leases {
                csv.write_record(cells(lease, ahead_ms))?;
            }
            csv.write_record([END])?;
            csv.flush()
        }
        Form::JsonLines => {
            for lease in leases {
                let cells = column::ALL.into_iter().zip(cells(lease, ahead_ms));
                let cells = cells.filter(|(_, cell)| !cell.is_empty());
                let object: Map<String, Value> =
                    cells.map(|(name, cell)| (name.to_owned(), cell.into())).collect();
                writeln!(out, "{}", Value::Object(object))?;
            }
            writeln!(out, "{}", serde_json::json!({ END: true }))
        }
    }
}

/// The cells of a lease, in the order of the columns.
fn cells(lease: &Binding, ahead_ms: i64) -> [String; column::ALL.len()] {
    let relay = lease.relay_information.as_ref();
    let part = |octets: Option<&[u8]>| octets.map(readable).unwrap_or_default();
    let time = |time: Timestamp| written(time.moved_by_ms(ahead_ms));
    let identifier = match &lease.client {
        ClientKey::Identifier(octets) => hexadecimal(octets),
        ClientKey::Hardware(_) | ClientKey::Line(_) | ClientKey::LineAndHardware(_) => {
            String::new()
        }
    };
    [
        lease.address.to_string(),
        lease.vpn.as_ref().map(ToString::to_string).unwrap_or_default(),
        match lease.state {
            BindingState::Quarantined => QUARANTINED,
            BindingState::Leased | BindingState::Released => LEASED,
        }
        .to_owned(),
        lease.hardware_address.to_string(),
        identifier,
        part(relay.and_then(|relay| relay.circuit_id())),
        part(relay.and_then(|relay| relay.remote_id())),
        relay.map(|relay| hexadecimal(relay.octets())).unwrap_or_default(),
        lease.relay_address.as_ref().map(ToString::to_string).unwrap_or_default(),
        lease.host_name.as_ref().map(ToString::to_string).unwrap_or_default(),
        lease.subscriber.as_deref().unwrap_or_default().to_owned(),
        time(lease.began_at),
        time(lease.changed_at),
        time(lease.expires_at),
    ]
}

fn hexadecimal(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

/// A clock time as RFC 3339, in UTC, to the millisecond.
fn written(time: Timestamp) -> String {
    let ms = i64::try_from(time.unix_ms()).ok().filter(|_| time != Timestamp::NEVER);
    let time = ms.and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    time.map_or_else(|| NEVER.to_owned(), |time| time.to_string())
}
