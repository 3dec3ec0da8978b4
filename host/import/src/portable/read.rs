//! Reads leases as records of the networks of a configuration.
//!
//! Invariant: a file that contradicts itself is refused: two leases of one address, a lease that
//! begins after its end, or cells of one lease.

use std::{net::Ipv4Addr, path::Path, str::FromStr, sync::Arc};

use lessor_core::{
    BindingState, HardwareAddress, HostName, RelayInformation, Timestamp, Topology, VpnName,
    readable, relay,
};

use crate::{
    input::Reader,
    lease_records::ReadLeases,
    leases::{FoundLease, Gathered, Times},
    option_value,
    place::{Refusal, shown},
    report::Report,
};

use super::{
    LEASED, NEVER, QUARANTINED, column,
    rows::{HELP, Row, rows},
};

/// The largest number of octets of option 61, option 82 and a subscriber's name.
const OCTETS_MAX: usize = 4096;
/// The number of characters of a cell that are shown.
const CELL_LETTERS_MAX: usize = 60;

/// Reads a file of leases that a server of this kind wrote, or a person.
///
/// # Errors
/// Refuses a file that cannot be read, is cut off, or contradicts itself.
pub fn read(path: &Path, topology: &Topology, times: &Times) -> Result<ReadLeases, Refusal> {
    let text = Reader::of_leases().read(path)?;
    let mut gathered = Gathered::default();
    let mut report = Report::default();
    rows(&text, &mut report, &mut |row| gathered.put_only(lease(&row)?))?;
    gathered.report.append(report);
    Ok(gathered.records(topology, times))
}

fn lease(row: &Row) -> Result<FoundLease, Refusal> {
    let vpn = row.some(column::VPN, "the name of a VPN", VpnName::new)?;
    let state = match row.cell(column::STATE) {
        LEASED => BindingState::Leased,
        QUARANTINED => BindingState::Quarantined,
        other => return Err(row.refuse(other, "a state: leased or quarantined")),
    };
    let identifier = row.octets(column::CLIENT_IDENTIFIER)?;
    Ok(FoundLease {
        place: row.place.clone(),
        address: row.parsed::<Ipv4Addr>(column::ADDRESS, "an IPv4 address")?,
        vpn,
        hardware_address: match row.cell(column::HARDWARE_ADDRESS) {
            "" => None,
            _ => Some(row.parsed::<HardwareAddress>(
                column::HARDWARE_ADDRESS,
                "a hardware address such as 02:00:5e:00:53:01",
            )?),
        },
        identifier: identifier.map(Vec::into_boxed_slice),
        relay_information: relay_information(row)?,
        relay_address: row.some(
            column::RELAY_ADDRESS,
            "the IPv4 address of a relay, or 0.0.0.0 for none",
            |text| text.parse().ok(),
        )?,
        host_name: row
            .some(column::HOST_NAME, "the name of a host", |text| HostName::read(text).ok())?,
        subscriber: row.some(column::SUBSCRIBER, "the name of a subscriber", |text| {
            let is_shown = text.len() <= OCTETS_MAX && !text.contains(char::is_control);
            is_shown.then(|| Arc::from(text))
        })?,
        state,
        began_at: row.time(column::BEGAN_AT)?,
        changed_at: row.time(column::CHANGED_AT)?,
        expires_at: match row.time(column::EXPIRES_AT)? {
            Some(time) => time,
            None => return Err(row.refuse("", "the time at which the lease ends")),
        },
    })
}

/// Option 82: as octets, or made of circuit id and remote id.
fn relay_information(row: &Row) -> Result<Option<RelayInformation>, Refusal> {
    let whole = row.octets(column::RELAY_INFORMATION)?.map(RelayInformation::from_octets);
    let parts = [(relay::CIRCUIT_ID, column::CIRCUIT_ID), (relay::REMOTE_ID, column::REMOTE_ID)];
    let Some(whole) = whole else {
        let mut found = Vec::new();
        for (code, name) in parts {
            match row.cell(name) {
                "" => {}
                cell => found.push((code, row.part(cell)?)),
            }
        }
        let parts = found.iter().map(|(code, octets)| (*code, octets.as_slice()));
        return Ok((!found.is_empty()).then(|| RelayInformation::from_sub_options(parts)));
    };
    for (code, name) in parts {
        let cell = row.cell(name);
        let said = whole.sub_option(code).map(readable).unwrap_or_default();
        if !cell.is_empty() && cell != said {
            let found =
                format!("{name} {:?} is not that of relay-information, {said:?}", short(cell));
            return Err(row.place.refuse(found, "correct one of them, or leave one empty"));
        }
    }
    Ok(Some(whole))
}

impl Row {
    fn refuse(&self, found: &str, wanted: &str) -> Refusal {
        self.place.refuse(format!("{:?} is not {wanted}", short(found)), HELP)
    }

    fn parsed<T: FromStr>(&self, name: &str, wanted: &str) -> Result<T, Refusal> {
        let cell = self.cell(name);
        cell.parse().map_err(|_| self.refuse(cell, wanted))
    }

    /// A cell that may be empty.
    fn some<T>(
        &self,
        name: &str,
        wanted: &str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, Refusal> {
        match self.cell(name) {
            "" => Ok(None),
            cell => read(cell).map(Some).ok_or_else(|| self.refuse(cell, wanted)),
        }
    }

    fn octets(&self, name: &str) -> Result<Option<Vec<u8>>, Refusal> {
        self.some(name, "octets in hexadecimal", |cell| {
            option_value::hexadecimal_octets(cell).filter(|octets| octets.len() <= OCTETS_MAX)
        })
    }

    /// A text, or octets behind `hex:`.
    fn part(&self, cell: &str) -> Result<Vec<u8>, Refusal> {
        let octets = match cell.strip_prefix("hex:") {
            Some(digits) => option_value::hexadecimal_octets(digits),
            None => Some(cell.as_bytes().to_vec()),
        };
        let octets = octets.filter(|octets| octets.len() <= OCTETS_MAX);
        octets.ok_or_else(|| self.refuse(cell, "a text, or hex: and octets"))
    }

    fn time(&self, name: &str) -> Result<Option<Timestamp>, Refusal> {
        let wanted = "a time such as 2026-11-30T12:00:00Z, or never";
        self.some(name, wanted, |cell| match cell {
            NEVER => Some(Timestamp::NEVER),
            text => {
                let time: jiff::Timestamp = text.parse().ok()?;
                u64::try_from(time.as_millisecond()).ok().map(Timestamp::from_unix_ms)
            }
        })
    }
}

fn short(cell: &str) -> String {
    shown(cell, CELL_LETTERS_MAX)
}
