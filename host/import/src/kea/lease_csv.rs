//! Leases in the CSV files of Kea's memfile backend: a log, whose last line about an address
//! counts. A line with a lifetime of zero removes the lease.

use std::{cmp::Ordering, net::Ipv4Addr};

use lessor_core::{
    BindingState, HardwareAddress, HostName, INFINITE_SECS, RelayInformation, Timestamp,
};

use crate::{
    input::{Reader, Text},
    leases::{FoundLease, Gathered, Times, seconds},
    option_value,
    place::{Place, Refusal},
    report::Report,
};

use super::json::{self, Node};

/// The fields of a lease, as both formats of Kea have them.
pub(super) struct Fields<'f> {
    pub(super) address: &'f str,
    pub(super) hardware_address: &'f str,
    pub(super) client_identifier: &'f str,
    pub(super) lifetime_secs: u64,
    /// In seconds since the Unix epoch.
    pub(super) changed_at: u64,
    pub(super) state: u64,
    pub(super) host_name: &'f str,
    pub(super) relay_information: Option<RelayInformation>,
}

/// Where the columns are.
struct Columns {
    address: usize,
    hardware_address: usize,
    client_identifier: usize,
    lifetime: usize,
    expire: usize,
    state: Option<usize>,
    host_name: Option<usize>,
    user_context: Option<usize>,
    count: usize,
}

/// Reads a file.
pub(super) fn read(text: &Text, times: &Times, into: &mut Gathered) -> Result<(), Refusal> {
    let mut lines = (1..).zip(text.contents.split_inclusive('\n'));
    let Some((_, header)) = lines.next() else {
        return Err(text.place(1).refuse(
            "the file is empty",
            "name the lease file of Kea, such as /var/lib/kea/kea-leases4.csv",
        ));
    };
    let columns = Columns::read(header, &text.place(1))?;
    for (number, line) in lines {
        let place = text.place(number);
        if !line.ends_with('\n') {
            return Err(place.refuse(
                "the last line does not end, so the file is cut off",
                "stop Kea and copy the whole file",
            ));
        }
        let line = line.trim_end_matches(['\n', '\r']);
        if !line.is_empty() {
            let cells: Vec<&str> = line.split(',').collect();
            columns.take(&cells, &place, times, into)?;
        }
    }
    Ok(())
}

impl Columns {
    fn read(header: &str, place: &Place) -> Result<Self, Refusal> {
        let names: Vec<&str> = header.trim_end().split(',').collect();
        let find = |name: &str| names.iter().position(|found| *found == name);
        let require = |name: &str| {
            find(name).ok_or_else(|| {
                let found = format!("the first line does not name the column {name:?}");
                place.refuse(found, "name a lease file of kea-dhcp4")
            })
        };
        Ok(Self {
            address: require("address")?,
            hardware_address: require("hwaddr")?,
            client_identifier: require("client_id")?,
            lifetime: require("valid_lifetime")?,
            expire: require("expire")?,
            state: find("state"),
            host_name: find("hostname"),
            user_context: find("user_context"),
            count: names.len(),
        })
    }

    fn take(
        &self,
        cells: &[&str],
        place: &Place,
        times: &Times,
        into: &mut Gathered,
    ) -> Result<(), Refusal> {
        if cells.len() != self.count {
            let found = format!("the line has {} columns, not {}", cells.len(), self.count);
            return Err(place.refuse(found, "the file is damaged or cut off; copy it again"));
        }
        let cell = |at: usize| cells.get(at).copied().unwrap_or_default();
        let number = |at: usize, name: &str| {
            cell(at).parse::<u64>().map_err(|_| {
                let found = format!("{name} {:?} is not a number", cell(at));
                place.refuse(found, "the file is damaged; copy it again")
            })
        };
        let lifetime_secs = number(self.lifetime, "valid_lifetime")?;
        let expire = number(self.expire, "expire")?;
        let context = self.user_context.map(cell).filter(|text| !text.is_empty());
        let fields = Fields {
            address: cell(self.address),
            hardware_address: cell(self.hardware_address),
            client_identifier: cell(self.client_identifier),
            lifetime_secs,
            changed_at: expire.saturating_sub(lifetime_secs),
            state: self.state.map_or(Ok(0), |at| number(at, "state"))?,
            host_name: self.host_name.map(cell).unwrap_or_default(),
            relay_information: context.and_then(|text| in_context(text, place, &mut into.report)),
        };
        fields.put(place, times, into)
    }
}

