//! Reads a client's datagram.
//!
//! Strict where a guess could give a client somebody else's address, lenient everywhere else: a
//! missing END, odd padding and a malformed hint cost nobody the service.

use std::net::Ipv4Addr;

use dhcproto::v4::{MAGIC, MessageType, Opcode, borrowed};
use lessor_core::{
    Arrival, HardwareAddress, Reason, ReceivedOptions, RelayInformation, Request, RequestKind,
    option::code,
};
use smallvec::SmallVec;
use thiserror::Error;

use crate::{
    BOOT_FILE, OPTIONS_START, OVERLOAD_FILE, OVERLOAD_SERVER_NAME, SERVER_NAME, codes::CodeSet,
};

/// The least that option 57 may say; a client that says less is taken to mean this (RFC 2132
/// section 9.10).
const MESSAGE_SIZE_MIN: u16 = 576;

/// Why a datagram is no request.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("{fault}")]
pub struct Malformed {
    /// The reason to count it under; its outcome is always
    /// [`Malformed`](lessor_core::Outcome::Malformed).
    pub reason: Reason,
    fault: Fault,
}

/// What was found, and what was wanted instead.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
enum Fault {
    #[error("found {found} octets; wanted a DHCP header and magic cookie, at least 240")]
    TooShort { found: usize },
    #[error("found op {found}; wanted 1, a client's message (BOOTREQUEST)")]
    NotBootRequest { found: u8 },
    #[error("found a hardware address of {found} octets (hlen); wanted at most 16")]
    HardwareLength { found: u8 },
    #[error("the options do not begin with the magic cookie; wanted 99.130.83.99")]
    NoMagicCookie,
    #[error("option {code} runs over the end of the {field} field; wanted it to end within")]
    OptionTruncated { code: u8, field: &'static str },
    #[error("found option {code} with {found} octets; wanted {wanted}")]
    OptionLength { code: u8, found: usize, wanted: usize },
    #[error("found option 52 (overload) with value {found}; wanted 1, 2 or 3")]
    Overload { found: u8 },
    #[error("found no option 53, so this is BOOTP; wanted a DHCP message")]
    NoMessageType,
    #[error(
        "found message type {found} in option 53; wanted 1 (DISCOVER), 3 (REQUEST), 4 (DECLINE), \
         7 (RELEASE) or 8 (INFORM)"
    )]
    UnexpectedMessageType { found: u8 },
}

impl From<Fault> for Malformed {
    fn from(fault: Fault) -> Self {
        let reason = match fault {
            Fault::TooShort { .. } => Reason::TooShort,
            Fault::NotBootRequest { .. } => Reason::NotBootRequest,
            Fault::HardwareLength { .. } => Reason::HardwareLength,
            Fault::NoMagicCookie => Reason::NoMagicCookie,
            Fault::OptionTruncated { .. } => Reason::OptionTruncated,
            Fault::OptionLength { .. } | Fault::Overload { .. } => Reason::OptionLength,
            Fault::NoMessageType => Reason::NoMessageType,
            Fault::UnexpectedMessageType { .. } => Reason::UnexpectedMessageType,
        };
        Self { reason, fault }
    }
}

/// Reads the payload of a datagram that came in as `arrival` says.
///
/// Options are read from the options field and, where option 52 says so, from file and then sname
/// (RFC 2131 section 4.1); all parts of an option are joined before it is looked at (RFC 3396).
/// Options 51, 57 and 118 of a wrong length count as absent, and so does 0.0.0.0 in option 50.
pub fn parse(packet: &[u8], arrival: Arrival) -> Result<Request, Malformed> {
    let header =
        borrowed::Message::new(packet).map_err(|_| Fault::TooShort { found: packet.len() })?;
    if header.opcode() != Opcode::BootRequest {
        return Err(Fault::NotBootRequest { found: header.opcode().into() }.into());
    }
    // Checked before anything reads chaddr: dhcproto trusts hlen.
    if usize::from(header.hlen()) > HardwareAddress::OCTETS_MAX {
        return Err(Fault::HardwareLength { found: header.hlen() }.into());
    }
    let hardware_address = HardwareAddress::new(header.htype().into(), header.chaddr())
        .ok_or(Fault::HardwareLength { found: header.hlen() })?;
    let (options_start, options_field) = packet.split_at_checked(OPTIONS_START).unwrap_or_default();
    if !options_start.ends_with(&MAGIC) {
        return Err(Fault::NoMagicCookie.into());
    }
    let options = read_options(packet, options_field)?;

    Ok(Request {
        kind: message_kind(&options)?,
        arrival,
        transaction_id: header.xid(),
        elapsed_secs: header.secs(),
        flags: header.flags().into(),
        client_address: header.ciaddr(),
        relay_address: header.giaddr(),
        hardware_address,
        client_identifier: options.get(code::CLIENT_IDENTIFIER).map(Box::from),
        requested_address: required(&options, code::REQUESTED_ADDRESS)?
            .map(Ipv4Addr::from)
            .filter(|address| !address.is_unspecified()),
        // 0.0.0.0 names no server: it counts as if the option were absent.
        server_identifier: required(&options, code::SERVER_IDENTIFIER)?
            .map(Ipv4Addr::from)
            .filter(|address| !address.is_unspecified()),
        lease_time_secs: hint(&options, code::LEASE_TIME).map(u32::from_be_bytes),
        parameter_request_list: SmallVec::from_slice(
            options.get(code::PARAMETER_REQUEST_LIST).unwrap_or_default(),
        ),
        max_message_size: hint(&options, code::MAX_MESSAGE_SIZE)
            .map(|octets| u16::from_be_bytes(octets).max(MESSAGE_SIZE_MIN)),
        subnet_selection: hint(&options, code::SUBNET_SELECTION).map(Ipv4Addr::from),
        relay_information: options
            .get(code::RELAY_AGENT_INFORMATION)
            .map(RelayInformation::from_octets),
        options,
        packet: packet.into(),
    })
}

