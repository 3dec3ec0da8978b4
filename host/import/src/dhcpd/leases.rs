//! `dhcpd.leases`: a log, whose last entry about an address counts.

use std::net::Ipv4Addr;

use lessor_core::{BindingState, HardwareAddress, HostName, RelayInformation, Timestamp, relay};

use crate::{
    input::Text,
    leases::{FoundLease, Gathered, Times},
    option_value,
    place::Refusal,
};

use super::grammar::{Parser, Statement, Token};

/// What the statements of a lease say.
#[derive(Default)]
struct Said {
    starts: Option<Timestamp>,
    ends: Option<Timestamp>,
    last_heard: Option<Timestamp>,
    state: Option<String>,
    hardware_address: Option<HardwareAddress>,
    identifier: Option<Box<[u8]>>,
    circuit_id: Option<Vec<u8>>,
    remote_id: Option<Vec<u8>>,
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
        let help = "the file is damaged; copy it again";
        return Err(statement.place.refuse("the lease has no address or no block", help));
    };
    let mut said = Said::default();
    block.iter().try_for_each(|inner| said.take(inner))?;
    let Some(ends) = said.ends else {
        // An address that was never given to anybody.
        into.remove(address);
        return Ok(());
    };
    let last_heard = said.last_heard.or(said.starts).unwrap_or(ends.min(times.clock));
    let state = match said.state.as_deref() {
        Some("active") | None => BindingState::Leased,
        Some("abandoned") => BindingState::Quarantined,
        Some("expired") => BindingState::Leased,
        _ => BindingState::Released,
    };
    if state != BindingState::Quarantined
        && said.hardware_address.is_none()
        && said.identifier.is_none()
    {
        into.remove(address);
        return Ok(());
    }
    let is_over = state == BindingState::Released;
    into.put(FoundLease {
        place: statement.place.clone(),
        address,
        vpn: None,
        relay_information: said.relay_information(),
        hardware_address: said.hardware_address,
        identifier: said.identifier,
        host_name: said.host_name,
        subscriber: None,
        state,
        began_at: Some(said.starts.unwrap_or(last_heard)),
        changed_at: Some(last_heard),
        expires_at: if is_over { ends.min(times.clock) } else { ends },
    });
    Ok(())
}

impl Said {
    fn take(&mut self, statement: &Statement) -> Result<(), Refusal> {
        let time = || {
            time(statement.after(1)).ok_or_else(|| {
                let found = format!("{:?} is not a time", statement.shown());
                statement.place.refuse(found, "the file is damaged; copy it again")
            })
        };
        match statement.word(0).unwrap_or_default() {
            "starts" => self.starts = Some(time()?),
            "ends" => self.ends = Some(time()?),
            "cltt" => self.last_heard = Some(time()?),
            "binding" => self.state = statement.word(2).map(str::to_owned),
            "abandoned" => self.state = Some("abandoned".to_owned()),
            "hardware" => self.hardware_address = hardware(statement),
            "uid" => self.identifier = octets(statement.after(1)).map(Vec::into_boxed_slice),
            "client-hostname" => {
                let octets = octets(statement.after(1));
                self.host_name = octets.and_then(|octets| HostName::sanitised(&octets).ok());
            }
            "option" => match statement.word(1) {
                Some("agent.circuit-id") => self.circuit_id = octets(statement.after(2)),
                Some("agent.remote-id") => self.remote_id = octets(statement.after(2)),
                _ => {}
            },
            _ => {}
        }
        Ok(())
    }

    fn relay_information(&self) -> Option<RelayInformation> {
        let parts = [(relay::CIRCUIT_ID, &self.circuit_id), (relay::REMOTE_ID, &self.remote_id)];
        let parts = parts.into_iter().filter_map(|(code, octets)| Some((code, octets.as_deref()?)));
        let information = RelayInformation::from_sub_options(parts);
        (!information.octets().is_empty()).then_some(information)
    }
}

fn hardware(statement: &Statement) -> Option<HardwareAddress> {
    let kind = match statement.word(1)? {
        "ethernet" => 1,
        "token-ring" => 6,
        "fddi" => 8,
        "infiniband" => 32,
        other => other.strip_prefix("unknown-")?.parse().ok()?,
    };
    HardwareAddress::new(kind, &option_value::hexadecimal_octets(statement.word(2)?)?)
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
    Some(Timestamp::from_unix_ms(secs.saturating_mul(1000).min(u64::MAX - 1)))
}