impl Fields<'_> {
    /// Adds the lease.
    pub(super) fn put(
        self,
        place: &Place,
        times: &Times,
        into: &mut Gathered,
    ) -> Result<(), Refusal> {
        let damaged = |what: &str, found: &str| {
            let found = format!("{found:?} is not {what}");
            place.refuse(found, "the file is damaged; copy it again")
        };
        let address: Ipv4Addr =
            self.address.parse().map_err(|_| damaged("an IPv4 address", self.address))?;
        let time = |secs: u64| {
            seconds(secs).ok_or_else(|| damaged("a time until the year 9999", &secs.to_string()))
        };
        let changed_at = time(self.changed_at)?;
        if self.lifetime_secs == 0 {
            into.remove(place, address, Some(changed_at));
            return Ok(());
        }
        let octets = |text: &str| match text {
            "" => Some(Vec::new()),
            text => option_value::hexadecimal_octets(text),
        };
        let hardware = octets(self.hardware_address);
        let hardware = hardware.ok_or_else(|| damaged("a hardware address", self.hardware_address));
        let identifier = octets(self.client_identifier);
        let identifier =
            identifier.ok_or_else(|| damaged("a client identifier", self.client_identifier))?;
        let hardware_address = HardwareAddress::new(HardwareAddress::ETHERNET, &hardware?);
        let hardware_address =
            hardware_address.ok_or_else(|| damaged("a hardware address", self.hardware_address))?;
        let expires_at = match self.lifetime_secs.cmp(&u64::from(INFINITE_SECS)) {
            Ordering::Less => time(self.changed_at.saturating_add(self.lifetime_secs))?,
            Ordering::Equal => Timestamp::NEVER,
            Ordering::Greater => {
                return Err(damaged("a lifetime", &self.lifetime_secs.to_string()));
            }
        };
        let state = match self.state {
            0 => BindingState::Leased,
            1 => BindingState::Quarantined,
            // Reclaimed after its end, or released.
            2 | 3 => BindingState::Released,
            other => return Err(damaged("a state from 0 to 3", &other.to_string())),
        };
        let is_over = state == BindingState::Released;
        into.put(FoundLease {
            place: place.clone(),
            address,
            vpn: None,
            hardware_address: Some(hardware_address),
            identifier: (!identifier.is_empty()).then(|| identifier.into()),
            relay_information: self.relay_information,
            relay_address: None,
            host_name: HostName::sanitised(self.host_name.as_bytes()).ok(),
            subscriber: None,
            state,
            began_at: Some(changed_at),
            changed_at: Some(changed_at),
            expires_at: if is_over { expires_at.min(times.clock) } else { expires_at },
        })
    }
}

/// Option 82 in the user context of a line, whose commas are written as `&#x2c`.
fn in_context(text: &str, place: &Place, report: &mut Report) -> Option<RelayInformation> {
    let contents = text.replace("&#x2c", ",");
    let text = Text { name: place.file().into(), contents };
    match json::parse(&text, &mut Reader::of_leases()) {
        Ok(node) => relay_information(&node, place, report),
        Err(_) => {
            report.not_carried(place, "user_context", "it is not JSON");
            None
        }
    }
}

/// Option 82 in a user context, at a place.
pub(super) fn relay_information(
    context: &Node,
    place: &Place,
    report: &mut Report,
) -> Option<RelayInformation> {
    let found = context.get("ISC")?.get("relay-agent-info")?;
    let information = sub_options(found);
    if information.is_none() {
        report.not_carried(place, "relay-agent-info", "it is not the octets of option 82");
    }
    information
}

/// Kea 2.2 and earlier wrote option 82 with its code and length.
fn sub_options(found: &Node) -> Option<RelayInformation> {
    let text = found.text().or_else(|| found.get("sub-options")?.text())?;
    let octets = option_value::hexadecimal_octets(text)?;
    let octets = match octets.as_slice() {
        [82, length, rest @ ..] if rest.len() == usize::from(*length) => rest.to_vec(),
        _ => octets,
    };
    RelayInformation::is_whole(&octets).then(|| RelayInformation::from_octets(octets))
}
