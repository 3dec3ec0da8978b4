//! dnsmasq's lease file: a line for each lease, with its end, hardware address, address, host name
//! and client identifier.

use std::net::Ipv4Addr;

use lessor_core::{BindingState, HardwareAddress, HostName, Timestamp};

use crate::{
    input::Text,
    leases::{FoundLease, Gathered, seconds},
    option_value,
    place::{Place, Refusal},
};

const HELP: &str = "the file is damaged or cut off; copy it again while dnsmasq is stopped";

/// Reads a file.
pub(super) fn read(text: &Text, into: &mut Gathered) -> Result<(), Refusal> {
    for (number, line) in (1..).zip(text.contents.split_inclusive('\n')) {
        let place = text.place(number);
        if !line.ends_with('\n') {
            return Err(place.refuse("the last line does not end, so the file is cut off", HELP));
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            [] => {}
            // Leases of DHCPv6 follow.
            ["duid", _] => {
                let why = "the server speaks DHCPv4 only";
                into.report.not_carried(&place, "leases of DHCPv6 from here on", why);
                return Ok(());
            }
            [ends, hardware, address, name, identifier] => {
                let host_name = HostName::sanitised(name.as_bytes()).ok();
                let lease = lease(&place, [ends, hardware, address, identifier])?;
                into.put(FoundLease { host_name, ..lease })?;
            }
            words => {
                let found = format!("the line has {} words, not 5", words.len());
                return Err(place.refuse(found, HELP));
            }
        }
    }
    Ok(())
}

fn lease(
    place: &Place,
    [ends, hardware, address, identifier]: [&str; 4],
) -> Result<FoundLease, Refusal> {
    let refuse = |text: &str, what: &str| place.refuse(format!("{text:?} is not {what}"), HELP);
    let address: Ipv4Addr = address.parse().map_err(|_| refuse(address, "an IPv4 address"))?;
    let secs: u64 = ends.parse().map_err(|_| refuse(ends, "a time"))?;
    let expires_at = match secs {
        0 => Timestamp::NEVER,
        secs => seconds(secs).ok_or_else(|| refuse(ends, "a time until the year 9999"))?,
    };
    let (kind, digits) = match hardware.split_once('-') {
        Some((kind, digits)) => (u8::from_str_radix(kind, 16).ok(), digits),
        None => (Some(HardwareAddress::ETHERNET), hardware),
    };
    let octets = match digits {
        "" => Some(Vec::new()),
        digits => option_value::hexadecimal_octets(digits),
    };
    let hardware_address =
        kind.zip(octets).and_then(|(kind, octets)| HardwareAddress::new(kind, &octets));
    let hardware_address =
        hardware_address.ok_or_else(|| refuse(hardware, "a hardware address"))?;
    let identifier = match identifier {
        "*" => None,
        text => {
            let octets = option_value::hexadecimal_octets(text);
            Some(octets.ok_or_else(|| refuse(text, "a client identifier"))?.into())
        }
    };
    Ok(FoundLease {
        place: place.clone(),
        address,
        vpn: None,
        hardware_address: Some(hardware_address),
        identifier,
        relay_information: None,
        relay_address: None,
        host_name: None,
        subscriber: None,
        state: BindingState::Leased,
        began_at: None,
        changed_at: None,
        expires_at,
    })
}
