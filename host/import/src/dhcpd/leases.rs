//! `dhcpd.leases`: a log, whose last entry about an address counts.

mod relayed;

use std::{collections::BTreeMap, net::Ipv4Addr};

use lessor_core::{BindingState, HardwareAddress, HostName, RelayInformation, Timestamp};

use crate::{
    input::Text,
    leases::{FoundLease, Gathered, Times, seconds},
    option_value,
    place::Refusal,
    report::Report,
};

use super::grammar::{Parser, Statement, Token};

const DAMAGED: &str = "the file is damaged; copy it again";

/// What the statements of a lease say.
#[derive(Default)]
struct Said {
    starts: Option<Timestamp>,
    ends: Option<Timestamp>,
    last_heard: Option<Timestamp>,
    state: Option<BindingState>,
    hardware_address: Option<HardwareAddress>,
    identifier: Option<Box<[u8]>>,
    /// The sub-options of option 82.
    relayed: BTreeMap<u8, Vec<u8>>,
    host_name: Option<HostName>,
}

/// Reads a file.
pub(super) fn read(text: &Text, times: &Times, into: &mut Gathered) -> Result<(), Refusal> {
    let mut parser = Parser::new(text);
    while let Some(statement) = parser.next_statement()? {
        let shown = || statement.shown();
        match statement.word(0).unwrap_or_default() {
            "lease" => lease(&statement, times, into)?,
            "authoring-byte-order" | "server-duid" => {}
            "failover" => {
                let why = "two servers share no leases: see docs/migrate.md, \"Failover\"";
                into.report.not_carried(&statement.place, &shown(), why);
            }
            "host" | "group" | "class" | "subclass" => {
                let why = "it was declared while dhcpd ran; write it into the configuration";
                into.report.not_carried(&statement.place, &shown(), why);
            }
            "ia-na" | "ia-ta" | "ia-pd" => {
                let why = "the server speaks DHCPv4 only";
                into.report.not_carried(&statement.place, &shown(), why);
            }
            _ => into.report.not_carried(&statement.place, &shown(), "it is not a lease"),
        }
    }
    Ok(())
}

fn lease(statement: &Statement, times: &Times, into: &mut Gathered) -> Result<(), Refusal> {
    let address = statement.word(1).and_then(|text| text.parse::<Ipv4Addr>().ok());
    let (Some(address), Some(block)) = (address, &statement.block) else {
        return Err(statement.place.refuse("the lease has no address or no block", DAMAGED));
    };
    let mut said = Said::default();
    block.iter().try_for_each(|inner| said.take(inner, &mut into.report))?;
    let names_client = said.identifier.is_some() || said.hardware_address.is_some();
    let state = said.state.unwrap_or(BindingState::Leased);
    let Some(ends) = said.ends else {
        if said.state.map_or(names_client, |state| state != BindingState::Released) {
            let found = format!("the lease of {address} has no end");
            return Err(statement.place.refuse(found, "write `ends`, or copy the file again"));
        }
        // An address that was never given to anybody.
        into.remove(&statement.place, address, None);
        return Ok(());
    };
    let has_ended_at = Some(ends).filter(|ends| *ends <= times.clock);
    if state != BindingState::Quarantined && !names_client {
        if state == BindingState::Leased && ends > times.clock {
            let found = format!("the lease of {address} names no client");
            let help = "write `hardware` or `uid`, or copy the file again";
            return Err(statement.place.refuse(found, help));
        }
        into.remove(&statement.place, address, has_ended_at.or(said.last_heard));
        return Ok(());
    }
    let last_heard = said.last_heard.or(said.starts).unwrap_or(ends.min(times.clock));
    let is_over = state == BindingState::Released;
    // A client that releases its address is not heard, as far as dhcpd says.
    let changed_at = has_ended_at.filter(|_| is_over).map_or(last_heard, |at| at.max(last_heard));
    into.put(FoundLease {
        place: statement.place.clone(),
        address,
        vpn: None,
        relay_information: said.relay_information(),
        relay_address: None,
        hardware_address: said.hardware_address,
        identifier: said.identifier,
        host_name: said.host_name,
        subscriber: None,
        state,
        began_at: Some(said.starts.unwrap_or(last_heard)),
        changed_at: Some(changed_at),
        expires_at: if is_over { ends.min(times.clock) } else { ends },
    })
}

