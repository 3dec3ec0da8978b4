//! The sub-options of option 82 in `dhcpd.leases`.

use std::net::Ipv4Addr;

use lessor_core::relay;

use crate::{
    dhcpd::grammar::{Statement, Token},
    option_value,
};

/// The sub-option with the class of a DOCSIS device (RFC 3256), which dhcpd writes as a number.
const DOCSIS_DEVICE_CLASS: u8 = 4;

/// Reads `option agent.NAME VALUE;`; `None` if it is another option.
///
/// # Errors
/// Returns why it is not carried.
pub(super) fn read(statement: &Statement) -> Option<Result<(u8, Vec<u8>), String>> {
    let name = statement.word(1)?.strip_prefix("agent.")?;
    Some(sub_option(name, statement.after(2)))
}

fn sub_option(name: &str, value: &[Token]) -> Result<(u8, Vec<u8>), String> {
    let code = match name {
        "circuit-id" => relay::CIRCUIT_ID,
        "remote-id" => relay::REMOTE_ID,
        "agent-id" => 3,
        "docsis-device-class" => DOCSIS_DEVICE_CLASS,
        "link-selection" => relay::LINK_SELECTION,
        "subscriber-id" => relay::SUBSCRIBER_ID,
        "relay-port" => relay::SOURCE_PORT,
        other => {
            let number = other.strip_prefix("unknown-").and_then(|number| number.parse().ok());
            number.ok_or_else(|| format!("no sub-option is known that is named {name:?}"))?
        }
    };
    let octets = octets(code, value).filter(|octets| octets.len() <= usize::from(u8::MAX));
    Ok((code, octets.ok_or("its value is not at most 255 octets")?))
}

fn octets(code: u8, value: &[Token]) -> Option<Vec<u8>> {
    match value {
        [] => Some(Vec::new()),
        [Token::Word(number)] if code == DOCSIS_DEVICE_CLASS => {
            number.parse::<u32>().ok().map(|number| number.to_be_bytes().to_vec())
        }
        [Token::Word(word)] => match word.parse::<Ipv4Addr>() {
            Ok(address) => Some(address.octets().to_vec()),
            Err(_) => option_value::hexadecimal_octets(word),
        },
        [Token::Quoted(octets)] => Some(octets.clone()),
        _ => None,
    }
}