/// Option 53 as one of the messages that clients send.
fn message_kind(options: &ReceivedOptions) -> Result<RequestKind, Fault> {
    let [found] = required(options, code::MESSAGE_TYPE)?.ok_or(Fault::NoMessageType)?;
    match MessageType::from(found) {
        MessageType::Discover => Ok(RequestKind::Discover),
        MessageType::Request => Ok(RequestKind::Request),
        MessageType::Decline => Ok(RequestKind::Decline),
        MessageType::Release => Ok(RequestKind::Release),
        MessageType::Inform => Ok(RequestKind::Inform),
        _ => Err(Fault::UnexpectedMessageType { found }),
    }
}

/// An option that decides what is answered: another length than `N` is no message to answer.
fn required<const N: usize>(options: &ReceivedOptions, code: u8) -> Result<Option<[u8; N]>, Fault> {
    let Some(octets) = options.get(code) else { return Ok(None) };
    match octets.try_into() {
        Ok(octets) => Ok(Some(octets)),
        Err(_) => Err(Fault::OptionLength { code, found: octets.len(), wanted: N }),
    }
}

/// An option that is only a wish: of another length than `N`, it is as if it were not there.
fn hint<const N: usize>(options: &ReceivedOptions, code: u8) -> Option<[u8; N]> {
    options.get(code)?.try_into().ok()
}

/// The parts of options as they stand in the packet: code and octets. Most requests have fewer.
type Parts<'a> = SmallVec<[(u8, &'a [u8]); 24]>;

/// All options of the packet, parts joined.
fn read_options(packet: &[u8], options_field: &[u8]) -> Result<ReceivedOptions, Fault> {
    let mut parts = Parts::new();
    read_field(options_field, "options", &mut parts)?;
    let overload = overload(&parts)?;
    if overload != 0 {
        let mut overloaded = Parts::new();
        if overload & OVERLOAD_FILE != 0 {
            read_field(packet.get(BOOT_FILE).unwrap_or_default(), "file", &mut overloaded)?;
        }
        if overload & OVERLOAD_SERVER_NAME != 0 {
            read_field(packet.get(SERVER_NAME).unwrap_or_default(), "sname", &mut overloaded)?;
        }
        // Option 52 has a meaning in the options field alone (RFC 2132 section 9.3).
        parts.extend(overloaded.into_iter().filter(|(code, _)| *code != code::OVERLOAD));
    }
    Ok(join(parts))
}

/// Reads one field up to END or its own end.
fn read_field<'a>(field: &'a [u8], name: &'static str, parts: &mut Parts<'a>) -> Result<(), Fault> {
    let mut rest = field;
    loop {
        rest = match rest {
            [] | [code::END, ..] => return Ok(()),
            [code::PAD, tail @ ..] => tail,
            [code, tail @ ..] => {
                let (octets, after) = tail
                    .split_first()
                    .and_then(|(length, tail)| tail.split_at_checked(usize::from(*length)))
                    .ok_or(Fault::OptionTruncated { code: *code, field: name })?;
                parts.push((*code, octets));
                after
            }
        };
    }
}

/// Which header fields hold options too: the value of option 52, zero without one.
fn overload(parts: &Parts<'_>) -> Result<u8, Fault> {
    let values = || parts.iter().filter(|(code, _)| *code == code::OVERLOAD).map(|(_, part)| *part);
    match (values().next(), values().map(<[u8]>::len).sum()) {
        (None, _) => Ok(0),
        (Some([value @ 1..=3]), 1) => Ok(*value),
        (Some([value]), 1) => Err(Fault::Overload { found: *value }),
        (_, found) => Err(Fault::OptionLength { code: code::OVERLOAD, found, wanted: 1 }),
    }
}

/// Joins the parts of each option in their order (RFC 3396).
///
/// `ReceivedOptions` joins at no cost what is adjacent; parts that stand apart are brought
/// together first, so that a packet made of nothing but scattered parts costs no more memory than
/// it has octets.
fn join(mut parts: Parts<'_>) -> ReceivedOptions {
    if is_scattered(&parts) {
        let mut first_seen = [usize::MAX; 256];
        for (position, (code, _)) in parts.iter().enumerate() {
            if let Some(first) = first_seen.get_mut(usize::from(*code)) {
                *first = position.min(*first);
            }
        }
        parts.sort_by_key(|(code, _)| first_seen.get(usize::from(*code)).copied());
    }
    let octets = parts.iter().map(|(_, part)| part.len()).sum();
    let mut options = ReceivedOptions::with_capacity(octets);
    for (code, part) in parts {
        options.append(code, part);
    }
    options
}

/// Whether another option stands between two parts of one.
fn is_scattered(parts: &Parts<'_>) -> bool {
    let mut seen = CodeSet::default();
    let mut previous = None;
    parts.iter().any(|(code, _)| previous.replace(*code) != Some(*code) && !seen.insert(*code))
}