impl Said {
    fn take(&mut self, statement: &Statement, report: &mut Report) -> Result<(), Refusal> {
        let refuse = |what: &str| {
            let found = format!("{:?} is not {what}", statement.shown());
            statement.place.refuse(found, DAMAGED)
        };
        let time = || {
            time(statement.after(1)).ok_or_else(|| refuse("a time until the year 9999, or never"))
        };
        match statement.word(0).unwrap_or_default() {
            "starts" => self.starts = Some(time()?),
            "ends" => self.ends = Some(time()?),
            "cltt" => self.last_heard = Some(time()?),
            "binding" => {
                let state = state(statement).ok_or_else(|| refuse("a state of dhcpd"))?;
                self.state = Some(state);
            }
            "abandoned" => self.state = Some(BindingState::Quarantined),
            "hardware" => {
                let address = hardware(statement).ok_or_else(|| refuse("a hardware address"))?;
                self.hardware_address = Some(address).filter(HardwareAddress::is_anybody);
            }
            "uid" => {
                let octets = octets(statement.after(1));
                let octets = octets.ok_or_else(|| refuse("a client identifier"))?;
                self.identifier = (!octets.is_empty()).then(|| octets.into());
            }
            "client-hostname" => {
                let octets = octets(statement.after(1));
                self.host_name = octets.and_then(|octets| HostName::sanitised(&octets).ok());
            }
            "option" => match relayed::read(statement) {
                Some(Ok((code, octets))) => drop(self.relayed.insert(code, octets)),
                Some(Err(why)) => report.not_carried(&statement.place, &statement.shown(), why),
                None => {}
            },
            _ => {}
        }
        Ok(())
    }

    fn relay_information(&self) -> Option<RelayInformation> {
        let parts = self.relayed.iter().map(|(code, octets)| (*code, octets.as_slice()));
        let information = RelayInformation::from_sub_options(parts);
        (!information.octets().is_empty()).then_some(information)
    }
}

/// `binding state STATE;`
fn state(statement: &Statement) -> Option<BindingState> {
    let state = statement.word(2).filter(|_| statement.tokens.len() == 3)?;
    Some(match state {
        "active" | "expired" | "reserved" | "bootp" => BindingState::Leased,
        "abandoned" => BindingState::Quarantined,
        "free" | "released" | "reset" | "backup" => BindingState::Released,
        _ => return None,
    })
}

/// `hardware TYPE ADDRESS;`, or without the address if the client has none.
fn hardware(statement: &Statement) -> Option<HardwareAddress> {
    let kind = match statement.word(1)? {
        "ethernet" => 1,
        "token-ring" => 6,
        "fddi" => 8,
        "infiniband" => 32,
        other => other.strip_prefix("unknown-")?.parse().ok()?,
    };
    match statement.after(2) {
        [] => HardwareAddress::new(kind, &[]),
        [Token::Word(octets)] => {
            HardwareAddress::new(kind, &option_value::hexadecimal_octets(octets)?)
        }
        _ => None,
    }
}

fn octets(value: &[Token]) -> Option<Vec<u8>> {
    match value {
        [Token::Quoted(octets)] => Some(octets.clone()),
        [Token::Word(word)] => option_value::hexadecimal_octets(word),
        _ => None,
    }
}

/// Reads `4 2026/11/26 10:00:00`, `epoch 1764151200` or `never`.
fn time(value: &[Token]) -> Option<Timestamp> {
    let words: Option<Vec<&str>> = value.iter().map(Token::word).collect();
    let secs = match words?.as_slice() {
        ["never"] => return Some(Timestamp::NEVER),
        ["epoch", secs] => secs.parse::<u64>().ok()?,
        [_, date, time] => {
            let text = format!("{}T{time}Z", date.replace('/', "-"));
            u64::try_from(text.parse::<jiff::Timestamp>().ok()?.as_second()).ok()?
        }
        _ => return None,
    };
    seconds(secs)
}
