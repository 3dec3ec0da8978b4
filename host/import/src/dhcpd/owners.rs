//! Which client a host of `dhcpd.conf` is: `hardware`, `option dhcp-client-identifier` and
//! `host-identifier`.

use lessor_core::{HardwareAddress, ReservationOwner, relay::SUBSCRIBER_ID};

use crate::option_value;

use super::grammar::{Statement, Token};

/// Whether a statement of a host says which client it is.
pub(super) fn is_owner(statement: &Statement) -> bool {
    match statement.word(0).unwrap_or_default() {
        "hardware" | "host-identifier" => true,
        "option" => matches!(
            statement.word(1),
            Some("dhcp-client-identifier" | "dhcp.dhcp-client-identifier")
        ),
        _ => false,
    }
}

/// Reads such a statement.
///
/// # Errors
/// Returns why it is not carried.
pub(super) fn read(statement: &Statement) -> Result<ReservationOwner, String> {
    match statement.word(0).unwrap_or_default() {
        "hardware" => hardware(statement),
        "host-identifier" => circuit_id(statement),
        _ => identifier(statement),
    }
}

fn hardware(statement: &Statement) -> Result<ReservationOwner, String> {
    let kind = match statement.word(1).unwrap_or_default() {
        "ethernet" => 1,
        "token-ring" => 6,
        "infiniband" => 32,
        kind => return Err(format!("hardware of the type {kind:?} is not known")),
    };
    let octets = statement.word(2).and_then(option_value::hexadecimal_octets);
    let address = octets.and_then(|octets| HardwareAddress::new(kind, &octets));
    let address = address.ok_or("it is not a hardware address")?;
    Ok(ReservationOwner::HardwareAddress(address))
}

fn identifier(statement: &Statement) -> Result<ReservationOwner, String> {
    let octets = octets(statement.after(2)).ok_or("it is an expression")?;
    Ok(ReservationOwner::ClientIdentifier(octets.into()))
}

/// `host-identifier option agent.circuit-id VALUE;` and the like.
fn circuit_id(statement: &Statement) -> Result<ReservationOwner, String> {
    let octets = octets(statement.after(3)).ok_or("it is an expression")?;
    match statement.word(2).unwrap_or_default() {
        "agent.circuit-id" => Ok(ReservationOwner::circuit_id(octets)),
        "agent.remote-id" => Ok(ReservationOwner::remote_id(octets)),
        "agent.subscriber-id" => Ok(ReservationOwner::RelaySubOption(SUBSCRIBER_ID, octets.into())),
        "dhcp-client-identifier" => Ok(ReservationOwner::ClientIdentifier(octets.into())),
        name => Err(format!("clients are not identified by {name:?}")),
    }
}

/// A text in quotes, or hexadecimal digits.
fn octets(value: &[Token]) -> Option<Vec<u8>> {
    let octets = match value {
        [Token::Quoted(octets)] => Some(octets.clone()),
        [Token::Word(word)] => option_value::hexadecimal_octets(word),
        _ => None,
    };
    octets.filter(|octets| !octets.is_empty())
}
